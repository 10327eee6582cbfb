"""The engine's Python: finds what a program needs, runs it, and runs policy packs.

It serves the `LanguageRuntime` service, as the official host does where that can be had.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import queue
import subprocess
import sys
import threading
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import grpc
from google.protobuf import empty_pb2, json_format

from local.engine import program
from local.engine.protocol import CHANNEL_OPTIONS, language_pb2, language_pb2_grpc, plugin_pb2
from local.engine.server import run_until_asked_to_stop

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 16
STOP_SECONDS = 5.0
"""How long a running program may take to leave after SIGTERM."""


@dataclass(frozen=True)
class Interpreter:
    """The Python that a program runs in: its project's virtual environment, or the one that runs this."""

    executable: Path
    environment: Path | None

    @classmethod
    def of(cls, info: language_pb2.ProgramInfo) -> Interpreter:
        """The interpreter that a project's `runtime.options.virtualenv` names.

        Raises:
            FileNotFoundError: the project names a virtual environment that isn't there.
        """
        named = json_format.MessageToDict(info.options).get("virtualenv")
        if not named:
            return cls(Path(sys.executable), None)
        folder = Path(info.root_directory, named)
        executable = folder / "bin" / "python"
        if not executable.exists():
            raise FileNotFoundError(
                f"The project's virtual environment {folder} has no bin/python: `make setup` makes it."
            )
        return cls(executable, folder)

    @property
    def packages(self) -> list[Path]:
        """Folders that its packages are installed in."""
        if self.environment is None:
            return [Path(path) for path in sys.path if path.endswith("-packages")]
        return sorted((self.environment / "lib").glob("python*/site-packages"))

    def variables(self) -> dict[str, str]:
        """The environment of what it runs: as if the virtual environment were activated."""
        variables = dict(os.environ)
        if self.environment is not None:
            variables["VIRTUAL_ENV"] = str(self.environment)
            variables["PATH"] = f"{self.environment / 'bin'}{os.pathsep}{variables.get('PATH', '')}"
            variables.pop("PYTHONHOME", None)
        # What gRPC notes about connections that end is not for the person to read.
        variables.setdefault("GRPC_VERBOSITY", "ERROR")
        return variables


def required_plugins(packages: list[Path]) -> list[plugin_pb2.PackageDependency]:
    """Provider plugins that the installed SDKs speak to, at the versions they say."""
    found = []
    for folder in packages:
        for file in sorted(folder.glob("*/pulumi-plugin.json")):
            content = json.loads(file.read_text())
            if content.get("resource") and "parameterization" not in content:
                name = content.get("name") or file.parent.name.removeprefix("pulumi_").replace("_", "-")
                found.append(
                    plugin_pb2.PackageDependency(
                        name=name,
                        kind="resource",
                        version=f"v{content['version'].removeprefix('v')}",
                        server=content.get("server", ""),
                    )
                )
    return found


def dependencies(packages: list[Path], *, transitive: bool) -> list[language_pb2.DependencyInfo]:
    """Installed distributions; without `transitive`, those that no other one requires."""
    installed = {
        distribution.name.lower().replace("_", "-"): distribution
        for distribution in importlib.metadata.distributions(path=[str(folder) for folder in packages])
    }
    required: set[str] = set()
    if not transitive:
        for distribution in installed.values():
            for requirement in distribution.requires or []:
                name = "".join(c if c.isalnum() or c in "-_." else " " for c in requirement).split()[0]
                required.add(name.lower().replace("_", "-"))
    return [
        language_pb2.DependencyInfo(name=distribution.name, version=distribution.version)
        for name, distribution in sorted(installed.items())
        if name not in required
    ]


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The engine's `LanguageRuntime` service for Python."""

    # Each public method below is one call of the engine's protocol and is named by it.
    # ruff: noqa: N802, D102

    def __init__(self, engine_address: str = "") -> None:
        self._engine_address = engine_address
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, _context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(
        self, _request: empty_pb2.Empty, _context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPlugins(
        self, _request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("This host answers GetRequiredPackages.")
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        found = required_plugins(_interpreter(request.info, context).packages)
        return language_pb2.GetRequiredPackagesResponse(packages=found)

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        found = dependencies(
            _interpreter(request.info, context).packages, transitive=request.transitiveDependencies
        )
        return language_pb2.GetProgramDependenciesResponse(dependencies=found)

    def About(
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        executable = str(_interpreter(request.info, context).executable)
        version = subprocess.run(  # noqa: S603 - the project's own interpreter
            [executable, "-c", "import platform; print(platform.python_version())"],
            check=False,
            capture_output=True,
            text=True,
        ).stdout.strip()
        return language_pb2.AboutResponse(executable=executable, version=version)

    def RuntimeOptionsPrompts(
        self, _request: language_pb2.RuntimeOptionsRequest, _context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    def InstallDependencies(
        self, _request: language_pb2.InstallDependenciesRequest, _context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        text = "Packages come from requirements/*.txt, pinned by hash: `make setup` installs them.\n"
        yield language_pb2.InstallDependenciesResponse(stdout=text.encode())

    def Run(
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        interpreter = _interpreter(request.info, context)
        wanted: program.Run = {
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "root_directory": request.info.root_directory,
            "working_directory": request.pwd or request.info.program_directory,
            "program": os.path.normpath(Path(request.info.program_directory, request.info.entry_point)),
            "arguments": list(request.args),
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "parallel": request.parallel,
            "dry_run": request.dryRun,
        }
        # -P keeps this package's folder out of the program's import path.
        command = [str(interpreter.executable), "-u", "-P", program.__file__, json.dumps(wanted)]
        variables = interpreter.variables() | {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        with self._child(command, variables, wanted["working_directory"], context) as child:
            status = child.wait()
        if status == program.SHOWN_TO_USER:
            return language_pb2.RunResponse(bail=True)
        if status != 0:
            return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {status}")
        return language_pb2.RunResponse()

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        interpreter = _interpreter(request.info, context)
        folder = request.info.program_directory
        python = [str(interpreter.executable), "-u"]
        if request.kind == "analyzer":
            command = [*python, "-m", "pulumi.policy", *request.args, folder]
        else:
            command = [*python, folder, *request.args]
        own = interpreter.variables()
        variables = dict(pair.partition("=")[::2] for pair in request.env) | {
            name: own[name] for name in ("PATH", "VIRTUAL_ENV") if name in own
        }
        with self._child(command, variables, request.pwd or folder, context, piped=True) as child:
            yield from _stream(child)
            yield language_pb2.RunPluginResponse(exitcode=child.wait())

    def Cancel(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.stop()
        return empty_pb2.Empty()

    @contextlib.contextmanager
    def _child(
        self,
        command: list[str],
        variables: dict[str, str],
        folder: str,
        context: grpc.ServicerContext,
        *,
        piped: bool = False,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A process that ends with the call that it serves, or with this host."""
        pipe = subprocess.PIPE if piped else None
        child = subprocess.Popen(  # noqa: S603 - the project's own interpreter and program
            command,
            env=variables,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
        )
        with self._lock:
            self._children.add(child)
        context.add_callback(lambda: _end(child))
        try:
            yield child
        finally:
            _end(child)
            with self._lock:
                self._children.discard(child)

    def stop(self) -> None:
        """End every program that runs."""
        with self._lock:
            children = list(self._children)
        for child in children:
            _end(child)


def _interpreter(info: language_pb2.ProgramInfo, context: grpc.ServicerContext) -> Interpreter:
    try:
        return Interpreter.of(info)
    except FileNotFoundError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        raise  # abort has raised already; the type checker doesn't know


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _stream(child: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """What a process writes, as it writes it, until it closes both streams."""
    written: queue.SimpleQueue[language_pb2.RunPluginResponse | None] = queue.SimpleQueue()

    def pump(stream: IO[bytes], name: str) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            error = name == "stderr"
            written.put(
                language_pb2.RunPluginResponse(stderr=chunk)
                if error
                else language_pb2.RunPluginResponse(stdout=chunk)
            )
        written.put(None)

    streams = {"stdout": child.stdout, "stderr": child.stderr}
    for name, stream in streams.items():
        if stream is not None:
            threading.Thread(target=pump, args=(stream, name), daemon=True).start()
    for _ in streams:
        while (response := written.get()) is not None:
            yield response


def start(host: LanguageHost) -> tuple[grpc.Server, int]:
    """Serve a language host on a free loopback port; gives the server and the port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS), options=CHANNEL_OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main() -> None:
    """Run as the engine's plugin: print the port, serve until told to stop, leave quietly."""
    parent = os.getppid()
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    host = LanguageHost(addresses[-1] if addresses else "")
    server, port = start(host)
    print(port, flush=True)  # noqa: T201 - the plugin protocol: the engine reads the port here

    def stop() -> None:
        host.stop()
        server.stop(STOP_SECONDS).wait(STOP_SECONDS)

    run_until_asked_to_stop(stop, parent)
    os._exit(0)  # a thread that still serves a call must not hold the process


if __name__ == "__main__":
    main()
