"""Which requests change something. A change taken for a read would be lost by a crash without a word."""

from __future__ import annotations

import pytest

from local.emulator.calls import Call


@pytest.mark.parametrize(
    ("environ", "body", "changes"),
    [
        ({"REQUEST_METHOD": "PUT"}, b"", True),
        ({"REQUEST_METHOD": "DELETE"}, b"", True),
        ({"REQUEST_METHOD": "GET"}, b"", False),
        ({"REQUEST_METHOD": "HEAD"}, b"", False),
        ({"REQUEST_METHOD": "POST"}, b"", True),
        ({"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "DynamoDB_20120810.PutItem"}, b"{}", True),
        ({"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "DynamoDB_20120810.GetItem"}, b"{}", False),
        ({"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "TrentService.Decrypt"}, b"{}", False),
        ({"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "TrentService.CreateKey"}, b"{}", True),
        ({"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "AmazonSQS.ReceiveMessage"}, b"{}", True),
        ({"REQUEST_METHOD": "GET", "QUERY_STRING": "Action=CreateTopic&Name=a"}, b"", True),
        (
            {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"},
            b"Action=GetSessionToken&Version=2011-06-15",
            True,
        ),
        (
            {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"},
            b"Version=2010-05-08&Action=GetRole&RoleName=a",
            False,
        ),
    ],
)
def test_a_request_is_known_to_change_or_only_to_read(
    environ: dict[str, str],
    body: bytes,
    changes: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    assert Call.of(environ, body).changes is changes


def test_only_long_polling_is_let_past_the_queue() -> None:
    poll = Call.of({"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "AmazonSQS.ReceiveMessage"}, b"{}")
    send = Call.of({"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "AmazonSQS.SendMessage"}, b"{}")
    assert (poll.waits, send.waits) == (True, False)
