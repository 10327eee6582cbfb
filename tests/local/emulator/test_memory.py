"""What survives which end, and what the emulator says about it."""

from __future__ import annotations

import signal
import stat
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.local.emulator.conftest import Emulator


def put(emulator: Emulator, key: str = "rows", body: bytes = b"\0\1") -> None:
    client = emulator.client("s3")
    if not client.list_buckets()["Buckets"]:
        client.create_bucket(Bucket="raw", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_object(Bucket="raw", Key=key, Body=body)


def got(emulator: Emulator, key: str = "rows") -> Any:
    return emulator.client("s3").get_object(Bucket="raw", Key=key)["Body"].read()


def test_an_orderly_end_keeps_the_generation(emulator: Emulator) -> None:
    put(emulator)
    before = emulator.health()["generation"]
    after = emulator.restart().health()
    assert (after["generation"], after["recollection"]) == (before, "kept")
    assert got(emulator) == b"\0\1"
    assert emulator.restart().health()["generation"] == before, "a second restart is orderly as well"


def test_settled_changes_survive_a_kill(emulator: Emulator) -> None:
    put(emulator)
    emulator.settle()
    before = emulator.health()["generation"]
    after = emulator.restart(signal.SIGKILL).health()
    assert (after["generation"], after["recollection"], after["lost_changes"]) == (before, "kept", 0)
    assert got(emulator) == b"\0\1"


def test_a_kill_before_the_snapshot_is_told_with_the_number_of_changes(emulator: Emulator) -> None:
    put(emulator)
    emulator.settle()
    before = emulator.health()["generation"]
    put(emulator, "late")
    put(emulator, "later")
    after = emulator.restart(signal.SIGKILL).health()
    assert (after["recollection"], after["lost_changes"]) == ("partly lost", 2)
    assert after["generation"] != before
    assert got(emulator) == b"\0\1"
    with pytest.raises(ClientError, match="NoSuchKey"):
        got(emulator, "late")
    emulator.settle()
    again = emulator.restart(signal.SIGKILL).health()
    assert (again["generation"], again["recollection"]) == (after["generation"], "kept"), (
        "told once, then the new normal"
    )


def test_a_kill_before_any_snapshot_is_a_loss(emulator: Emulator) -> None:
    put(emulator)
    after = emulator.restart(signal.SIGKILL).health()
    assert (after["recollection"], after["lost_changes"]) == ("lost", 3)  # a backend, a bucket, an object


def test_reading_makes_no_snapshot_necessary(emulator: Emulator) -> None:
    put(emulator)
    emulator.settle()
    changes = emulator.health()["changes"]
    got(emulator)
    emulator.client("s3").list_objects_v2(Bucket="raw")
    emulator.client("dynamodb").list_tables()
    emulator.client("dynamodb").list_tables()
    # The first look at DynamoDB made a backend; everything else left no trace.
    assert emulator.health()["changes"] == changes + 1


def test_default_network_ids_survive_although_only_a_read_made_them(emulator: Emulator) -> None:
    before = emulator.client("ec2").describe_vpcs()["Vpcs"]
    emulator.settle()
    emulator.restart(signal.SIGKILL)
    assert emulator.client("ec2").describe_vpcs()["Vpcs"] == before


def test_a_damaged_snapshot_is_set_aside_and_told(emulator: Emulator) -> None:
    put(emulator)
    before = emulator.health()["generation"]
    emulator.end()
    path = emulator.folder / "memory"
    path.write_bytes(path.read_bytes()[:-1])
    after = emulator.start().health()
    assert after["recollection"] == "lost"
    assert after["generation"] != before
    assert "set aside" in after["detail"]
    assert emulator.client("s3").list_buckets()["Buckets"] == []
    assert len(list(emulator.folder.glob("memory.refused-*"))) == 1


def test_what_is_kept_is_private_and_a_half_written_file_beside_it_is_nothing(emulator: Emulator) -> None:
    put(emulator)
    emulator.end()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in emulator.folder.iterdir()}
    assert modes == {"memory": 0o600, "journal": 0o600}
    (emulator.folder / "memory.12345.tmp").write_bytes(b"half")
    assert emulator.start().health()["recollection"] == "kept"


def test_a_deleted_bucket_stays_deleted(emulator: Emulator) -> None:
    put(emulator)
    emulator.client("s3").delete_object(Bucket="raw", Key="rows")
    emulator.client("s3").delete_bucket(Bucket="raw")
    emulator.restart()
    assert emulator.client("s3").list_buckets()["Buckets"] == []
    put(emulator)  # its global name is free again
