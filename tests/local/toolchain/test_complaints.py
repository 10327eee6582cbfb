from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.toolchain.complaints import Failure, explained
from local.toolchain.golang import Go

if TYPE_CHECKING:
    from tests.local.toolchain.conftest import Workshop


@pytest.mark.parametrize(
    ("output", "status", "cause", "remedy"),
    [
        ("write /tmp/x: no space left on device", 1, "No space left", "go clean -cache"),
        ("verifying example.org/x@v1: checksum mismatch", 1, "isn't the one that go.sum names", "-modcache"),
        ("x@v1 requires go >= 1.28.0; running go 1.26.8", 1, "needs Go 1.28.0", "Install a newer Go"),
        ("reading https://p/x: 403 Forbidden", 1, "can't be downloaded through GOPROXY=", "HTTPS_PROXY"),
        ("dial tcp 127.0.0.1:9: connect: connection refused", 1, "can't be downloaded", "SSL_CERT_FILE"),
        (
            "tls: failed to verify certificate: x509: unknown authority",
            1,
            "can't be downloaded",
            "SSL_CERT_FILE",
        ),
        ("compile: signal: killed", 1, "want of memory", "GOMAXPROCS=1"),
        ("", -9, "want of memory", "GOMAXPROCS=1"),
        ("main.go:3: undefined: x", 2, "Go ended with status 2", "main.go:3: undefined: x"),
    ],
)
def test_each_kind_of_failure_gets_its_cause_and_its_remedy(
    workshop: Workshop, output: str, status: int, cause: str, remedy: str
) -> None:
    go = Go(workshop.bin / "go", (1, 26, 8))
    log = workshop.cache / "log"
    text = str(explained(Failure(workshop.recipe(), go, status, output, log), workshop.cache))
    assert text.startswith("Building helm v3.19.0 failed: ")
    assert cause in text
    assert remedy in text
    assert str(log) in text


def test_a_long_output_is_cut_to_its_end(workshop: Workshop) -> None:
    go = Go(workshop.bin / "go", (1, 26, 8))
    output = "\n".join(f"line {number}" for number in range(1000))
    text = str(explained(Failure(workshop.recipe(), go, 1, output, workshop.cache), workshop.cache))
    assert "line 999" in text
    assert "line 900" not in text
