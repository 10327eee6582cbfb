"""Each act fails where what it stands for does not hold; the engine and the emulators are played by hand."""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from local.errors import LocalError
from local.rehearsal.acts import CHANGED_TYPE, Acts
from local.rehearsal.rehearsal import Preview

LIFECYCLE = f"urn:pulumi:prod::plinth::plinth:index:DataStores${CHANGED_TYPE}::data-quarantine-lifecycle"
TABLE = "urn:pulumi:prod::plinth::aws:dynamodb/table:Table::predictions"
PROTECTED = {
    "urn": TABLE,
    "type": "aws:dynamodb/table:Table",
    "id": "predictions",
    "protect": True,
    "retainOnDelete": True,
}


class Stage:
    """Plays a rehearsal: what the engine says, and what exists."""

    def __init__(self) -> None:
        self.resources: list[dict[str, Any]] = [PROTECTED]
        self.config: dict[str, Any] = {}
        self.steps: list[dict[str, Any]] = []
        self.refuses = True
        self.there: set[str] = set()
        self.changes = {"same": 1, "update": 1}
        self.preview_status = 0
        progress = SimpleNamespace(say=lambda _text: None, step=lambda *_args, **_more: nullcontext())
        self.stack = SimpleNamespace(
            name="prod",
            resources=lambda: list(self.resources),
            attempt=self._attempt,
            destroy=lambda _progress: self.resources.clear(),
        )
        self.rehearsal: Any = SimpleNamespace(
            stack=self.stack,
            progress=progress,
            project=SimpleNamespace(config=lambda: self.config, set=lambda *_words, **_more: None),
            cluster=SimpleNamespace(objects=set),
            preview=lambda *_words: Preview(self.preview_status, {"steps": self.steps}, "is protected"),
            bring_up=lambda *_words: self.changes,
        )

    def _attempt(self, *_words: str, timeout: float) -> subprocess.CompletedProcess[str]:
        del timeout
        return subprocess.CompletedProcess([], 1 if self.refuses else 0, "resource is protected", "")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def acts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Acts:
    monkeypatch.setattr(Acts, "_inventory", lambda _acts: set(stage.there))
    monkeypatch.setattr(Acts, "_check_tags", lambda _acts, _resources: None)
    return Acts(stage.rehearsal)


def test_one_setting_that_changes_its_one_resource_passes(stage: Stage, acts: Acts) -> None:
    stage.steps = [{"op": "update", "urn": LIFECYCLE}]
    acts.change_one_setting()


def test_one_setting_that_changes_something_else_as_well_is_an_error_that_names_it(
    stage: Stage, acts: Acts
) -> None:
    stage.steps = [{"op": "update", "urn": LIFECYCLE}, {"op": "replace", "urn": TABLE}]
    with pytest.raises(LocalError, match=r"replace aws:dynamodb/table:Table predictions"):
        acts.change_one_setting()


def test_an_update_that_comes_out_otherwise_than_it_was_planned_is_an_error(stage: Stage, acts: Acts) -> None:
    stage.steps = [{"op": "update", "urn": LIFECYCLE}]
    stage.changes = {"same": 1, "update": 1, "delete": 1}
    with pytest.raises(LocalError, match="'delete': 1"):
        acts.change_one_setting()


def test_a_refused_destroy_and_a_refused_replacement_pass(stage: Stage, acts: Acts) -> None:
    stage.preview_status = 1
    acts.refuse_loss()


def test_a_destroy_that_is_not_refused_is_an_error(stage: Stage, acts: Acts) -> None:
    stage.refuses = False
    with pytest.raises(LocalError, match="was not refused"):
        acts.refuse_loss()


def test_a_replacement_of_protected_keys_that_is_not_refused_is_an_error(acts: Acts) -> None:
    with pytest.raises(LocalError, match="would replace protected keys"):
        acts.refuse_loss()


def test_no_protection_at_all_is_an_error_unless_the_config_asks_for_it(stage: Stage, acts: Acts) -> None:
    stage.resources = [{**PROTECTED, "protect": False}]
    with pytest.raises(LocalError, match="No resource is protected"):
        acts.refuse_loss()
    stage.config = {"plinth:data": {"protect": False}}
    acts.refuse_loss()


REFUSAL = {
    "urn": "urn:pulumi:prod::plinth::aws:backup/vaultPolicy:VaultPolicy::recovery-vault-policy",
    "type": "aws:backup/vaultPolicy:VaultPolicy",
    "id": "plinth-prod-vault",
}


@pytest.mark.parametrize("retained", [True, False])
def test_what_leaves_with_the_protection_may_not_have_been_retained(
    stage: Stage, acts: Acts, *, retained: bool
) -> None:
    stage.resources = [PROTECTED, {**REFUSAL, "retainOnDelete": retained}]

    def update(*_words: str) -> dict[str, int]:
        stage.resources = [{**PROTECTED, "protect": False}]
        return {"update": 1, "delete": 1}

    stage.rehearsal.bring_up = update
    with pytest.raises(LocalError, match="recovery-vault-policy") if retained else nullcontext():
        acts.take_protection_off()


def test_exactly_what_is_retained_may_be_left(stage: Stage, acts: Acts) -> None:
    stage.there = {"aws:dynamodb/table:Table predictions"}
    acts.destroy()


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (set(), "to be retained, and gone: aws:dynamodb/table:Table predictions"),
        (
            {"aws:dynamodb/table:Table predictions", "aws:sqs/queue:Queue forgotten"},
            "left, and not to be retained: aws:sqs/queue:Queue forgotten",
        ),
    ],
)
def test_more_or_less_than_what_is_retained_is_an_error(
    stage: Stage, acts: Acts, there: set[str], told: str
) -> None:
    stage.there = there
    with pytest.raises(LocalError, match=told):
        acts.destroy()
