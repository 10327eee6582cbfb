"""The server around moto: turns, connections, large bodies."""

from __future__ import annotations

import http.client
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.local.emulator.conftest import Emulator


def test_no_update_is_lost_between_concurrent_writers(emulator: Emulator) -> None:
    table = emulator.client("dynamodb")
    table.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def add() -> None:
        client = emulator.client("dynamodb")
        for _ in range(20):
            client.update_item(
                TableName="t",
                Key={"k": {"S": "sum"}},
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    writers = [threading.Thread(target=add) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert table.get_item(TableName="t", Key={"k": {"S": "sum"}})["Item"]["n"]["N"] == "160"


def test_a_long_poll_holds_up_nobody(emulator: Emulator) -> None:
    queue = emulator.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    poll = threading.Thread(
        target=lambda: emulator.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5), daemon=True
    )
    poll.start()
    time.sleep(0.5)
    began = time.monotonic()
    emulator.client("s3").list_buckets()
    assert time.monotonic() - began < 3
    emulator.client("sqs").send_message(QueueUrl=queue, MessageBody="ends the poll")
    poll.join(10)
    assert not poll.is_alive()


def test_a_connection_serves_one_request_after_the_other(emulator: Emulator) -> None:
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=10)
    connection.connect()
    first = connection.sock
    for method in ("GET", "HEAD", "GET"):
        connection.request(method, "/_plinth/health")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    assert connection.sock is first


def test_a_chunked_body_arrives_whole(emulator: Emulator) -> None:
    client = emulator.client("s3")
    client.create_bucket(Bucket="raw", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=10)
    connection.request("PUT", "/raw/chunked", body=iter([b"a" * 70_000, b"b"]), encode_chunked=True)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200
    assert client.get_object(Bucket="raw", Key="chunked")["Body"].read() == b"a" * 70_000 + b"b"


def test_deleted_models_are_let_go(emulator: Emulator) -> None:
    """moto lists every model it ever made; forty bodies of 5 MB, one at a time, must not add up."""
    client = emulator.client("s3")
    client.create_bucket(Bucket="raw", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    body = b"x" * 5_000_000
    client.put_object(Bucket="raw", Key="same", Body=body)
    emulator.settle()
    before = emulator.resident_bytes()
    for _ in range(40):
        client.put_object(Bucket="raw", Key="same", Body=body)
    assert emulator.resident_bytes() - before < 60_000_000
