"""The gate: state, manifests, config and exemptions in; exit status, SARIF and JUnit out."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from policies import cli
from policies.core import config, coverage, exemptions
from policies.core.errors import PolicyInputError
from policies.core.paths import EXEMPTIONS, PACK
from policies.core.resources import canonical_type
from policies.core.state import read_manifests, read_state
from policies.registry import RULES
from tests.policies.compliant import state

if TYPE_CHECKING:
    from pathlib import Path

TODAY = dt.date(2026, 11, 22)
RAW = "aws:s3/bucket:Bucket::raw"


def check(folder: Path, *more: str, held: dict[str, Any] | None = None, tmp: Path | None = None) -> int:
    path = folder / "state.json"
    if held is not None and tmp is not None:
        path = tmp / "state.json"
        path.write_text(json.dumps(held))
    arguments = ["check-state", str(path), "--manifests", str(folder / "envoy-gateway.yaml")]
    arguments += ["--release", str(folder / "prod.yaml"), "--model-card", str(folder / "card.md")]
    if "--exemptions" not in more:
        arguments += ["--exemptions", str(folder / "none.yaml")]
    return cli.main([*arguments, *more])


def with_public_raw_bucket() -> dict[str, Any]:
    held = state()
    for entry in held["deployment"]["resources"]:
        if entry["urn"].endswith("::raw"):
            entry["outputs"]["acl"] = "public-read"
    return held


def exemption(**changes: Any) -> dict[str, Any]:
    return {
        "rule": "s3-no-inline-acl",
        "resource": RAW,
        "reason": "the partner reads this bucket until its own access point is ready",
        "owner": "ml-platform",
        "expires": TODAY + dt.timedelta(days=30),
        **changes,
    }


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "today", lambda: TODAY)


def test_the_gate_opens_for_a_compliant_state(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(folder) == cli.PASSED
    assert "0 violations, 0 not decided" in capsys.readouterr().out


def test_the_gate_closes_on_a_violation_and_names_everything(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(folder, held=with_public_raw_bucket(), tmp=tmp_path) == cli.FAILED
    out = capsys.readouterr().out
    for part in ("s3-no-inline-acl", RAW, "public-read", "remedy:"):
        assert part in out


def test_the_gate_closes_when_a_rule_could_not_run(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sarif = tmp_path / "out.sarif"
    assert cli.main(["check-state", str(folder / "state.json"), "--sarif", str(sarif)]) == cli.FAILED
    assert "CANNOT-DECIDE  kubernetes-charts-rendered" in capsys.readouterr().out
    invocation = json.loads(sarif.read_text())["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False


def test_a_chart_of_others_is_judged_like_our_own(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = list(yaml.safe_load_all((folder / "envoy-gateway.yaml").read_text()))
    held[0]["spec"]["template"]["spec"]["hostNetwork"] = True
    (tmp_path / "envoy-gateway.yaml").write_text(yaml.safe_dump_all(held))
    rendered = str(tmp_path / "envoy-gateway.yaml")
    assert cli.main(["check-state", str(folder / "state.json"), "--manifests", rendered]) == cli.FAILED
    assert "kubernetes:apps/v1:Deployment::envoy-gateway/controller" in capsys.readouterr().out


def test_sarif_names_rule_resource_and_remedy(folder: Path, tmp_path: Path) -> None:
    sarif = tmp_path / "out.sarif"
    check(folder, "--sarif", str(sarif), held=with_public_raw_bucket(), tmp=tmp_path)
    log = json.loads(sarif.read_text())
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert run["automationDetails"] == {"id": "rules/prod/"}
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert {rule.id for rule in RULES} <= set(ids)
    (result,) = run["results"]
    assert result["ruleId"] == "s3-no-inline-acl"
    assert result["ruleId"] in ids
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].endswith("::raw")
    assert "Remove acl" in result["message"]["text"] or "Set acl" in result["message"]["text"]


def test_junit_counts_a_case_for_each_rule(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.xml"
    check(folder, "--junit", str(path), held=with_public_raw_bucket(), tmp=tmp_path)
    suite = ET.fromstring(path.read_text()).find("testsuite")  # noqa: S314 - our own file
    assert suite is not None
    assert suite.get("tests") == str(len(RULES))
    assert suite.get("failures") == "1"
    failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed == ["s3-no-inline-acl"]


def test_a_valid_exemption_opens_the_gate_and_is_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "exemptions.yaml"
    path.write_text(yaml.safe_dump([exemption()]))
    more = ("--exemptions", str(path))
    assert check(folder, *more, held=with_public_raw_bucket(), tmp=tmp_path) == cli.PASSED
    assert "Exempt until" in capsys.readouterr().out


def test_an_expired_exemption_closes_the_gate_twice(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "exemptions.yaml"
    path.write_text(yaml.safe_dump([exemption(expires=TODAY - dt.timedelta(days=1))]))
    more = ("--exemptions", str(path))
    assert check(folder, *more, held=with_public_raw_bucket(), tmp=tmp_path) == cli.FAILED
    out = capsys.readouterr().out
    assert "expired on 2026-11-21" in out
    assert "VIOLATION  s3-no-inline-acl" in out


def test_an_exemption_holds_on_its_last_day(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "exemptions.yaml"
    path.write_text(yaml.safe_dump([exemption(expires=TODAY)]))
    more = ("--exemptions", str(path))
    assert check(folder, *more, held=with_public_raw_bucket(), tmp=tmp_path) == cli.PASSED


def test_an_exemption_that_matches_nothing_closes_the_gate(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "exemptions.yaml"
    path.write_text(yaml.safe_dump([exemption()]))
    assert check(folder, "--exemptions", str(path)) == cli.FAILED
    assert "matches no violation" in capsys.readouterr().out


def test_an_exemption_for_another_stack_is_left_alone(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "exemptions.yaml"
    path.write_text(yaml.safe_dump([exemption(stacks=["local"])]))
    assert check(folder, "--exemptions", str(path)) == cli.PASSED


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": "s3-anything"},
        {"resource": "aws:s3/bucket:Bucket::*"},
        {"resource": "raw"},
        {"reason": "because"},
        {"owner": ""},
        {"expires": "soon"},
        {"expires": TODAY + dt.timedelta(days=500)},
        {"extra": 1},
    ],
)
def test_an_exemption_that_says_too_little_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "exemptions.yaml"
    path.write_text(yaml.safe_dump([exemption(**changes)]))
    with pytest.raises(PolicyInputError):
        exemptions.load(path, {rule.id for rule in RULES}.__contains__, TODAY)


def test_exemptions_must_be_a_list_of_objects(tmp_path: Path) -> None:
    path = tmp_path / "exemptions.yaml"
    for text in ("a: 1", "- 1", "[", "- {}"):
        path.write_text(text)
        with pytest.raises(PolicyInputError):
            exemptions.load(path, {rule.id for rule in RULES}.__contains__, TODAY)


@pytest.mark.parametrize(
    "held",
    [
        [],
        {"s3-anything": {}},
        {"kms-deletion-window": {"days": 7}},
        {"kms-deletion-window": {"minimum_days": "7"}},
        {"kms-deletion-window": {"minimum_days": True}},
        {"kms-deletion-window": {"minimum_days": -1}},
        {"kms-deletion-window": 7},
        {"rds-multi-az": {"required": "no"}},
        {"governance-region": {"regions": "eu-central-1"}},
        {"s3-versioning": {"enforcementLevel": "advisory"}},
    ],
)
def test_a_config_that_can_not_be_meant_is_refused(held: Any) -> None:
    with pytest.raises(PolicyInputError):
        config.complete(held, RULES, where="test")


def test_a_config_loosens_only_what_it_names(folder: Path, tmp_path: Path) -> None:
    held = state()
    for entry in held["deployment"]["resources"]:
        if entry["urn"].endswith("::data-key"):
            entry["outputs"]["deletionWindowInDays"] = 7
    path = tmp_path / "local.json"
    path.write_text(json.dumps({"kms-deletion-window": {"minimum_days": 7}}))
    assert check(folder, held=held, tmp=tmp_path) == cli.FAILED
    assert check(folder, "--config", str(path), held=held, tmp=tmp_path) == cli.PASSED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"deployment": {}}', '{"deployment": {"resources": []}}'])
def test_a_file_that_is_no_export_judges_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert cli.main(["check-state", str(path)]) == cli.UNUSABLE


def test_a_state_with_pending_operations_is_not_the_truth(folder: Path, tmp_path: Path) -> None:
    held = state()
    held["deployment"]["pending_operations"] = [{"resource": {}, "type": "creating"}]
    assert check(folder, held=held, tmp=tmp_path) == cli.UNUSABLE


def state_with_secret(path: Path, secret: dict[str, Any]) -> Path:
    marker = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    urn = "urn:pulumi:prod::plinth::aws:sqs/queue:Queue::q"
    outputs = {"kmsMasterKeyId": {**marker, **secret}}
    entry = {"urn": urn, "type": "aws:sqs/queue:Queue", "inputs": {"name": "q"}, "outputs": outputs}
    path.write_text(json.dumps({"deployment": {"resources": [entry]}}))
    return path


def test_a_shown_secret_is_read(tmp_path: Path) -> None:
    name, (resource,) = read_state(state_with_secret(tmp_path / "s.json", {"plaintext": '"alias/own"'}))
    assert name == "prod"
    assert resource.props == {"name": "q", "kmsMasterKeyId": "alias/own"}
    assert resource.inputs == {"name": "q"}


def test_a_state_with_hidden_secrets_says_how_to_export_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = state_with_secret(tmp_path / "s.json", {"ciphertext": "v1:abc"})
    assert cli.main(["check-state", str(path)]) == cli.UNUSABLE
    error = capsys.readouterr().err
    assert "outputs.kmsMasterKeyId of urn:pulumi:prod" in error
    assert "--show-secrets" in error


def test_manifests_that_are_no_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "chart.yaml"
    for text in ("", "a: 1", "- 1", "{"):
        path.write_text(text)
        with pytest.raises(PolicyInputError):
            read_manifests(path)


def test_a_list_of_objects_is_taken_apart(tmp_path: Path) -> None:
    path = tmp_path / "chart.yaml"
    inner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [inner, inner]}))
    assert [r.type for r in read_manifests(path, "plinth")] == ["kubernetes:core/v1:ConfigMap"] * 2


@pytest.mark.parametrize(
    ("token", "canonical"),
    [
        ("aws:s3/bucketV2:BucketV2", "aws:s3/bucket:Bucket"),
        ("aws:s3/bucketLoggingV2:BucketLoggingV2", "aws:s3/bucketLogging:BucketLogging"),
        ("aws:alb/listener:Listener", "aws:lb/listener:Listener"),
        ("aws:sqs/queue:Queue", "aws:sqs/queue:Queue"),
    ],
)
def test_second_names_of_a_type_are_folded_into_one(token: str, canonical: str) -> None:
    assert canonical_type(token) == canonical


def test_the_controls_page_is_current() -> None:
    assert cli.main(["docs", "--check"]) == cli.PASSED


def test_coverage_names_silent_rules_and_types_without_one(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = state()
    token = "aws:neptune/cluster:Cluster"  # noqa: S105 - a type
    held["deployment"]["resources"].append({"urn": f"urn:pulumi:prod::plinth::{token}::graph", "type": token})
    tally = tmp_path / "types.json"
    check(folder, "--types", str(tally), held=held, tmp=tmp_path)
    assert cli.main(["coverage", str(tally)]) == cli.FAILED
    assert f"Resource types without a rule: {token}" in capsys.readouterr().out


def test_coverage_keeps_which_environment_has_what(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "COVERED", tmp_path / "covered.json")
    tallies = []
    for stack in ("dev", "prod"):
        tallies.append(tmp_path / f"{stack}.json")
        check(folder, "--types", str(tallies[-1]))
        if stack == "dev":
            held = json.loads(tallies[-1].read_text())
            del held["types"]["aws:backup/vault:Vault"]
            tallies[-1].write_text(json.dumps({**held, "stack": stack}))
    cli.main(["coverage", "--write", *map(str, tallies)])
    covered = coverage.load(tmp_path / "covered.json")
    assert covered["aws:backup/vault:Vault"] == ("prod",)
    assert covered["aws:s3/bucket:Bucket"] == ("dev", "prod")
    words = {rule.id: coverage.environments(rule, covered) for rule in RULES}
    assert words["backup-own-key"] == "prod"
    assert words["s3-versioning"] == words["audit-trail"] == coverage.EVERY
    assert words["iam-no-users"] == "none, as it demands"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"stack": "prod", "types": {}}', '{"stack": 1, "types": {"a": 1}}']
)
def test_a_tally_that_is_none_covers_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "types.json").write_text(text)
    assert cli.main(["coverage", str(tmp_path / "types.json")]) == cli.UNUSABLE


@pytest.mark.parametrize("path", sorted((PACK / "config").glob("*.json")), ids=lambda path: path.stem)
def test_every_environments_config_can_be_used(path: Path) -> None:
    assert set(config.load(path, RULES)) == {rule.id for rule in RULES}
    # The engine refuses an entry that doesn't name its level.
    assert {entry["enforcementLevel"] for entry in json.loads(path.read_text()).values()} == {"mandatory"}


def test_production_loosens_nothing() -> None:
    held = config.load(PACK / "config" / "prod.json", RULES)
    defaults = config.complete({}, RULES, where="defaults")
    assert {rule_id for rule_id in held if held[rule_id] != defaults[rule_id]} <= {"governance-region"}


def test_the_exemptions_that_we_keep_can_be_used() -> None:
    held = exemptions.load(EXEMPTIONS, {rule.id for rule in RULES}.__contains__, TODAY)
    assert all(exemption.expires >= TODAY for exemption in held)
