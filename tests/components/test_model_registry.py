from __future__ import annotations

import json
from typing import Any

import pytest
from factories import ACCOUNT, KEY_ARN, REGION, THROW_AWAY, model_registry
from recording import record, statements

from components.database import Machine
from components.grants import policy_document
from components.repository import RepositoryArgs


def database(**overrides: Any) -> dict[str, Any]:
    return record(lambda: model_registry(**overrides)).one("rds/instance:Instance").inputs


def test_the_database_is_private_and_encrypted_under_our_key() -> None:
    instance = database()
    assert instance["publiclyAccessible"] is False
    assert instance["storageEncrypted"] is True
    assert instance["kmsKeyId"] == instance["performanceInsightsKmsKeyId"] == KEY_ARN


def test_nobody_knows_the_administrators_password() -> None:
    instance = database()
    assert instance["manageMasterUserPassword"] is True
    assert instance["masterUserSecretKmsKeyId"] == KEY_ARN
    assert "password" not in instance


def test_a_zone_can_fail() -> None:
    assert database()["multiAz"] is True


def test_connections_without_tls_are_refused() -> None:
    parameters = record(model_registry).one("ParameterGroup").inputs["parameters"]
    assert [p["value"] for p in parameters if p["name"] == "rds.force_ssl"] == ["1"]


def test_only_the_clusters_network_connects() -> None:
    rules = [rule.inputs for rule in record(model_registry).of("SecurityGroupIngressRule")]
    assert [(rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) for rule in rules] == [
        ("10.20.0.0/16", 5432, 5432)
    ]


def test_a_database_that_matters_leaves_a_snapshot_and_its_backups() -> None:
    instance = database()
    assert instance["skipFinalSnapshot"] is False
    assert instance["deleteAutomatedBackups"] is False
    assert instance["deletionProtection"] is True
    assert instance["backupRetentionPeriod"] == 35


def test_a_database_that_can_be_made_again_goes_without_one() -> None:
    instance = database(durability=THROW_AWAY)
    assert instance["skipFinalSnapshot"] is True
    assert "finalSnapshotIdentifier" not in instance


def test_its_logs_go_into_groups_that_are_encrypted_and_end() -> None:
    groups = [group.inputs for group in record(model_registry).of("logGroup:LogGroup")]
    assert {group["name"] for group in groups} == {
        "/aws/rds/instance/plinth-test-registry/postgresql",
        "/aws/rds/instance/plinth-test-registry/upgrade",
    }
    assert all(group["kmsKeyId"] == KEY_ARN and group["retentionInDays"] == 365 for group in groups)


def test_images_are_scanned_encrypted_and_never_overwritten() -> None:
    repositories = [
        repository.inputs for repository in record(model_registry).of("ecr/repository:Repository")
    ]
    assert {repository["name"] for repository in repositories} == {
        "plinth-test/serving",
        "plinth-test/pipeline",
    }
    for repository in repositories:
        assert repository["imageTagMutability"] == "IMMUTABLE"
        assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": KEY_ARN}]


def test_only_images_without_a_tag_are_forgotten() -> None:
    for policy in record(model_registry).of("LifecyclePolicy"):
        (rule,) = json.loads(policy.inputs["policy"])["rules"]
        assert rule["selection"]["tagStatus"] == "untagged"


def test_images_are_signed_with_a_profile_of_the_environment() -> None:
    registry = record(lambda: {"arn": model_registry().signing_profile_arn})
    profile = registry.one("signingProfile:SigningProfile")
    assert profile.inputs["namePrefix"] == "plinth_test_images_"
    assert profile.inputs["tags"]["component"] == "model-registry"
    assert registry.result["arn"].startswith(f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/")


def test_the_server_connects_as_its_own_user_and_reaches_runs_only() -> None:
    policy = record(lambda: {"policy": policy_document(model_registry().grant_serve())}).result["policy"]
    found = {action: s["Resource"] for s in statements(policy) for action in s["Action"]}
    (user,) = found["rds-db:connect"]
    assert user.startswith(f"arn:aws:rds-db:{REGION}:")
    assert user.endswith("/mlflow")
    assert found["s3:PutObject"] == ["arn:aws:s3:::plinth-test-artifacts/runs/*"]


def test_a_disk_that_can_not_grow_is_refused() -> None:
    with pytest.raises(ValueError, match="full, it stops"):
        Machine("db.t4g.medium", 100, 100)


@pytest.mark.parametrize("days", [0, 36])
def test_a_backup_time_that_rds_refuses_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match=f"{days} days back; RDS takes 1 to 35"):
        record(lambda: model_registry(backup_days=days))


def test_images_that_are_kept_no_day_are_refused() -> None:
    with pytest.raises(ValueError, match="keeps untagged images 0 days"):
        RepositoryArgs("plinth-test/serving", None, {}, untagged_days=0)  # type: ignore[arg-type]
