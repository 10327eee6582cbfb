"""What Go prints when a build fails, and what it means for the person at the keyboard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.toolchain.golang import Go, without_credentials
from local.toolchain.store import disk_full

if TYPE_CHECKING:
    from pathlib import Path

    from local.toolchain.recipes import Recipe

EXCERPT_LINES = 12

_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|connection refused|connection reset|proxyconnect|TLS handshake|x509:|"
    r"network is unreachable|unexpected EOF|: (?:403|404|407|410|5\d\d) |module lookup disabled|EOF$",
    re.MULTILINE,
)
_TAMPERED = re.compile(r"checksum mismatch|SECURITY ERROR|missing go\.sum entry|verifying module")
_MEMORY = re.compile(r"signal: killed|cannot allocate memory|out of memory")
_CLOCK = re.compile(r"certificate has expired or is not yet valid")
_OLD_GO = re.compile(r"requires go >= (\S+)")


@dataclass(frozen=True)
class Failure:
    """A build that failed.

    Attributes:
        recipe: what was built.
        go: what it was built with.
        status: Go's exit status; negative if a signal ended it.
        output: all that Go printed, without credentials.
        log: where the output is kept.
    """

    recipe: Recipe
    go: Go
    status: int
    output: str
    log: Path


def explained(failure: Failure, cache: Path) -> LocalError:
    """The error for a failed build: which tool, why, what to do, and where Go's own words are.

    Args:
        failure: the build that failed.
        cache: the folder it was to be kept in.
    """
    text = failure.output
    tail = "\n".join(f"  {line}" for line in text.strip().splitlines()[-EXCERPT_LINES:])
    return LocalError(
        f"Building {failure.recipe.tool} {failure.recipe.version} failed: {_cause(failure, cache)}\n"
        f"Go's last words (all of them are in {failure.log}):\n{tail}"
    )


def _cause(failure: Failure, cache: Path) -> str:
    text = failure.output
    if "no space left on device" in text:
        return str(disk_full(cache, *failure.go.caches(failure.recipe.folder)))
    if _TAMPERED.search(text):
        return (
            "a module isn't the one that go.sum names. Don't go on with it: empty Go's module cache (`go "
            "clean -modcache`), try again, and if it comes back distrust the module proxy."
        )
    if old := _OLD_GO.search(text):
        have = ".".join(map(str, failure.go.version))
        return (
            f"it needs Go {old[1].rstrip(';')}, and {failure.go.executable} is {have}. Install a newer Go, "
            "or take Go off PATH and let Plinth fetch its own."
        )
    if _NETWORK.search(text) or _CLOCK.search(text):
        return _out_of_reach(failure)
    if _MEMORY.search(text) or failure.status < 0:
        return (
            "the compiler was killed, most likely for want of memory. Free some, or compile less at once: "
            "GOMAXPROCS=1 make up. What was compiled stays compiled."
        )
    return f"Go ended with status {failure.status}."


def _out_of_reach(failure: Failure) -> str:
    """Modules can't be had: because nobody answers, because dates are refused, or for what Go itself says."""
    if failure.go.offline:
        return (
            f"modules are missing here and no module proxy can be reached: {failure.go.offline}. Check the "
            "network, HTTPS_PROXY and SSL_CERT_FILE, or name a proxy that answers: GOPROXY=https://... make "
            "up. What was built stays built."
        )
    if _CLOCK.search(failure.output):
        return (
            "a certificate is refused for its dates, so this machine's clock, which says "
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, is most likely wrong. Set it, and run again."
        )
    proxy = without_credentials(failure.go.run(failure.recipe.folder, "env", "GOPROXY").stdout.strip())
    return (
        f"modules can't be downloaded through GOPROXY={proxy}. Check the network, HTTPS_PROXY and "
        "SSL_CERT_FILE, or name a proxy that answers: GOPROXY=https://... make up. What was built "
        "stays built."
    )
