"""Puts the language host and the provider stand-ins where the engine looks for them."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from local.storage import link

if TYPE_CHECKING:
    from pathlib import Path

    from local.instance import Instance

LANGUAGE_HOST = "pulumi-language-python"

STAND_INS = {"aws": "pulumi-aws", "kubernetes": "pulumi-kubernetes"}
"""Each provider with the distribution whose version its plugin must bear."""


def install(instance: Instance, toolchain_pulumi: Path | None = None) -> None:
    """Write the launchers; a second call changes nothing.

    The stand-ins always serve the local environment. The engine prefers an official language host that is on
    PATH, or beside its own binary, to the one installed here.

    Args:
        instance: whose engine it is.
        toolchain_pulumi: the engine's command line, to be linked as `pulumi`; None leaves PATH to decide.
    """
    instance.bin.mkdir(parents=True, exist_ok=True)
    if toolchain_pulumi is not None:
        link(instance.bin / "pulumi", toolchain_pulumi)
    _install_language_host(instance)
    for name, distribution in STAND_INS.items():
        _install_stand_in(instance, name, metadata.version(distribution))


def _install_language_host(instance: Instance) -> None:
    """Into the engine's plugin cache, which it searches last: an official host on PATH or beside it wins.

    In `instance.bin` it would be taken as well, and each command would warn of a host found on PATH.
    """
    (instance.bin / LANGUAGE_HOST).unlink(missing_ok=True)
    folder = _plugin_folder(instance, "language-python", metadata.version("pulumi"))
    _write_launcher(folder / LANGUAGE_HOST, "local.engine.language_host")


def _install_stand_in(instance: Instance, name: str, version: str) -> None:
    folder = _plugin_folder(instance, f"resource-{name}", version)
    _write_launcher(folder / f"pulumi-resource-{name}", f"local.engine.{name}")


def _plugin_folder(instance: Instance, plugin: str, version: str) -> Path:
    """The folder of one plugin; those of its other versions are removed."""
    plugins = instance.pulumi_home / "plugins"
    folder = plugins / f"{plugin}-v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    for old in plugins.glob(f"{plugin}-v*"):
        if old.is_dir() and old != folder:
            shutil.rmtree(old)
    return folder


def _write_launcher(path: Path, module: str) -> None:
    """A shell line that becomes the program, so that the engine stays its parent and may signal it."""
    # -P: what lies in the engine's working directory must not be imported instead of Plinth's packages.
    text = (
        "#!/bin/sh\n"
        'export GRPC_VERBOSITY="${GRPC_VERBOSITY:-ERROR}"\n'
        f'exec {shlex.quote(sys.executable)} -P -m {module} "$@"\n'
    )
    if path.is_file() and path.read_text() == text and os.access(path, os.X_OK):
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.replace(path)
