from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import jobs
from local.errors import LocalError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def kubectl(tmp_path: Path) -> Path:
    """Notes its words, and refuses what is called `stubborn`."""
    path = tmp_path / "kubectl"
    path.write_text(
        f'#!/bin/sh\necho "$KUBECONFIG $*" >> {tmp_path}/said\n'
        'case "$*" in *stubborn*) echo "Forbidden" >&2; exit 1 ;; esac\n'
    )
    path.chmod(0o755)
    return path


def test_jobs_are_removed_with_their_pods_from_the_given_cluster(kubectl: Path) -> None:
    jobs.remove(kubectl, {"KUBECONFIG": "here"}, ["plinth/train-1", "plinth/train-2"])
    said = (kubectl.parent / "said").read_text().splitlines()
    assert [line.split()[:6] for line in said] == [
        ["here", "--namespace", "plinth", "delete", "job", "train-1"],
        ["here", "--namespace", "plinth", "delete", "job", "train-2"],
    ]
    assert all("--cascade=foreground" in line and "--ignore-not-found" in line for line in said)


def test_no_job_asks_the_cluster_nothing(tmp_path: Path) -> None:
    jobs.remove(tmp_path / "missing", {}, [])


def test_a_refusal_names_the_job_and_the_reason(kubectl: Path) -> None:
    with pytest.raises(LocalError, match=r"plinth/stubborn.*Forbidden"):
        jobs.remove(kubectl, {}, ["plinth/stubborn"])
