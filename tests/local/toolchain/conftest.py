"""A toolchain of its own for each test: tiny recipes, a temporary cache, a `go` that is a script."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from local.progress import Progress
from local.toolchain.recipes import Recipe, Tool

if TYPE_CHECKING:
    from pathlib import Path

FAKE_GO = """#!/bin/sh
# Answers what the builds ask of go; notes each call, and fails with the words in $FAKE_GO_FAILS.
echo "$*" >> "$FAKE_GO_CALLS"
case "$1" in
env)
    case "$2" in
    GOVERSION) echo "${FAKE_GO_VERSION:-go1.26.8}" ;;
    GOPROXY) echo "https://user:planted-secret@proxy.example" ;;
    esac ;;
list)
    echo "{\\"Dir\\": \\"$FAKE_GO_MODULE\\"}" ;;
build)
    if [ -n "$FAKE_GO_SLEEPS" ]; then echo $$ > "$FAKE_GO_SLEEPS"; exec sleep 60; fi
    if [ -n "$FAKE_GO_FAILS" ]; then cat "$FAKE_GO_FAILS"; exit 1; fi
    while [ $# -gt 1 ]; do
        if [ "$1" = -o ]; then output=$2; fi
        shift
    done
    printf '#!/bin/sh\\necho built of %s with "$GOFLAGS"\\n' "$1" > "$output"
    env > "$FAKE_GO_CALLS.environment"
    chmod 755 "$output" ;;
esac
"""


class Workshop:
    """One test's cache, recipes and `go`."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = root / "cache"
        self.modules = root / "modules"
        self.bin = root / "bin"
        self.bin.mkdir()
        self.module = root / "module"
        self.calls = root / "calls"
        self.output = io.StringIO()
        self.progress = Progress(stream=self.output)
        self._failure = root / "failure"
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        monkeypatch.setenv("FAKE_GO_CALLS", str(self.calls))
        monkeypatch.setenv("FAKE_GO_MODULE", str(self.module))
        monkeypatch.delenv("FAKE_GO_FAILS", raising=False)
        monkeypatch.setattr("local.toolchain.toolchain.silence", lambda *_: "")
        self.program("go", FAKE_GO)

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def recipe(self, tool: Tool = Tool.HELM, **changes: object) -> Recipe:
        folder = self.modules / tool
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "go.mod").exists():
            (folder / "go.mod").write_text(f"module x\n\ngo 1.26.0\n\nrequire example.org/{tool} v3.19.0\n")
            (folder / "go.sum").write_text("")
        given: dict[str, object] = {
            "tool": tool,
            "binary": str(tool),
            "package": f"example.org/{tool}/cmd",
            "module": f"example.org/{tool}",
            "modules": self.modules,
        }
        return Recipe(**{**given, **changes})  # type: ignore[arg-type] # overrides are checked by use

    def fail_with(self, words: str) -> None:
        self._failure.write_text(words)
        self._monkeypatch.setenv("FAKE_GO_FAILS", str(self._failure))

    def succeed(self) -> None:
        self._monkeypatch.delenv("FAKE_GO_FAILS")

    def builds(self) -> int:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return sum(line.startswith("build ") for line in lines)

    def leftovers(self) -> list[str]:
        """What lies in the tools' folders beside finished versions and their locks."""
        return [path.name for path in (self.cache / "tools").glob("*/.*") if path.name != ".lock"]


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)
