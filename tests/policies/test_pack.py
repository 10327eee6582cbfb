"""The engine's view: the pack served over gRPC, as `pulumi preview --policy-pack` starts it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2  # noqa: F401 - registers messages

from policies.core.exemptions import Exemption
from policies.core.paths import PACK, today
from policies.core.rules import Finding, Verdict
from policies.registry import RULES
from policies.servicer import is_in_force
from tests.policies.compliant import deny_plain, policy, state

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a string that it doesn't know yet."""
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
FLAGS = {
    "blockPublicAcls": True,
    "blockPublicPolicy": True,
    "ignorePublicAcls": True,
    "restrictPublicBuckets": True,
}


class Engine:
    """Asks the pack what the engine asks."""

    def __init__(self, *, preview: bool) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK)],
            cwd=PACK,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        port = int(self.process.stdout.readline())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub: Any = analyzer_pb2_grpc.AnalyzerStub(self.channel)
        self.stub.ConfigureStack(
            analyzer_pb2.AnalyzerStackConfigureRequest(project="plinth", stack="prod", dry_run=preview)
        )

    def resource(self, token: str, name: str, props: dict[str, Any], **options: Any) -> list[Any]:
        request = analyzer_pb2.AnalyzeRequest(
            type=token, name=name, urn=urn(token, name), properties=struct(props), options=options or None
        )
        return list(self.stub.Analyze(request).diagnostics)

    def stack(self, *resources: Any) -> list[Any]:
        return list(self.stub.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources)).diagnostics)

    def configure(self, **settings: dict[str, Any]) -> None:
        held = {
            name.replace("_", "-"): analyzer_pb2.PolicyConfig(
                enforcementLevel=analyzer_pb2.MANDATORY, properties=struct(values)
            )
            for name, values in settings.items()
        }
        self.stub.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=held))

    def close(self) -> None:
        self.channel.close()
        # Not as the engine does, by SIGINT: what a shell starts in the background ignores that.
        self.process.terminate()
        self.process.wait(timeout=20)


def struct(props: dict[str, Any]) -> struct_pb2.Struct:
    held = struct_pb2.Struct()
    held.update(props)
    return held


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:prod::plinth::{token}::{name}"


def of_stack(token: str, name: str, props: dict[str, Any], **depends: list[str]) -> Any:
    return analyzer_pb2.AnalyzerResource(
        type=token,
        name=name,
        urn=urn(token, name),
        properties=struct(props),
        propertyDependencies={
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns) for key, urns in depends.items()
        },
    )


@pytest.fixture(scope="module")
def preview() -> Iterator[Engine]:
    engine = Engine(preview=True)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def update() -> Iterator[Engine]:
    engine = Engine(preview=False)
    yield engine
    engine.close()


def test_every_rule_but_those_on_resolved_state_is_a_mandatory_policy(preview: Engine) -> None:
    info = preview.stub.GetAnalyzerInfo(empty_pb2.Empty())
    held = {policy.name: policy for policy in info.policies}
    assert set(held) == {rule.id for rule in RULES if not rule.resolved_only}
    assert {policy.enforcementLevel for policy in info.policies} == {analyzer_pb2.MANDATORY}
    versioning = held["s3-versioning"]
    assert "S3.14" in versioning.tags
    assert versioning.remediation_steps
    assert versioning.severity == analyzer_pb2.POLICY_SEVERITY_MEDIUM
    assert held["kms-deletion-window"].configSchema.properties["minimum_days"]["default"] == 30


def test_a_resource_that_breaks_a_rule_is_refused(preview: Engine) -> None:
    (found,) = preview.resource(BLOCK, "raw-block", {**FLAGS, "ignorePublicAcls": False})
    assert found.policyName == "s3-bucket-block-flags"
    assert found.enforcementLevel == analyzer_pb2.MANDATORY
    assert found.urn == urn(BLOCK, "raw-block")
    assert "ignorePublicAcls is false" in found.message


def test_a_resource_that_keeps_the_rules_is_let_through(preview: Engine) -> None:
    assert preview.resource(BLOCK, "raw-block", FLAGS) == []


def test_an_unknown_value_is_said_to_be_undecided_at_preview(preview: Engine) -> None:
    diagnostics = preview.resource(
        "aws:s3/bucketPolicy:BucketPolicy", "raw-policy", {"bucket": "raw", "policy": UNKNOWN_TEXT}
    )
    assert {found.policyName for found in diagnostics} == {"s3-no-public-policy", "iam-service-sources"}
    found = diagnostics[0]
    assert found.enforcementLevel == analyzer_pb2.ADVISORY
    assert "can't run policy" in found.message
    assert "cannot-decide" in found.message
    assert "raw-policy" in found.message


def test_an_unknown_value_is_a_violation_at_update(update: Engine) -> None:
    diagnostics = update.resource(
        "aws:s3/bucketPolicy:BucketPolicy", "raw-policy", {"bucket": "raw", "policy": UNKNOWN_TEXT}
    )
    assert diagnostics
    assert {found.enforcementLevel for found in diagnostics} == {analyzer_pb2.MANDATORY}
    assert all("cannot-decide" in found.message for found in diagnostics)


def test_the_engines_own_option_of_protection_is_read(preview: Engine) -> None:
    token = "aws:dynamodb/table:Table"  # noqa: S105 - a type
    protect = "governance-protected"
    without = preview.resource(token, "predictions", {})
    assert protect in {found.policyName for found in without}
    with_it = preview.resource(token, "predictions", {}, protect=True)
    assert protect not in {found.policyName for found in with_it}


def test_resources_are_related_by_what_they_were_made_from_while_ids_are_unknown(preview: Engine) -> None:
    bucket = "aws:s3/bucket:Bucket"
    block = of_stack(BLOCK, "raw-block", {**FLAGS, "bucket": UNKNOWN_TEXT}, bucket=[urn(bucket, "raw")])
    related = preview.stack(of_stack(bucket, "raw", {"tags": {}}), block)
    assert "s3-bucket-block" not in {found.policyName for found in related}
    other = of_stack(BLOCK, "raw-block", {**FLAGS, "bucket": UNKNOWN_TEXT}, bucket=[urn(bucket, "other")])
    both = [of_stack(bucket, name, {"tags": {}}) for name in ("raw", "other")]
    unrelated = preview.stack(*both, other)
    (found,) = [found for found in unrelated if found.policyName == "s3-bucket-block"]
    assert found.enforcementLevel == analyzer_pb2.MANDATORY


def test_a_relation_that_nobody_knows_is_undecided(preview: Engine) -> None:
    block = of_stack(BLOCK, "raw-block", {**FLAGS, "bucket": UNKNOWN_TEXT})
    found = preview.stack(of_stack("aws:s3/bucket:Bucket", "raw", {"bucket": "raw"}), block)
    (held,) = [one for one in found if one.policyName == "s3-bucket-block"]
    assert held.enforcementLevel == analyzer_pb2.ADVISORY


def test_what_a_provider_that_is_not_there_yet_tells_nothing_of_is_undecided(preview: Engine) -> None:
    # The Kubernetes provider of a cluster to be made has no kubeconfig at preview.
    found = preview.stack(of_stack("kubernetes:core/v1:Namespace", "workspace", {}))
    (held,) = [one for one in found if one.policyName == "kubernetes-default-deny"]
    assert held.enforcementLevel == analyzer_pb2.ADVISORY
    assert "cannot-decide" in held.message


def test_the_compliant_environment_passes_every_stack_rule(update: Engine) -> None:
    resources = [
        of_stack(
            entry["type"],
            entry["urn"].rpartition("::")[2],
            {"id": entry.get("id", ""), **entry.get("outputs", {})},
        )
        for entry in state()["deployment"]["resources"]
    ]
    found = update.stack(*resources)
    assert [(one.policyName, one.message) for one in found] == []


def test_an_exemption_of_another_environment_does_not_hold_in_this_one() -> None:
    rule = next(rule for rule in RULES if rule.id == "s3-versioning")
    finding = Finding(rule, "urn", "type::raw", "status", "absent", "", Verdict.VIOLATION)
    held = Exemption(rule.id, "type::raw", "a reason", "platform", today(), stacks=("local",))
    assert [is_in_force(held, finding, stack) for stack in ("local", "prod", "")] == [True, False, False]


def test_an_environment_without_a_trail_is_refused(update: Engine) -> None:
    found = update.stack(of_stack("aws:kms/alias:Alias", "a", {}))
    assert "audit-trail" in {one.policyName for one in found}


def test_the_engines_config_sets_limits_and_a_wrong_one_closes_the_gate() -> None:
    engine = Engine(preview=False)
    key = "aws:kms/key:Key"
    props = {
        "deletionWindowInDays": 7,
        "enableKeyRotation": True,
        "policy": policy(deny_plain("kms:*", "*")),
        "tags": {"owner": "a", "environment": "a", "cost-centre": "a", "data-classification": "internal"},
    }
    try:
        strict = engine.resource(key, "k", props, protect=True)
        assert {found.policyName for found in strict} == {"kms-deletion-window"}
        engine.configure(kms_deletion_window={"minimum_days": 7})
        assert engine.resource(key, "k", props, protect=True) == []
        engine.configure(kms_deletion_window={"minimum_days": "none"})
        (found,) = engine.resource(key, "k", props, protect=True)
        assert "whole number" in found.message
    finally:
        engine.close()
