"""`make policy`: what closes the gate, and what each of its stages is shown."""

from __future__ import annotations

import io
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.commands import policy as module
from local.commands.policy import Gate, _Inputs, _refusals
from local.errors import LocalError
from local.progress import Progress

OUTPUT = """\
Policies:
    plinth@v0.1.0 (local: policies)
        - [advisory]  s3-tls-only  (aws:s3/bucketPolicy:BucketPolicy: raw)
          Every bucket refuses requests without TLS
          can't run policy 's3-tls-only' during preview: raw: policy: cannot-decide, unknown until the update
        - [mandatory]  s3-versioning  (aws:s3/bucket:Bucket: raw)
          Every bucket keeps versions
          aws:s3/bucket:Bucket::raw: <BucketVersioning> is absent. Add one.
Resources:
    + 3 to create
"""


@dataclass
class FakeStack:
    """An engine that says what it is told to, and notes what it was asked."""

    refuses: tuple[tuple[str, ...], ...] = ()
    resources_held: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    name: str = "prod"

    def attempt(self, *words: str, timeout: float) -> subprocess.CompletedProcess[str]:
        assert timeout > 0
        self.asked.append(words)
        refused = any(all(word in words for word in wanted) for wanted in self.refuses)
        return subprocess.CompletedProcess(words, 1 if refused else 0, OUTPUT, "")

    def run(self, *words: str) -> str:
        self.asked.append(words)
        return json.dumps({"deployment": {"resources": self.resources_held}})

    def resources(self) -> list[dict[str, Any]]:
        return self.resources_held


def rehearsal(folder: Path, stack: FakeStack) -> Any:
    return SimpleNamespace(stack=stack, project=SimpleNamespace(folder=folder, root=folder / "project"))


def gate(folder: Path, said: io.StringIO | None = None) -> Gate:
    reports = folder / "reports"
    reports.mkdir()
    return Gate("prod", reports, Progress(stream=said or io.StringIO()))


def test_only_mandatory_violations_are_shown_of_what_the_engine_says() -> None:
    shown = _refusals(OUTPUT)
    assert "s3-versioning" in shown
    assert "<BucketVersioning> is absent" in shown
    assert "s3-tls-only" not in shown


def test_a_preview_that_a_rule_refuses_closes_the_gate_and_keeps_what_was_said(tmp_path: Path) -> None:
    held = gate(tmp_path)
    held._preview(rehearsal(tmp_path, FakeStack(refuses=(("preview",),))), ["--policy-pack", "p"])
    assert held.failed == ["preview"]
    assert (held.reports / "preview.txt").read_text() == OUTPUT


def test_what_a_preview_can_not_decide_is_counted(tmp_path: Path) -> None:
    said = io.StringIO()
    held = gate(tmp_path, said)
    held._preview(rehearsal(tmp_path, FakeStack()), [])
    assert held.failed == []
    assert "1 rules wait for values" in said.getvalue()


def test_an_update_that_a_rule_stops_goes_on_without_the_pack_so_that_the_rest_is_judged(
    tmp_path: Path,
) -> None:
    held, stack = gate(tmp_path), FakeStack(refuses=(("up", "--policy-pack"),))
    held._apply(rehearsal(tmp_path, stack), ["--policy-pack", "p"])
    assert held.failed == ["update"]
    assert "--policy-pack" in stack.asked[0]
    assert "--policy-pack" not in stack.asked[1]


def test_an_environment_that_does_not_come_up_at_all_is_told_apart_from_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="with or without rules"):
        gate(tmp_path)._apply(rehearsal(tmp_path, FakeStack(refuses=(("up",),))), ["--policy-pack", "p"])


def test_secrets_are_exported_into_a_folder_that_only_its_owner_reads(tmp_path: Path) -> None:
    stack = FakeStack()
    inputs = _Inputs.of(rehearsal(tmp_path, stack), Path("config.json"))
    assert "--show-secrets" in stack.asked[0]
    assert inputs.state.parent.stat().st_mode & 0o777 == 0o700


def test_a_chart_that_was_only_recorded_is_not_asked_of_helm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = [
        {"type": module.RELEASE, "id": "a/installed", "outputs": {}},
        {"type": module.RELEASE, "id": "b/recorded", "outputs": {"__recordedOnly": True}},
    ]
    monkeypatch.setattr(module, "_rendered", lambda _rehearsal, resource, _folder: Path(resource["id"]))
    inputs = _Inputs.of(rehearsal(tmp_path, FakeStack(resources_held=releases)), Path("config.json"))
    assert inputs.charts == (Path("a/installed"),)


def test_a_stage_that_fails_is_named_and_its_words_are_kept(tmp_path: Path) -> None:
    held = gate(tmp_path)
    held._ask("resolved state", "check-state", str(tmp_path / "no-such-state.json"))
    assert held.failed == ["resolved state"]
    assert "no readable JSON" in (held.reports / "check-state.txt").read_text()


def test_every_environment_with_a_config_counts_for_coverage() -> None:
    assert module._environments() >= {"dev", "local", "prod", "recovery", "staging"}
