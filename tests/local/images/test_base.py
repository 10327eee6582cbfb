"""The recipe of the Debian base, and the mirrors it takes from the machine."""

from __future__ import annotations

import platform as machine_platform
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import base, mirrors
from local.images.base import Platform

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN = 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_CODENAME={name}\n'


def machine(folder: Path, files: dict[str, str], release: str = "bookworm") -> tuple[Path, Path]:
    apt = folder / "apt"
    (apt / "sources.list.d").mkdir(parents=True)
    for name, text in files.items():
        (apt / name).write_text(text)
    os_release = folder / "os-release"
    os_release.write_text(DEBIAN.format(name=release))
    return apt, os_release


STANZA = """# comment
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /keys/debian.gpg
"""


def test_the_machines_own_mirror_is_taken(tmp_path: Path) -> None:
    text = mirrors.sources_for("bookworm", *machine(tmp_path, {"sources.list.d/debian.sources": STANZA}))
    assert "URIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n" in text
    assert "Signed-By: /keys/debian.gpg" in text


def test_the_older_format_is_read_too(tmp_path: Path) -> None:
    line = (
        "deb [arch=amd64 signed-by=/keys/d.gpg] http://mirror.example/debian bookworm main # ours\n"
        "#deb http://mirror.example/debian bookworm-updates main\n"
    )
    text = mirrors.sources_for("bookworm", *machine(tmp_path, {"sources.list": line}))
    assert text.count("Types: deb") == 1
    assert "Signed-By: /keys/d.gpg" in text


@pytest.mark.parametrize(
    "other",
    [
        STANZA.replace("Suites: bookworm bookworm-updates", "Suites: nodistro"),
        STANZA.replace("Components: main contrib", "Components: stable"),
        STANZA.replace("Types: deb", "Types: deb-src"),
        STANZA + "Enabled: no\n",
    ],
)
def test_other_vendors_sources_are_left_out(tmp_path: Path, other: str) -> None:
    other = other.replace("mirror.example", "vendor.example")
    files = {"sources.list.d/a.sources": STANZA, "sources.list.d/b.sources": other}
    assert "vendor.example" not in mirrors.sources_for("bookworm", *machine(tmp_path, files))


def test_a_machine_of_another_release_uses_its_mirror_for_ours(tmp_path: Path) -> None:
    stanza = STANZA.replace("bookworm bookworm-updates", "trixie trixie-security")
    text = mirrors.sources_for("bookworm", *machine(tmp_path, {"sources.list.d/a.sources": stanza}, "trixie"))
    assert "Suites: bookworm bookworm-security" in text


def test_a_machine_without_a_debian_mirror_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        LocalError, match=r"names no Debian archive.*Start a Docker engine.*or add a Debian source"
    ):
        mirrors.sources_for("bookworm", *machine(tmp_path, {}))


def test_a_key_written_out_in_the_sources_is_carried_over(tmp_path: Path) -> None:
    stanza = STANZA.replace("/keys/debian.gpg", "\n -----BEGIN PGP-----\n .\n abc")
    text = mirrors.sources_for("bookworm", *machine(tmp_path, {"sources.list.d/a.sources": stanza}))
    assert " -----BEGIN PGP-----\n .\n abc" in text


def test_wheels_are_chosen_for_the_images_python_not_for_ours(platform: Platform) -> None:
    options = platform.wheel_options
    assert options[options.index("--python-version") + 1] == base.PYTHON
    assert "manylinux_2_36_x86_64" in options
    assert "manylinux_2_37_x86_64" not in options
    assert "manylinux2014_x86_64" in options


def test_a_processor_without_packages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_platform, "machine", lambda: "riscv64")
    with pytest.raises(LocalError, match="riscv64"):
        Platform.of_this_machine()


def test_a_mac_builds_for_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_platform, "machine", lambda: "arm64")
    assert Platform.of_this_machine() == Platform(architecture="arm64", processor="aarch64")


def test_the_base_has_a_key_for_each_processor(platform: Platform) -> None:
    assert base.key(platform) != base.key(Platform(architecture="arm64", processor="aarch64"))


def test_a_proxys_password_stays_off_the_command_line(
    tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "apt-config"
    program.write_text(
        "#!/bin/sh\n"
        """echo 'Acquire::http::Proxy "http://u:planted-secret@proxy.example:3128";'\n"""
        """echo 'Acquire::https::Proxy "";'\n"""
        """echo 'Acquire::Languages "none";'\n"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    options = mirrors.download_options()
    assert options == 'Acquire::http::Proxy "http://u:planted-secret@proxy.example:3128";\n'
    words = base.command(platform, tmp_path / "apt.conf", tmp_path / "sources", tmp_path / "root.tar")
    assert "planted-secret" not in " ".join(words)


def test_a_machine_without_apt_has_no_download_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert mirrors.download_options() == ""
