from __future__ import annotations

import json
from typing import Any

import pytest
from factories import ACCOUNT, KEY_ARN, THROW_AWAY, bucket, model_registry, recovery
from recording import record, statements

from components.durability import Durability
from components.recovery import Schedule

STORES = {
    f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/plinth-test-reviews",
    "arn:aws:s3:::plinth-test-raw",
}


def test_every_store_is_in_the_plan_by_its_arn() -> None:
    assert set(record(recovery).one("Selection", "recovery-selection").inputs["resources"]) == STORES


def test_the_vault_is_under_our_key_and_locked_for_good() -> None:
    recording = record(recovery)
    assert recording.one("vault:Vault").inputs["kmsKeyArn"] == KEY_ARN
    lock = recording.one("VaultLockConfiguration").inputs
    assert lock["minRetentionDays"] == 7
    assert lock["changeableForDays"] == 3


def test_a_lock_of_governance_has_to_be_asked_for() -> None:
    lock = record(lambda: recovery(lock=False)).one("VaultLockConfiguration").inputs
    assert "changeableForDays" not in lock


def test_nobody_deletes_a_recovery_point_of_protected_data() -> None:
    (refusal,) = statements(record(recovery).one("VaultPolicy").inputs["policy"])
    assert refusal["Effect"] == "Deny"
    assert "backup:DeleteRecoveryPoint" in refusal["Action"]


def test_what_refuses_deletions_is_itself_deleted_in_the_update_that_takes_protection_off() -> None:
    # The engine acts on the options that it has recorded: retained it would stay, protected be refused.
    recording = record(recovery)
    refusal = recording.one("VaultPolicy")
    assert (refusal.protect, refusal.retain) == (False, False)
    vault = recording.one("vault:Vault")
    assert (vault.protect, vault.retain) == (True, True)
    released = record(lambda: recovery(durability=Durability(protect=False, retain=False)))
    assert not released.of("VaultPolicy")
    vault = released.one("vault:Vault")
    assert (vault.protect, vault.retain) == (False, False)


@pytest.mark.parametrize(("lock", "kept"), [(True, True), (False, False)])
def test_a_lock_that_aws_never_gives_up_stops_no_destroy(*, lock: bool, kept: bool) -> None:
    released = record(lambda: recovery(lock=lock, durability=Durability(protect=False, retain=False)))
    assert released.one("VaultLockConfiguration").retain is kept


def test_the_vault_of_throw_away_data_can_go() -> None:
    recording = record(lambda: recovery(durability=THROW_AWAY, lock=False))
    assert not recording.of("VaultPolicy")
    assert recording.one("vault:Vault").inputs["forceDestroy"] is True


def test_copies_go_to_the_recovery_region_if_there_is_one() -> None:
    (rule,) = record(recovery).one("plan:Plan").inputs["rules"]
    assert not rule.get("copyActions")
    elsewhere = f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:plinth-recovery-vault"
    (rule,) = record(lambda: recovery(copy_to=elsewhere)).one("plan:Plan").inputs["rules"]
    assert rule["copyActions"] == [{"destinationVaultArn": elsewhere, "lifecycle": {"deleteAfter": 35}}]


def test_restores_are_practised_for_each_kind_of_store() -> None:
    selections = record(recovery).of("RestoreTestingSelection")
    assert {selection.inputs["protectedResourceType"] for selection in selections} == {"DynamoDB", "S3"}


DATABASE = f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:plinth-test-registry"


def test_a_database_is_restored_into_its_own_network_for_practice() -> None:
    def program() -> None:
        database = model_registry().database
        stores = {"RDS": [database.arn], "S3": [bucket().arn]}
        recovery(resources=stores, restore_metadata={"RDS": database.restore_metadata})

    recording = record(program)
    instance = recording.one("rds/instance:Instance").inputs
    selections = {
        selection.inputs["protectedResourceType"]: selection.inputs
        for selection in recording.of("RestoreTestingSelection")
    }
    overrides = selections["RDS"]["restoreMetadataOverrides"]
    assert overrides["dbSubnetGroupName"] == instance["dbSubnetGroupName"]
    assert json.loads(overrides["vpcSecurityGroupIds"]) == instance["vpcSecurityGroupIds"]
    assert "restoreMetadataOverrides" not in selections["S3"]


def test_a_database_that_would_be_restored_into_the_default_network_is_refused() -> None:
    told = {"RDS": {"dbSubnetGroupName": "plinth-test-registry"}}
    with pytest.raises(
        ValueError, match="without vpcSecurityGroupIds: they would go to the account's default"
    ):
        record(lambda: recovery(resources={"RDS": [DATABASE]}, restore_metadata=told))


def test_names_of_restore_tests_are_ones_that_the_service_takes() -> None:
    name = record(recovery).one("RestoreTestingPlan").inputs["name"]
    assert name.replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"resources": {}}, "would save nothing"),
        ({"schedules": {}}, "would save nothing"),
        ({"minimum_days": 40}, "the vault refuses less than 40"),
    ],
)
def test_a_plan_that_saves_nothing_is_refused(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        record(lambda: recovery(**overrides))


def test_a_continuous_backup_is_kept_35_days_at_most() -> None:
    with pytest.raises(ValueError, match="36 days; AWS Backup takes at most 35"):
        Schedule("cron(0 1 * * ? *)", 36, continuous=True)


def test_a_backup_that_is_kept_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="kept 0 days"):
        Schedule("cron(0 1 * * ? *)", 0)
