from __future__ import annotations

import pytest
from factories import ACCOUNT, KEY_ARN, THROW_AWAY, audit
from recording import record, statements

from components.bucket import LockMode

TRAIL = f"arn:aws:cloudtrail:eu-central-1:{ACCOUNT}:trail/plinth-test-trail"


def test_the_trail_sees_all_regions_and_its_files_can_be_validated() -> None:
    trail = record(audit).one("Trail").inputs
    assert trail["isMultiRegionTrail"] is True
    assert trail["includeGlobalServiceEvents"] is True
    assert trail["enableLogFileValidation"] is True
    assert trail["kmsKeyId"] == KEY_ARN


def test_the_trail_records_every_object_of_the_data_stores() -> None:
    selectors = record(audit).one("Trail").inputs["advancedEventSelectors"]
    fields = [{f["field"]: f for f in selector["fieldSelectors"]} for selector in selectors]
    assert {f["eventCategory"]["equals"][0] for f in fields} == {"Management", "Data"}
    data = next(f for f in fields if f["eventCategory"]["equals"] == ["Data"])
    assert data["resources.ARN"]["startsWiths"] == ["arn:aws:s3:::plinth-test-raw/"]
    assert "readOnly" not in data


def test_nobody_can_shorten_what_the_archive_keeps() -> None:
    recording = record(lambda: audit(retention_days=365))
    lock = recording.one("ObjectLockConfiguration").inputs["rule"]["defaultRetention"]
    assert lock == {"mode": "COMPLIANCE", "days": 365}
    assert recording.one("s3/bucket:Bucket").inputs["objectLockEnabled"] is True


def test_the_archive_forgets_only_what_is_no_longer_locked() -> None:
    (rule,) = record(lambda: audit(retention_days=365)).one("LifecycleConfiguration").inputs["rules"]
    assert rule["expiration"]["days"] > 365
    assert rule["noncurrentVersionExpiration"]["noncurrentDays"] > 365


def test_only_this_trail_delivers_to_the_archive() -> None:
    policy = statements(record(audit).one("BucketPolicy").inputs["policy"])
    allowed = [statement for statement in policy if statement["Effect"] == "Allow"]
    assert {statement["Action"] for statement in allowed} == {"s3:GetBucketAcl", "s3:PutObject"}
    for statement in allowed:
        assert statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert statement["Condition"]["StringEquals"]["aws:SourceArn"] == TRAIL


def test_the_trail_is_the_one_that_its_bucket_and_key_were_told_of() -> None:
    result = record(lambda: {"arn": audit().trail_arn}).result
    assert result["arn"] == TRAIL


def test_events_can_be_searched_in_an_encrypted_log_group_that_forgets() -> None:
    recording = record(lambda: audit(search_days=30))
    group = recording.one("logGroup:LogGroup").inputs
    assert (group["kmsKeyId"], group["retentionInDays"]) == (KEY_ARN, 30)
    assert recording.one("Trail").inputs["cloudWatchLogsGroupArn"].endswith(":*")


def test_cloudtrail_may_write_to_that_group_only() -> None:
    recording = record(audit)
    (allowed,) = statements(recording.one("RolePolicy").inputs["policy"])
    assert allowed["Resource"] == [
        f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:/plinth/test/audit:log-stream:*"
    ]
    (trust,) = statements(recording.one("role:Role").inputs["assumeRolePolicy"])
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_who_reads_the_archive_is_logged_too() -> None:
    assert record(audit).one("BucketLogging").inputs["targetBucket"] == "plinth-test-access-logs"


def test_a_locked_archive_that_is_to_be_emptied_is_a_contradiction() -> None:
    with pytest.raises(ValueError, match="locked in compliance mode"):
        record(lambda: audit(durability=THROW_AWAY))


def test_a_throw_away_archive_is_locked_so_that_an_administrator_can_open_it() -> None:
    recording = record(lambda: audit(durability=THROW_AWAY, lock_mode=LockMode.GOVERNANCE))
    lock = recording.one("ObjectLockConfiguration").inputs["rule"]["defaultRetention"]
    assert lock["mode"] == "GOVERNANCE"


def test_a_retention_that_cloudwatch_does_not_offer_is_refused() -> None:
    with pytest.raises(ValueError, match="keeps 91 days; CloudWatch Logs offers"):
        record(lambda: audit(search_days=91))
