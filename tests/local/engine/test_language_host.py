from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent import futures
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from local.engine import language_host
from local.engine.protocol import language_pb2, language_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator


SLOW = 12
"""Resources that are done when all of them are asked for."""


@dataclass
class Engine(engine_pb2_grpc.EngineServicer, resource_pb2_grpc.ResourceMonitorServicer):
    """As much of an engine as a program speaks to: it takes note of what it is told."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    slow: threading.Barrier = field(default_factory=lambda: threading.Barrier(SLOW))

    # ruff: noqa: N802 - named by the engine's protocol

    def Log(self, request: engine_pb2.LogRequest, _context: object) -> empty_pb2.Empty:
        self.messages.append((engine_pb2.LogSeverity.Name(request.severity), request.message))
        return empty_pb2.Empty()

    def SupportsFeature(
        self, _request: resource_pb2.SupportsFeatureRequest, _context: object
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=True)

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, _context: object
    ) -> resource_pb2.RegisterResourceResponse:
        self.registered.append(f"{request.type} {request.name}")
        if request.type == "plinth:index:Slow":
            self.slow.wait(20)
        return resource_pb2.RegisterResourceResponse(urn=f"urn:{request.name}", object=struct_pb2.Struct())

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, _context: object
    ) -> empty_pb2.Empty:
        self.outputs.update(request.outputs)
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, _request: empty_pb2.Empty, _context: object) -> empty_pb2.Empty:
        return empty_pb2.Empty()


@dataclass
class Project:
    """A project on disk, with a host and an engine around it."""

    root: Path
    stub: language_pb2_grpc.LanguageRuntimeStub
    engine: Engine
    address: str

    def info(self, **options: str) -> language_pb2.ProgramInfo:
        struct = struct_pb2.Struct()
        struct.update(options)
        return language_pb2.ProgramInfo(
            root_directory=str(self.root),
            program_directory=str(self.root / "stacks"),
            entry_point=".",
            options=struct,
        )

    def write(self, program: str) -> None:
        (self.root / "stacks").mkdir(exist_ok=True)
        (self.root / "stacks" / "__main__.py").write_text(textwrap.dedent(program))

    def request(self, **more: Any) -> language_pb2.RunRequest:
        return language_pb2.RunRequest(
            **{
                "project": "plinth",
                "stack": "local",
                "organization": "house",
                "pwd": str(self.root / "stacks"),
                "info": self.info(),
                "monitor_address": self.address,
                "parallel": 8,
                **more,
            }
        )

    def run(self, program: str, **more: Any) -> language_pb2.RunResponse:
        self.write(program)
        return self.stub.Run(self.request(**more), timeout=60)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    engine = Engine()
    engine_server = grpc.server(futures.ThreadPoolExecutor(2 * SLOW))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, engine_server)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(engine, engine_server)
    address = f"127.0.0.1:{engine_server.add_insecure_port('127.0.0.1:0')}"
    engine_server.start()
    server, port = language_host.start(language_host.LanguageHost(address))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Project(tmp_path, language_pb2_grpc.LanguageRuntimeStub(channel), engine, address)
    server.stop(None)
    engine_server.stop(None)


def test_a_program_runs_in_its_folder_and_sees_what_the_engine_gave_it(project: Project) -> None:
    response = project.run(
        """
        import os, pulumi
        config = pulumi.Config()
        pulumi.export("size", config.require_int("size"))
        pulumi.export("password", config.require_secret("password"))
        pulumi.export("folder", os.path.basename(os.getcwd()))
        pulumi.export("who", [pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()])
        pulumi.export("preview", pulumi.runtime.is_dry_run())
        pulumi.export("root", os.path.relpath(pulumi.get_root_directory(), os.getcwd()))
        """,
        dryRun=True,
        config={"plinth:size": "3", "plinth:password": "hunter2"},
        configSecretKeys=["plinth:password"],
    )
    assert (response.error, response.bail) == ("", False), project.engine.messages
    outputs = project.engine.outputs
    assert outputs["size"] == 3
    assert outputs["folder"] == "stacks"
    assert list(outputs["who"]) == ["house", "plinth", "local"]
    assert outputs["preview"] is True
    assert outputs["root"] == ".."
    assert outputs["password"]["value"] == "hunter2"
    assert len(outputs["password"]) == 2, "a secret travels as a marked value"
    assert project.engine.registered == ["pulumi:pulumi:Stack plinth-local"]


def test_a_module_beside_the_program_is_importable_and_this_package_is_not_in_its_way(
    project: Project,
) -> None:
    project.write("")
    (project.root / "stacks" / "values.py").write_text("answer = 42\n")
    assert not project.run("import values, pulumi\npulumi.export('answer', values.answer)\n").bail
    assert project.engine.outputs["answer"] == 42


def test_slow_resources_do_not_hold_up_others_beyond_what_the_engine_was_told(project: Project) -> None:
    response = project.run(
        f"""
        import pulumi
        for number in range({SLOW}):
            pulumi.ComponentResource("plinth:index:Slow", f"slow-{{number}}")
        """,
        parallel=SLOW,
    )
    assert (response.error, response.bail) == ("", False), project.engine.messages
    assert not project.engine.slow.broken


def test_an_exception_is_shown_from_the_persons_own_line_on(project: Project) -> None:
    response = project.run("def broken():\n    raise ValueError('the moon is full')\n\nbroken()\n")
    assert response.bail
    (message,) = [text for severity, text in project.engine.messages if severity == "ERROR"]
    assert "the moon is full" in message
    assert "__main__.py" in message
    assert "runpy" not in message
    assert "run_until_complete" not in message


def test_a_refusal_of_the_program_is_shown_without_a_traceback(project: Project) -> None:
    response = project.run("import pulumi\nraise pulumi.RunError('no zone given')\n")
    assert response.bail
    shown = [message for message in project.engine.messages if message[0] != "DEBUG"]
    assert shown == [("ERROR", "no zone given")]


def test_a_program_that_exits_by_itself_is_an_error_with_its_status(project: Project) -> None:
    assert project.run("import sys\nsys.exit(3)\n").error == "Program exited with non-zero exit code: 3"


def test_an_interrupted_update_ends_its_program(project: Project) -> None:
    project.write(
        "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(60)\n"
    )
    future = project.stub.Run.future(project.request())
    mark = project.root / "stacks" / "pid"
    while not (mark.exists() and mark.read_text()):
        pass
    future.cancel()
    process_id = int(mark.read_text())
    for _ in range(100):
        if not Path(f"/proc/{process_id}").exists():
            return
        threading.Event().wait(0.1)
    pytest.fail("the program outlived its call")


def test_the_required_packages_are_the_installed_providers_at_their_versions(project: Project) -> None:
    response = project.stub.GetRequiredPackages(
        language_pb2.GetRequiredPackagesRequest(info=project.info(virtualenv=sys.prefix))
    )
    found = {(package.name, package.kind, package.version) for package in response.packages}
    assert found == {
        ("aws", "resource", f"v{metadata.version('pulumi-aws')}"),
        ("kubernetes", "resource", f"v{metadata.version('pulumi-kubernetes')}"),
    }


def test_a_virtual_environment_that_is_not_there_is_named(project: Project) -> None:
    with pytest.raises(grpc.RpcError, match="nowhere has no bin/python: `make setup`"):
        project.stub.About(language_pb2.AboutRequest(info=project.info(virtualenv="nowhere")))


def test_about_names_the_projects_own_interpreter(project: Project) -> None:
    about = project.stub.About(language_pb2.AboutRequest(info=project.info(virtualenv=sys.prefix)))
    assert about.executable == str(Path(sys.prefix, "bin", "python"))
    assert about.version == ".".join(str(part) for part in sys.version_info[:3])


def test_dependencies_are_those_that_nothing_else_needs_unless_all_are_asked_for(project: Project) -> None:
    def names(*, transitive: bool) -> set[str]:
        request = language_pb2.GetProgramDependenciesRequest(
            info=project.info(virtualenv=sys.prefix), transitiveDependencies=transitive
        )
        return {found.name for found in project.stub.GetProgramDependencies(request).dependencies}

    direct, every = names(transitive=False), names(transitive=True)
    assert "six" in every
    assert "six" not in direct
    assert "plinth" in direct


def test_a_plugins_streams_and_exit_code_reach_the_engine(project: Project) -> None:
    folder = project.root / "plugin"
    folder.mkdir()
    (folder / "__main__.py").write_text(
        "import os, sys\nprint(os.environ['MARK'], sys.argv[1])\nprint('oh', file=sys.stderr)\nsys.exit(4)\n"
    )
    responses = list(
        project.stub.RunPlugin(
            language_pb2.RunPluginRequest(
                pwd=str(folder),
                kind="resource",
                args=["one"],
                env=["MARK=here"],
                info=language_pb2.ProgramInfo(program_directory=str(folder), root_directory=str(folder)),
            )
        )
    )
    assert b"".join(response.stdout for response in responses) == b"here one\n"
    assert b"".join(response.stderr for response in responses) == b"oh\n"
    assert responses[-1].exitcode == 4


POLICY_PACK = """
from pulumi_policy import PolicyPack, ResourceValidationPolicy
PolicyPack("p", policies=[ResourceValidationPolicy("a", "A.", lambda args, report: None)])
"""


def test_a_policy_pack_starts_and_says_its_port(project: Project) -> None:
    folder = project.root / "policies"
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (folder / "__main__.py").write_text(POLICY_PACK)
    stream = project.stub.RunPlugin(
        language_pb2.RunPluginRequest(
            pwd=str(folder),
            kind="analyzer",
            args=[project.address],
            env=[f"PATH={os.environ['PATH']}"],
            info=language_pb2.ProgramInfo(program_directory=str(folder), root_directory=str(folder)),
        )
    )
    first = next(stream)
    assert int(first.stdout) > 0, first.stderr
    stream.cancel()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_host_leaves_quietly_on_a_signal(number: signal.Signals) -> None:
    host = subprocess.Popen(
        [sys.executable, "-m", "local.engine.language_host", "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert host.stdout
    port = int(host.stdout.readline())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = language_pb2_grpc.LanguageRuntimeStub(channel)
        assert stub.GetPluginInfo(empty_pb2.Empty()).version == metadata.version("pulumi")
    host.send_signal(number)
    out, err = host.communicate(timeout=15)
    assert (host.returncode, out, err) == (0, b"", b"")
