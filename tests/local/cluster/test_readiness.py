"""When a node counts as ready, and what is said when it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from local.cluster.api import Api
from local.cluster.certificates import Certificates, leaves
from local.cluster.readiness import Readiness, node_fault
from local.cluster.recollection import Recollection
from local.errors import LocalError

if TYPE_CHECKING:
    from local.cluster.layout import Layout

STARTED = 1_800_000_000.7


def node(status: str = "True", heartbeat: float = STARTED + 5, taint: str = "") -> dict[str, Any]:
    at = datetime.fromtimestamp(int(heartbeat), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "Ready", "status": status, "lastHeartbeatTime": at, "reason": "R", "message": "why"}
    spec = {"taints": [{"key": taint, "effect": "NoSchedule"}]} if taint else {}
    return {"status": {"conditions": [condition]}, "spec": spec}


def test_a_node_that_reports_ready_is_ready() -> None:
    assert node_fault(node(), STARTED) == ""


@pytest.mark.parametrize(
    ("unready", "words"),
    [
        ({}, "not reported yet"),
        (node(status="False"), "R: why"),
        (node(heartbeat=STARTED - 60), "since the machine started"),
        (node(taint="node.kubernetes.io/not-ready"), "node.kubernetes.io/not-ready"),
    ],
)
def test_what_is_missing_is_said(unready: dict[str, Any], words: str) -> None:
    assert words in node_fault(unready, STARTED)


def test_a_foreign_taint_does_not_hold_up_the_start() -> None:
    assert node_fault(node(taint="example.com/dedicated"), STARTED) == ""


def test_a_part_that_never_answers_is_named_with_time_reason_and_log(layout: Layout) -> None:
    certificates = Certificates(layout.pki)
    certificates.ensure(leaves(layout.instance))
    (layout.instance.logs / "emulator.log").write_text("first\nbind: address already in use\n")
    recollection = Recollection(layout.instance.emulator_url, layout.root)
    readiness = Readiness(layout, Api(layout.instance, certificates), recollection)
    with pytest.raises(LocalError) as caught:
        readiness.wait(0, since=STARTED)
    text = str(caught.value)
    for words in ("The AWS emulator did not become ready within 0 s", "address already in use", "make up"):
        assert words in text
