"""Bad surroundings, by the command itself: which, why, what to do; status 1; and nothing half-done.

Each test runs `python -m local up` in a checkout of its own, a copy of this one, under an instance name of
its own. What a test takes away from the command (space, the right to write, memory) it takes in a mount
namespace that ends with it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.instance import CHECKOUT, Instance
from local.toolchain import Tool, Toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.environment

SECONDS = 240


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    said: str
    seconds: float


@dataclass(frozen=True)
class Sandbox:
    """A checkout of its own."""

    instance: Instance

    def up(self, *, under: str = "", **variables: str) -> Outcome:
        """`make up`, after what `under` does in a mount namespace of its own."""
        words = [sys.executable, "-m", "local", "up"]
        if under:
            words = ["unshare", "--mount", "sh", "-ec", f"{under}\nexec {shlex.join(words)}"]
        environment = {**os.environ, "INSTANCE": self.instance.name, **variables}
        environment.pop("KUBECONFIG", None)
        began = time.monotonic()
        result = subprocess.run(
            words,
            cwd=self.instance.checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Outcome(result.returncode, result.stdout + result.stderr, time.monotonic() - began)

    def half_done(self) -> list[str]:
        """What a refused command must not leave on the machine or in the checkout."""
        instance = self.instance
        places = [
            Path("/sys/class/net") / instance.interface,
            Path("/run/netns") / instance.namespace,
            instance.run,
            instance.pulumi_state,
            instance.state / "node" / "etcd" / "member",
        ]
        found = [str(place) for place in places if place.exists()]
        found += [str(folder) for folder in Path("/sys/fs/cgroup").glob(f"**/{instance.namespace}")]
        return found + [str(file) for file in instance.checkout.glob("stacks/releases/local*.yaml")]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout's files, as they are, without what is ignored."""
    folder = tmp_path_factory.mktemp("surroundings") / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, folder / name)
    return folder


@pytest.fixture
def sandbox(copied: Path) -> Iterator[Sandbox]:
    name = f"sandbox-{os.getpid()}"
    yield Sandbox(Instance(name=name, checkout=copied, cache=Instance.of_checkout().cache))
    shutil.rmtree(copied / ".plinth", ignore_errors=True)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache home with all tools of the real one but the engine, which a test may damage or leave out."""
    tools = tmp_path / "plinth" / "tools"
    tools.mkdir(parents=True)
    real = Instance.of_checkout().cache / "tools"
    for folder in real.iterdir():
        if folder.is_dir() and folder.name not in {Tool.PULUMI, "logs"}:
            (tools / folder.name).symlink_to(folder)
    return tmp_path


def _engine(cache: Path) -> Path:
    """A copy of the built engine in that cache."""
    pulumi = Toolchain.installed(Instance.of_checkout().cache, [Tool.PULUMI]).path(Tool.PULUMI)
    slot = pulumi.parents[1]
    target = cache / "plinth" / "tools" / Tool.PULUMI / slot.name
    shutil.copytree(slot, target, symlinks=True)
    return target / pulumi.relative_to(slot)


def test_a_name_that_another_checkout_has_is_refused(sandbox: Sandbox) -> None:
    taken = Instance.of_checkout().name
    second = Sandbox(Instance(name=taken, checkout=sandbox.instance.checkout, cache=sandbox.instance.cache))
    outcome = second.up()
    assert outcome.status == 1
    assert f"The instance name {taken} is in use by the checkout {CHECKOUT}" in outcome.said
    assert "make up INSTANCE=name" in outcome.said
    assert not sandbox.instance.state.exists()


def test_an_address_in_use_is_refused_and_a_wrong_engine_on_path_passed_over(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pulumi").write_text("#!/bin/sh\necho v2.25.2\n")
    (programs / "pulumi").chmod(0o755)
    interface = f"tkn{os.getpid()}"
    ip = ["ip", "link"]
    subprocess.run([*ip, "add", interface, "type", "veth", "peer", "name", f"x{interface}"[:15]], check=True)
    try:
        address = f"{sandbox.instance.node_address}/{sandbox.instance.link.prefixlen}"
        subprocess.run(["ip", "address", "add", address, "dev", interface], check=True)
        subprocess.run([*ip, "set", interface, "up"], check=True)
        subprocess.run([*ip, "set", f"x{interface}", "up"], check=True)
        outcome = sandbox.up(PATH=f"{programs}:{os.environ['PATH']}")
    finally:
        subprocess.run([*ip, "delete", interface], check=True)
    assert outcome.status == 1
    assert f"{programs}/pulumi is 2.25.2, and " in outcome.said
    assert "using our own" in outcome.said
    assert f"through {interface}" in outcome.said
    assert "make up INSTANCE=name" in outcome.said
    left = [place for place in sandbox.half_done() if place != str(sandbox.instance.run)]
    assert left == []
    claimed = sorted(path.name for path in sandbox.instance.run.iterdir())
    assert claimed == ["checkout"], "the name stays claimed, for the next try or `make down`"
    down = subprocess.run(
        [sys.executable, "-m", "local", "down"],
        cwd=sandbox.instance.checkout,
        env={**os.environ, "INSTANCE": sandbox.instance.name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert down.returncode == 0, down.stderr
    assert sandbox.half_done() == []


def test_a_disk_that_is_too_small_is_refused_before_anything_begins(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = sandbox.up(
        under=f"mount -t tmpfs -o size=64m tmpfs {tmp_path}\nmkdir {tmp_path}/plinth",
        XDG_CACHE_HOME=str(tmp_path),
    )
    assert outcome.status == 1
    assert "Too little disk: 0.1 GB are free and 12.0 GB are needed" in outcome.said
    assert f"{tmp_path}/plinth/images for building the images" in outcome.said
    assert "XDG_CACHE_HOME=/path/with/space make up" in outcome.said
    assert sandbox.half_done() == []


FILLS = """
import sys
from pathlib import Path
from local.errors import LocalError
from local.progress import Progress
from local.toolchain.store import Slot, Store
store, slot = Store(Path(sys.argv[1])), Slot("helm", "v1", "abc")
try:
    store.obtain(slot, lambda folder: (folder / "helm").write_bytes(bytes(64 * 2**20)), Progress())
except LocalError as error:
    print(error)
print(sorted(path.name for path in (store.root / "helm").iterdir()))
"""


def test_a_disk_that_fills_up_half_way_is_named_and_nothing_half_done_stays(tmp_path: Path) -> None:
    command = shlex.join([sys.executable, "-c", FILLS, str(tmp_path)])
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f"mount -t tmpfs -o size=16m tmpfs {tmp_path}\n{command}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "No space left while making tools" in result.stdout
    assert "XDG_CACHE_HOME=/path/with/space make up" in result.stdout
    assert result.stdout.splitlines()[-1] == "['.lock']"


def test_a_cache_that_can_not_be_written_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "plinth").mkdir()
    outcome = sandbox.up(
        under=f"mount --bind {tmp_path} {tmp_path}\nmount -o remount,ro,bind {tmp_path}",
        XDG_CACHE_HOME=str(tmp_path),
        GOPROXY="off",
    )
    assert outcome.status == 1
    assert "can't be written: Read-only file system" in outcome.said
    assert "XDG_CACHE_HOME=" in outcome.said
    assert sandbox.half_done() == []


USES = """
import sys
from pathlib import Path
from local.progress import Progress
from local.toolchain import Tool, ensure
print(ensure(Path(sys.argv[1]), [Tool.HELM], Progress()).path(Tool.HELM).is_file())
"""


def test_a_cache_that_can_not_be_written_and_is_complete_will_do() -> None:
    cache = Instance.of_checkout().cache
    command = shlex.join([sys.executable, "-c", USES, str(cache)])
    script = f"mount --bind {cache} {cache}\nmount -o remount,ro,bind {cache}\n{command}"
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", script], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == "True", result.stderr


def test_a_corrupted_engine_is_not_used_but_made_again(sandbox: Sandbox, cache: Path) -> None:
    """With no way to its sources, so that the making fails: the damaged program is gone all the same."""
    engine = _engine(cache)
    with engine.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 1]))
    outcome = sandbox.up(XDG_CACHE_HOME=str(cache), GOPROXY="off")
    assert outcome.status == 1
    assert f"{engine.relative_to(engine.parents[1])} is not as it was built" in outcome.said
    assert "making it again" in outcome.said
    assert "error: Building pulumi" in outcome.said
    assert not engine.exists()
    assert sandbox.half_done() == []


def test_a_registry_that_keeps_silent_is_given_up_in_time_and_named(sandbox: Sandbox, cache: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome = sandbox.up(XDG_CACHE_HOME=str(cache), GOPROXY=address, NO_PROXY="127.0.0.1")
    assert outcome.status == 1
    assert outcome.seconds < 120
    assert f"no module proxy can be reached: {address} does not answer within" in outcome.said
    assert "GOPROXY=https://... make up" in outcome.said
    assert sandbox.half_done() == []


def test_too_little_memory_is_refused_before_anything_begins(sandbox: Sandbox, tmp_path: Path) -> None:
    limits = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    place = next((name for name in limits if Path(name).exists()), None)
    if place is None:
        pytest.skip("this machine's control groups tell no limit of memory")
    limit = tmp_path / "limit"
    limit.write_text("100000000\n")
    outcome = sandbox.up(under=f"mount --bind {limit} {place}")
    assert outcome.status == 1
    assert "Too little memory: 0.0 GB are available and an environment needs 2.0 GB" in outcome.said
    assert sandbox.half_done() == []


def test_the_environment_itself_has_seen_nothing_of_all_this() -> None:
    status = subprocess.run(
        [sys.executable, "-m", "local", "status", "--json"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(status.stdout)["state"] == "serving"
