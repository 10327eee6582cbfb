"""Second opinions: what tools write is read strictly, judged like our own findings, exempted like them."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from policies import cli
from policies.core import exemptions, manifests
from policies.core.errors import PolicyInputError
from policies.core.paths import OPINIONS
from policies.core.state import read_state
from policies.opinions import schemas
from policies.opinions.opinion import (
    Opinion,
    findings,
    is_rule_id,
    of_checkov,
    of_dry_run,
    of_kube_score,
    of_kubeconform,
)

if TYPE_CHECKING:
    from pathlib import Path

TODAY = dt.date(2026, 11, 22)
REFERENCES = "#/components/schemas/"


def checkov(*failed: dict[str, str], resources: int = 200, errors: int = 0) -> str:
    part = {
        "check_type": "kubernetes",
        "results": {"failed_checks": list(failed)},
        "summary": {"parsing_errors": errors, "resource_count": resources},
    }
    return json.dumps(part)


FAILED = {
    "check_id": "CKV_K8S_11",
    "resource": "Job.plinth.train-53c7bbb5e0e6",
    "file_path": "/stack.yaml",
    "check_name": "CPU limits should be set",
}


def score(grade: int, *, skipped: bool = False) -> str:
    check = {"id": "container-resources", "comment": "Asks for limits"}
    comments = [{"path": "main", "summary": "CPU limit is not set"}]
    held = {
        "type_meta": {"kind": "Deployment"},
        "object_meta": {"name": "serving", "namespace": "plinth"},
        "checks": [{"check": check, "grade": grade, "skipped": skipped, "comments": comments}],
    }
    return json.dumps([held])


def conform(status: str, kind: str = "Service", message: str = "") -> str:
    return json.dumps({"resources": [{"kind": kind, "name": "serving", "status": status, "msg": message}]})


def test_checkov_names_the_object_without_the_digest_of_its_release() -> None:
    (opinion,), seen = of_checkov(checkov(FAILED))
    assert seen == 200
    assert opinion.resource == "Job::plinth/train-<digest>"
    (finding,) = findings([opinion, opinion])
    assert finding.rule.id == "checkov-ckv-k8s-11"
    assert finding.rule.public_ids == ("CKV_K8S_11",)


def test_kube_score_speaks_of_warnings_and_not_of_what_is_right_or_skipped() -> None:
    assert of_kube_score(score(5))[0] == [
        Opinion(
            "kubescore",
            "container-resources",
            "Deployment::plinth/serving",
            "Asks for limits",
            "main: CPU limit is not set",
        )
    ]
    assert of_kube_score(score(10))[0] == []
    assert of_kube_score(score(1, skipped=True))[0] == []


@pytest.mark.parametrize(
    ("status", "check"),
    [("statusInvalid", "schema"), ("statusError", "error"), ("statusSkipped", "skipped")],
)
def test_kubeconform_complains_of_whatever_is_not_valid(status: str, check: str) -> None:
    (opinion,), seen = of_kubeconform(conform(status, message="at '/spec'"))
    assert (opinion.check, seen) == (check, 1)
    assert of_kubeconform(conform("statusValid"))[0] == []


def test_a_document_of_comments_is_no_object() -> None:
    assert of_kubeconform(conform("", kind="")) == ([], 0)


def test_a_warning_of_the_server_is_an_opinion_like_a_refusal() -> None:
    refused = 'The Deployment "serving" is invalid: spec.replicas: Invalid value: -1'
    warned = 'Warning: would violate PodSecurity "restricted:latest": privileged'
    held = of_dry_run(f"{refused}\n\n{warned}\n")
    assert [opinion.check for opinion in held] == ["refused", "warning"]
    assert held[0].resource == "Deployment::/serving"


@pytest.mark.parametrize("text", ["", "{", "{}", '{"passed": 0}', "null", "3"])
def test_what_is_no_report_is_no_opinion(text: str) -> None:
    for read in (of_checkov, of_kube_score, of_kubeconform):
        with pytest.raises(PolicyInputError):
            read(text)


def test_checkov_may_not_leave_out_what_it_can_not_parse() -> None:
    with pytest.raises(PolicyInputError, match="could not read"):
        of_checkov(checkov(errors=1))


# --- the command -------------------------------------------------------------------------------------------


class Tools:
    """Programs that say what a test wants to hear."""

    def __init__(self, folder: Path, stack: Path, rendered: Path) -> None:
        self.folder = folder
        self.stack = stack
        self.rendered = rendered
        self.say("checkov", checkov())
        self.say("kube-score", "[]")

    def say(self, name: str, out: str, status: int = 0) -> None:
        path = self.folder / name
        words = f"#!{sys.executable}\nimport sys\nsys.stdout.write({out!r})\nsys.exit({status})\n"
        path.write_text(words)
        path.chmod(0o755)

    def judge(self, *more: str) -> int:
        arguments = ["opinions", str(self.stack), "--manifests", str(self.rendered)]
        arguments += [
            "--checkov",
            str(self.folder / "checkov"),
            "--kube-score",
            str(self.folder / "kube-score"),
        ]
        arguments += ["--without", "kubeconform", "--without", "dryrun"]
        if "--exemptions" not in more:
            arguments += ["--exemptions", str(self.folder / "none.yaml")]
        return cli.main([*arguments, *more])


@pytest.fixture
def tools(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setattr(cli, "today", lambda: TODAY)
    return Tools(tmp_path, folder / "state.json", folder / "envoy-gateway.yaml")


def exemption(path: Path, **changes: Any) -> str:
    held = {
        "rule": "checkov-ckv-k8s-11",
        "resources": ["Job::plinth/train-<digest>"],
        "reason": "CPU is shared by requests and not limited, on purpose",
        "owner": "platform",
        "expires": TODAY + dt.timedelta(days=30),
        **changes,
    }
    path.write_text(yaml.safe_dump([held]))
    return str(path)


def test_tools_that_complain_of_nothing_open_the_gate(tools: Tools) -> None:
    assert tools.judge() == cli.PASSED


def test_a_complaint_closes_the_gate_and_is_written_for_ci(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.say("checkov", checkov(FAILED), status=1)
    sarif, junit = tmp_path / "o.sarif", tmp_path / "o.xml"
    assert tools.judge("--sarif", str(sarif), "--junit", str(junit)) == cli.FAILED
    assert "checkov-ckv-k8s-11" in capsys.readouterr().out
    (result,) = json.loads(sarif.read_text())["runs"][0]["results"]
    assert result["ruleId"] == "checkov-ckv-k8s-11"
    assert 'name="kubescore-ran"' in junit.read_text()


def test_an_exemption_opens_the_gate_until_it_expires(tools: Tools, tmp_path: Path) -> None:
    tools.say("checkov", checkov(FAILED), status=1)
    path = tmp_path / "opinions.yaml"
    assert tools.judge("--exemptions", exemption(path)) == cli.PASSED
    assert tools.judge("--exemptions", exemption(path, expires=TODAY - dt.timedelta(days=1))) == cli.FAILED


def test_each_resource_of_an_exemption_has_to_match(tools: Tools, tmp_path: Path) -> None:
    tools.say("checkov", checkov(FAILED), status=1)
    both = ["Job::plinth/train-<digest>", "Deployment::plinth/serving"]
    assert tools.judge("--exemptions", exemption(tmp_path / "e.yaml", resources=both)) == cli.FAILED
    assert tools.judge("--exemptions", exemption(tmp_path / "e.yaml", rule="mine-own")) == cli.UNUSABLE


def test_a_tool_that_saw_too_little_or_fails_judges_nothing(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.say("checkov", checkov(resources=1))
    assert tools.judge() == cli.UNUSABLE
    assert "looked at 1 of at least" in capsys.readouterr().err
    tools.say("checkov", checkov())
    tools.say("kube-score", "", status=3)
    assert tools.judge() == cli.UNUSABLE
    assert tools.judge("--kube-score", "/nowhere/kube-score") == cli.UNUSABLE


def test_a_chart_that_was_not_rendered_is_not_passed_over(tools: Tools, tmp_path: Path) -> None:
    arguments = [
        "opinions",
        str(tools.stack),
        "--checkov",
        str(tmp_path / "checkov"),
        "--without",
        "kubescore",
    ]
    assert cli.main([*arguments, "--without", "kubeconform", "--without", "dryrun"]) == cli.UNUSABLE


def test_the_server_is_not_left_out_by_accident(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    programs = [f"--{name}={tools.folder / name}" for name in ("checkov", "kube-score")]
    programs += [f"--kubeconform={tools.folder / 'checkov'}", f"--kubectl={tools.folder / 'checkov'}"]
    arguments = ["opinions", str(tools.stack), "--manifests", str(tools.rendered), *programs]
    assert cli.main(arguments) == cli.UNUSABLE
    assert "--kubeconfig" in capsys.readouterr().err


def test_the_exemptions_that_we_keep_can_be_used() -> None:
    held = exemptions.load(OPINIONS, is_rule_id, TODAY)
    assert held
    assert all(one.expires >= TODAY for one in held)


# --- what the tools are shown -------------------------------------------------------------------------------


def test_manifests_hold_what_was_asked_for_and_nothing_of_the_server(tmp_path: Path) -> None:
    urn = "urn:pulumi:prod::plinth::kubernetes:core/v1:ConfigMap::settings"
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    outputs = {**inputs, "metadata": {"name": "settings", "uid": "1"}, "__recordedOnly": True}
    chart = {"urn": f"{urn}-chart", "type": "kubernetes:helm.sh/v3:Release", "inputs": {"chart": "x"}}
    entries = [
        {"urn": urn, "type": "kubernetes:core/v1:ConfigMap", "inputs": inputs, "outputs": outputs},
        chart,
    ]
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"deployment": {"resources": entries}}))
    written = manifests.write(read_state(path)[1], tmp_path / "out")
    assert written is not None
    assert list(yaml.safe_load_all(written.read_text())) == [inputs]
    assert written.stat().st_mode & 0o077 == 0


DOCUMENT: dict[str, Any] = {
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "spec": {"allOf": [{"$ref": REFERENCES + "Spec"}], "default": {}},
                    "size": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}]},
                },
                "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Thing"}],
            },
            "Spec": {
                "type": "object",
                "properties": {"free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                "oneOf": [{"properties": {"free": {"type": "object"}}}],
            },
            "Other": {"type": "object"},
        }
    }
}


def test_schemas_stand_alone_refuse_unknown_fields_and_take_null_for_absent(tmp_path: Path) -> None:
    assert schemas.write([DOCUMENT], tmp_path) == 1
    held = json.loads((tmp_path / "v1_v1_thing.json").read_text())
    assert set(held["definitions"]) == {"Thing", "Spec"}
    thing, spec = held["definitions"]["Thing"], held["definitions"]["Spec"]
    assert thing["additionalProperties"] is False
    assert thing["properties"]["spec"] == {"allOf": [{"$ref": "#/definitions/Spec"}]}
    assert {"type": "null"} in thing["properties"]["size"]["anyOf"]
    assert {"type": ["string", "integer"]} in thing["properties"]["size"]["anyOf"]
    assert spec["additionalProperties"] is False
    assert "additionalProperties" not in spec["oneOf"][0]


def test_documents_without_a_kind_are_no_schemas(tmp_path: Path) -> None:
    with pytest.raises(PolicyInputError):
        schemas.write([{"components": {"schemas": {"Other": {}}}}], tmp_path)
