"""Runs the Helm command; nothing secret is ever one of its arguments."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local.engine.provider import CancelledError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from local.engine.kubernetes.settings import Settings

_ENVIRONMENT: Final = {
    "driver": "HELM_DRIVER",
    "pluginsPath": "HELM_PLUGINS",
    "registryConfigPath": "HELM_REGISTRY_CONFIG",
    "repositoryConfigPath": "HELM_REPOSITORY_CONFIG",
    "repositoryCache": "HELM_REPOSITORY_CACHE",
}
"""The SDK's `helmReleaseSettings` and what Helm calls them."""

_TAIL_CHARACTERS: Final = 3000
_SHORTEST_SECRET: Final = 4
"""Shorter texts are not hidden from Helm's messages: they would take ordinary words with them."""


class HelmError(ProviderError):
    """Helm failed; its own last words, secrets hidden."""


class Helm:
    """The `helm` on PATH, for one cluster.

    Args:
        settings: which kubeconfig and context, and Helm's own settings.
        cancelled: set when the engine asks to stop; a running Helm is then asked to end.
    """

    def __init__(self, settings: Settings, cancelled: threading.Event) -> None:
        self._settings = settings
        self._cancelled = cancelled

    def run(
        self,
        *arguments: str,
        namespace: str | None = None,
        values: Mapping[str, Any] | None = None,
        text: str | None = None,
        hide: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run Helm and give what it printed.

        Args:
            arguments: words of the command line, none of them secret.
            namespace: of the release.
            values: given to the command through its standard input (`--values -`).
            text: given to standard input instead, such as a password.
            hide: texts that must not show in an error.
            environment: variables besides our own.

        Raises:
            HelmError: it ended with another status than 0.
            CancelledError: the engine asked to stop.
        """
        command = [*_leash(), self._path(), *arguments]
        if namespace is not None:
            command += ["--namespace", namespace]
        if values is not None:
            command += ["--values", "-"]
            text = json.dumps(values)
        with ExitStack() as stack:
            if namespace is not None:
                command += stack.enter_context(self._cluster())
            done = self._start(
                command, {**os.environ, **self._variables(), **(environment or {})}, text or ""
            )
        if done.returncode != 0:
            if self._cancelled.is_set():
                raise CancelledError(f"`helm {arguments[0]}` was stopped, as asked.")
            words = _hidden(done.stderr.strip() or done.stdout.strip(), hide)[-_TAIL_CHARACTERS:]
            raise HelmError(f"`helm {arguments[0]}` ended with status {done.returncode}: {words}")
        return done.stdout

    def _start(
        self, command: Sequence[str], environment: Mapping[str, str], text: str
    ) -> subprocess.CompletedProcess[str]:
        with subprocess.Popen(  # noqa: S603 - Helm with words of our own
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            ended = threading.Event()

            def stop_when_asked() -> None:
                while not ended.wait(_POLL_SECONDS):
                    if self._cancelled.is_set():
                        process.terminate()
                        return

            watcher = threading.Thread(target=stop_when_asked, daemon=True)
            watcher.start()
            try:
                out, err = process.communicate(text)
            finally:
                ended.set()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def _path(self) -> str:
        path = shutil.which("helm")
        if path is None:
            raise ProviderError(
                "A Helm release needs the `helm` command, version 3, and PATH has none. In the local "
                "environment run `make shell` first; else install Helm."
            )
        return path

    def _variables(self) -> dict[str, str]:
        return {
            variable: str(self._settings.helm[name])
            for name, variable in _ENVIRONMENT.items()
            if self._settings.helm.get(name)
        }

    @contextmanager
    def _cluster(self) -> Iterator[list[str]]:
        words = ["--kube-context", self._settings.context] if self._settings.context else []
        content = self._settings.kubeconfig
        is_content = isinstance(content, dict) or (isinstance(content, str) and "\n" in content.strip())
        if not is_content:
            yield [*words, *(["--kubeconfig", str(content)] if content else [])]
            return
        with tempfile.TemporaryDirectory(prefix="plinth-helm-") as folder:
            path = Path(folder) / "kubeconfig"
            path.touch(mode=0o600)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            yield [*words, "--kubeconfig", str(path)]


_POLL_SECONDS: Final = 0.2


def _leash() -> list[str]:
    """A Helm whose provider was killed must not go on installing beside the next one."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _hidden(text: str, secrets: Sequence[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[secret]")
    return text
