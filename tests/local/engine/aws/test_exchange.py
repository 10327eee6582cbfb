"""The way to the emulator: what botocore would have done between its models, as an emulator sees it."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from local.engine.aws.connection import AwsError, Connection
from local.engine.aws.exchange import PAUSES
from local.engine.provider import CancelledError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-central-1"


class Script(ThreadingHTTPServer):
    """Answers each request with the next status of a list; 0 drops the connection instead."""

    def __init__(self, statuses: list[int], port: int = 0, handler: type[Handler] | None = None) -> None:
        super().__init__(("127.0.0.1", port), handler or Handler)
        self.statuses = statuses
        self.seen: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    server: Script

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(dict(self.headers))
        status = self.server.statuses.pop(0)
        if status == 0:
            self.close_connection = True
            return
        body = json.dumps({"TableNames": ["found"]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Impatient(Handler):
    """Keeps connections open, and closes those that are idle."""

    protocol_version = "HTTP/1.1"
    timeout = 0.1


@contextmanager
def answering(
    *statuses: int, handler: type[Handler] | None = None
) -> Iterator[tuple[Connection, Script, list[float]]]:
    server = Script(list(statuses), handler=handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pauses: list[float] = []
    yield Connection(f"http://127.0.0.1:{server.server_port}", REGION, pauses.append), server, pauses
    server.shutdown()
    server.server_close()


def test_a_connection_that_was_dropped_is_tried_again() -> None:
    with answering(0, 503, 200) as (connection, _server, pauses):
        assert connection.call("dynamodb", "list_tables")["TableNames"] == ["found"]
        assert pauses == list(PAUSES[:2])


def test_a_change_that_was_sent_and_not_answered_is_not_sent_again() -> None:
    with answering(0, 200) as (connection, server, pauses):
        with pytest.raises(
            ProviderError, match=r"kms CreateKey: .* may have been done; it is not sent twice"
        ):
            connection.call("kms", "create_key")
        assert (pauses, len(server.seen)) == ([], 1)


def test_a_change_that_a_proxy_got_no_answer_to_is_not_sent_again() -> None:
    with answering(504, 200) as (connection, server, _pauses):
        with pytest.raises(ProviderError):
            connection.call("kms", "create_key")
        assert server.statuses == [200]


def test_a_change_that_was_refused_for_now_is_sent_again() -> None:
    with answering(503, 200) as (connection, _server, pauses):
        connection.call("kms", "create_key")
        assert pauses == list(PAUSES[:1])


def test_a_change_waits_for_an_emulator_that_is_not_there_yet() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    servers: list[Script] = []

    def start(_seconds: float) -> None:
        servers.append(Script([200], port))
        threading.Thread(target=servers[0].serve_forever, daemon=True).start()

    Connection(f"http://127.0.0.1:{port}", REGION, start).call("kms", "create_key")
    assert len(servers[0].seen) == 1
    servers[0].shutdown()
    servers[0].server_close()


def test_a_connection_that_was_closed_while_it_was_idle_takes_no_change_along() -> None:
    with answering(200, 200, handler=Impatient) as (connection, server, pauses):
        connection.call("dynamodb", "list_tables")
        time.sleep(3 * Impatient.timeout)
        connection.call("kms", "create_key")
        assert (pauses, len(server.seen)) == ([], 2)


def test_a_failure_inside_the_emulator_is_told_at_once() -> None:
    with answering(500) as (connection, server, pauses):
        with pytest.raises(AwsError, match="no such operation, or failed in it"):
            connection.call("dynamodb", "list_tables")
        assert (pauses, len(server.seen)) == ([], 1)


def test_an_emulator_that_never_answers_is_named_after_the_last_try() -> None:
    with answering(*[0] * (len(PAUSES) + 1)) as (connection, server, pauses):
        with pytest.raises(ProviderError, match=rf"{connection.endpoint} does not answer"):
            connection.call("dynamodb", "list_tables")
        assert (pauses, server.statuses) == (list(PAUSES), [])


def test_the_pause_before_another_try_ends_when_the_engine_asks_to_stop() -> None:
    def stop(_seconds: float) -> None:
        raise CancelledError("stopped")

    with answering(0, 200) as (connection, server, _pauses):
        stopped = Connection(connection.endpoint, REGION, stop)
        with pytest.raises(CancelledError):
            stopped.call("dynamodb", "list_tables")
        assert server.statuses == [200]


def test_key_region_and_service_stand_where_a_signature_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    with answering(200) as (connection, server, _pauses):
        connection.call("dynamodb", "list_tables", "eu-west-1")
        credential = server.seen[0]["Authorization"].split()[1]
        assert credential.startswith("Credential=AKIDEXAMPLE/")
        assert credential.rstrip(",").split("/")[2:] == ["eu-west-1", "dynamodb", "aws4_request"]


def test_what_is_made_in_another_region_is_in_that_region(emulator: str) -> None:
    connection = Connection(emulator, REGION, lambda _seconds: None)
    connection.call("sqs", "create_queue", "eu-west-1", QueueName="over-there")
    assert connection.call("sqs", "list_queues", "eu-west-1")["QueueUrls"]
    assert "QueueUrls" not in connection.call("sqs", "list_queues", REGION)


def test_objects_go_there_and_come_back_as_they_are(emulator: str) -> None:
    connection = Connection(emulator, REGION, lambda _seconds: None)
    here = {"LocationConstraint": REGION}
    connection.call("s3", "create_bucket", Bucket="exchanged", CreateBucketConfiguration=here)
    body = bytes(range(256)) * 100
    connection.call("s3", "put_object", Bucket="exchanged", Key="a b/ä", Body=body)
    assert connection.call("s3", "get_object", Bucket="exchanged", Key="a b/ä")["Body"].read() == body
    listed = connection.call("s3", "list_objects_v2", Bucket="exchanged")["Contents"]
    assert [entry["Key"] for entry in listed] == ["a b/ä"]
    gone = [{"Key": entry["Key"]} for entry in listed]
    connection.call("s3", "delete_objects", Bucket="exchanged", Delete={"Objects": gone})
    assert "Contents" not in connection.call("s3", "list_objects_v2", Bucket="exchanged")
