from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.instance import CHECKOUT
from local.toolchain import debian
from local.toolchain.debian import Package

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.toolchain.conftest import Workshop

PACKAGES = (Package("first-package", ("first-program",)), Package("second-package", ("second-program",)))

FAKE_APT = """#!/bin/sh
echo "$*" >> "$APT_CALLS"
[ -x "$APT_POLICY" ] && echo "services stay down" >> "$APT_CALLS"
case "$*" in
*update*)
    if [ ! -e "$APT_CALLS.locked" ]; then
        touch "$APT_CALLS.locked"; echo "E: Could not get lock /var/lib/apt/lists/lock."; exit 100
    fi ;;
*install*)
    [ -e "$APT_CALLS.refuse" ] && { echo "Reading lists"; echo "E: Unable to locate package $1"; exit 100; }
    [ -e "$APT_CALLS.locked" ] || { echo "E: Failed to fetch an old version, 404"; exit 100; }
    for name in first-program second-program; do
        printf '#!/bin/sh\\ncat "$APT_CALLS.version"\\n' > "$APT_BIN/$name"; chmod 755 "$APT_BIN/$name"
    done
    while [ -e "$APT_CALLS.slow" ]; do sleep 0.02; done
    if [ -x "$APT_POLICY" ]; then echo "services stayed down" >> "$APT_CALLS"; fi ;;
esac
"""


@pytest.fixture
def machine(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workshop:
    """A machine whose apt is a script and whose folders are the test's."""
    monkeypatch.setenv("APT_CALLS", str(tmp_path / "apt"))
    monkeypatch.setenv("APT_BIN", str(workshop.bin))
    monkeypatch.setenv("APT_POLICY", str(tmp_path / "policy-rc.d"))
    monkeypatch.setattr(debian, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(debian, "LOCKED", tmp_path)
    monkeypatch.setattr(debian, "LOCK_POLL_SECONDS", 0.01)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    workshop.program("apt-get", FAKE_APT)
    return workshop


def test_nothing_is_done_where_nothing_is_missing(machine: Workshop, tmp_path: Path) -> None:
    for name in ("first-program", "second-program"):
        machine.program(name, "#!/bin/sh\n")
    debian.ensure(PACKAGES, machine.progress)
    assert not (tmp_path / "apt").exists()
    assert machine.output.getvalue() == ""


def test_what_is_missing_is_installed_with_fresh_lists_and_services_kept_down(
    machine: Workshop, tmp_path: Path
) -> None:
    machine.program("second-program", "#!/bin/sh\n")
    debian.ensure(PACKAGES, machine.progress)
    calls = (tmp_path / "apt").read_text()
    assert "install --no-install-recommends first-package\n" in calls
    assert "second-package" not in calls
    assert calls.count(" update\n") == 2, "the first one met a lock"
    assert calls.count("services stay down\n") == calls.count(" -q ") == 4
    assert not (tmp_path / "policy-rc.d").exists()


def test_an_administrators_policy_is_left_as_it_was(machine: Workshop, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101 # mine\n")
    debian.ensure(PACKAGES, machine.progress)
    assert policy.read_text() == "#!/bin/sh\nexit 101 # mine\n"


def test_a_policy_that_a_killed_run_left_is_removed(machine: Workshop, tmp_path: Path) -> None:
    (tmp_path / "policy-rc.d").write_text(debian.POLICY_TEXT)
    debian.ensure(PACKAGES, machine.progress)
    assert not (tmp_path / "policy-rc.d").exists()


def test_what_a_killed_run_left_is_removed_where_nothing_is_missing(
    machine: Workshop, tmp_path: Path
) -> None:
    """Nothing else would ever remove it, and no service of any package would start on this machine again."""
    (tmp_path / "policy-rc.d").write_text(debian.POLICY_TEXT)
    debian.ensure([], machine.progress)
    assert not (tmp_path / "policy-rc.d").exists()


@pytest.mark.parametrize("theirs", [b"#!/bin/sh\nexit 101\n", b"", b"\xff"])
def test_an_administrators_policy_is_left_where_nothing_is_missing(
    machine: Workshop, tmp_path: Path, theirs: bytes
) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_bytes(theirs)
    debian.ensure([], machine.progress)
    assert policy.read_bytes() == theirs


KILLED = """
import io, os, sys
from pathlib import Path
from local.progress import Progress
from local.toolchain import debian
debian.POLICY, debian.LOCKED = Path(os.environ["APT_POLICY"]), Path(os.environ["APT_POLICY"]).parent
os.geteuid = lambda: 0
debian.ensure([debian.Package("first-package", ("first-program",))], Progress(stream=io.StringIO()))
"""


def test_the_policy_stays_while_the_apt_of_a_killed_run_is_still_at_work(
    machine: Workshop, tmp_path: Path
) -> None:
    slow, calls = tmp_path / "apt.slow", tmp_path / "apt"
    for file in (slow, tmp_path / "apt.locked"):
        file.touch()
    killed = subprocess.Popen([sys.executable, "-c", KILLED], cwd=CHECKOUT)
    deadline = time.monotonic() + 30
    while not (machine.bin / "second-program").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    with ThreadPoolExecutor() as pool:
        next_run = pool.submit(debian.ensure, PACKAGES, machine.progress)
        try:
            time.sleep(0.2)
            assert (tmp_path / "policy-rc.d").exists()
            assert "another run is installing" in machine.output.getvalue()
        finally:
            slow.unlink()
        next_run.result(timeout=30)
    assert "services stayed down" in calls.read_text()
    assert calls.read_text().count(" install ") == 1
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_package_that_can_not_be_had_is_said_in_apts_own_words(machine: Workshop, tmp_path: Path) -> None:
    (tmp_path / "apt.refuse").touch()
    with pytest.raises(LocalError, match="E: Unable to locate package") as caught:
        debian.ensure(PACKAGES, machine.progress)
    assert "first-package, second-package can't be installed" in str(caught.value)
    assert "Reading lists" not in str(caught.value)
    assert not (tmp_path / "policy-rc.d").exists()


def test_without_root_all_that_is_missing_is_named_with_the_command(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    workshop.program("apt-get", "#!/bin/sh\nexit 1\n")
    with pytest.raises(LocalError) as caught:
        debian.ensure(PACKAGES, workshop.progress)
    assert "lacks first-program, second-program" in str(caught.value)
    assert "sudo apt-get install --no-install-recommends first-package second-package" in str(caught.value)


def test_without_apt_the_programs_and_packages_are_named(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workshop.bin))
    with pytest.raises(LocalError, match="no apt-get") as caught:
        debian.ensure(PACKAGES, workshop.progress)
    assert "first-program, second-program" in str(caught.value)
    assert "first-package, second-package" in str(caught.value)


def test_a_package_without_what_we_need_from_it_is_said(machine: Workshop) -> None:
    with pytest.raises(LocalError, match=r"still there is no third-program \(first-package\)"):
        debian.ensure([Package("first-package", ("third-program",))], machine.progress)


@pytest.mark.parametrize(
    ("program", "words", "wanted"),
    [
        ("etcd", "etcd Version: 3.3.25\nGo Version: go1.19.8", "3.3.25 and 3.4 or later"),
        ("containerd", "containerd github.com/containerd/containerd 1.5.9-0", "1.5.9 and 1.6 or later"),
        ("buildah", "buildah version 1.19.6 (image-spec 1.0.1-dev)", "1.19.6 and 1.27 or later"),
    ],
)
def test_a_program_that_is_too_old_is_refused_with_both_versions_and_why(
    machine: Workshop, tmp_path: Path, program: str, words: str, wanted: str
) -> None:
    machine.program(program, f"#!/bin/sh\necho '{words}'\n")
    with pytest.raises(LocalError, match=rf"bin/{program} is {wanted} is needed: an older one") as caught:
        debian.ensure([*(p for p in (*debian.NODE, *debian.IMAGES) if p.oldest), *PACKAGES], machine.progress)
    assert "Install a later version, or put one in front on PATH" in str(caught.value)
    assert not (tmp_path / "apt").exists(), "nothing was begun"


def test_what_was_installed_and_is_too_old_is_refused_as_well(machine: Workshop, tmp_path: Path) -> None:
    (tmp_path / "apt.version").write_text("1.9.3")
    oldest = debian.Oldest("first-program", (2, 0), "an older one is slow")
    with pytest.raises(LocalError, match=r"1\.9\.3 and 2\.0 or later is needed: an older one is slow"):
        debian.ensure([Package("first-package", ("first-program",), oldest=oldest)], machine.progress)


@pytest.mark.parametrize("says", ["2.0.1", "10.1", "no version"])
def test_a_later_version_will_do_and_so_does_one_that_is_not_said(machine: Workshop, says: str) -> None:
    machine.program("first-program", f"#!/bin/sh\necho {says}\n")
    oldest = debian.Oldest("first-program", (2, 0), "an older one is slow")
    debian.ensure([Package("first-package", ("first-program",), oldest=oldest)], machine.progress)


def test_a_file_is_present_in_any_of_its_usual_places(tmp_path: Path) -> None:
    package = Package("p", (f"{tmp_path}/one:{tmp_path}/two",))
    assert package.missing() != []
    (tmp_path / "two").touch()
    assert package.missing() == []
