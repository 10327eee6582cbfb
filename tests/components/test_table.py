from __future__ import annotations

from typing import Any

import pytest
from factories import ACCOUNT, KEY_ARN, REGION, table
from recording import record, statements

from components.grants import policy_document
from components.table import Table

ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/plinth-test-reviews"


@pytest.mark.parametrize("ask", [Table.grant_read, Table.grant_write])
def test_a_grant_reaches_this_table_only_and_the_key_through_it_only(ask: Any) -> None:
    result = record(lambda: {"policy": policy_document([ask(table(), "work")])}).result
    records, use = statements(result["policy"])
    assert records["Resource"] == [ARN]
    assert (use["Action"], use["Resource"]) == (["kms:Decrypt"], [KEY_ARN])
    assert use["Condition"]["StringEquals"] == {
        "kms:ViaService": f"dynamodb.{REGION}.amazonaws.com",
        "kms:EncryptionContext:aws:dynamodb:tableName": "plinth-test-reviews",
    }


def test_a_reader_can_not_scan_and_a_writer_can_not_delete() -> None:
    def program() -> Any:
        reviews = table()
        return {"policy": policy_document([reviews.grant_read("read"), reviews.grant_write("write")])}

    actions = {action for s in statements(record(program).result["policy"]) for action in s["Action"]}
    assert not actions & {"dynamodb:Scan", "dynamodb:DeleteItem", "dynamodb:DeleteTable"}
    assert {"dynamodb:GetItem", "dynamodb:PutItem"} <= actions
