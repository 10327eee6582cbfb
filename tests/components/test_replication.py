from __future__ import annotations

import pytest
from factories import ACCOUNT, KEY_ARN, TWIN_KEY, replication, replication_args
from recording import record, statements

from components.encryption import KeyDomain
from components.replication import Twin


def test_copies_go_to_the_twins_bucket_of_the_same_name_under_its_key() -> None:
    (rule,) = record(replication).one("BucketReplicationConfig").inputs["rules"]
    assert rule["status"] == "Enabled"
    assert rule["destination"]["bucket"] == "arn:aws:s3:::plinth-recovery-raw"
    assert rule["destination"]["encryptionConfiguration"] == {"replicaKmsKeyId": TWIN_KEY}
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}


def test_a_deletion_here_deletes_nothing_there() -> None:
    (rule,) = record(replication).one("BucketReplicationConfig").inputs["rules"]
    assert rule["deleteMarkerReplication"] == {"status": "Disabled"}


def test_the_role_reads_here_writes_there_and_opens_no_other_key() -> None:
    recording = record(replication)
    policy = statements(recording.one("RolePolicy").inputs["policy"])
    reach = {action: s for s in policy for action in s["Action"]}
    assert reach["s3:GetObjectVersionForReplication"]["Resource"] == ["arn:aws:s3:::plinth-test-raw/*"]
    assert reach["s3:ReplicateObject"]["Resource"] == ["arn:aws:s3:::plinth-recovery-raw/*"]
    assert reach["kms:Decrypt"]["Resource"] == [KEY_ARN]
    assert reach["kms:Encrypt"]["Resource"] == [TWIN_KEY]
    assert reach["kms:Encrypt"]["Condition"]["StringEquals"]["kms:ViaService"] == "s3.eu-west-1.amazonaws.com"


def test_s3_copies_for_this_account_only() -> None:
    (trusted,) = statements(record(replication).one("iam/role:Role").inputs["assumeRolePolicy"])
    assert trusted["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT


def test_a_twin_without_a_key_for_the_copies_is_refused() -> None:
    with pytest.raises(ValueError, match="no key of recovery for data"):
        record(lambda: replication(twin=Twin("recovery", "eu-west-1", {})))


def test_a_copy_to_oneself_is_refused() -> None:
    with pytest.raises(ValueError, match="same environment"):
        replication_args(twin=Twin("test", "eu-west-1", {KeyDomain.DATA: TWIN_KEY}))
