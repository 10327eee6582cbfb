"""One environment as its commands see it: cluster, stack, release, and one command at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from local.artifacts import ArtifactBucket
from local.claims import NAME_FILE, BusyError, claimed
from local.cluster.existing import ExistingCluster, choose
from local.cluster.node import Node
from local.cluster.place import Place
from local.engine.environment import environment as engine_environment
from local.errors import LocalError
from local.instance import STACK, Instance
from local.release import ReleaseFile
from local.stack import Stack
from local.storage import text_or_nothing, write_atomically
from local.toolchain import NODE_TOOLS, Toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cluster.cluster import Cluster


class Environment:
    """The parts of an instance, made on first use."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.release = ReleaseFile(instance)

    @cached_property
    def variables(self) -> dict[str, str]:
        """What `make shell` sets, and what every child process of these commands gets."""
        return engine_environment(self.instance, self.cluster.emulator_url, self.cluster.node_address)

    @cached_property
    def stack(self) -> Stack:
        """The Pulumi stack."""
        return Stack(self.instance, self.variables)

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster that was chosen at the first `up`: an existing one, or else the embedded node."""
        place = Place.read(self.instance)
        return ExistingCluster(self.instance, place) if place else self.node

    def choose_cluster(self) -> None:
        """Check and record an existing cluster where `make up` is asked for one.

        Raises:
            LocalError: it can't be used; nothing was changed.
        """
        choose(self.instance)

    @cached_property
    def node(self) -> Node:
        """The embedded Kubernetes node with the AWS emulator beside it."""
        return Node(self.instance, Toolchain.installed(self.instance.cache, NODE_TOOLS))

    def artifacts(self) -> ArtifactBucket | None:
        """The artifact bucket, or None while the stack has none."""
        bucket = self.stack.outputs().get("artifact_bucket")
        return ArtifactBucket(bucket, self.variables) if bucket else None

    @contextmanager
    def exclusively(self, command: str) -> Iterator[None]:
        """Hold the instance for one command that changes it.

        Raises:
            LocalError: another command holds it, or the name belongs to another checkout.
        """
        holder = self.instance.state / "command"
        try:
            with claimed(self.instance):
                self.instance.make_state()
                self._claim_name()
                with FileLock(self.instance.state / "command.lock", timeout=0):
                    write_atomically(holder, f"`make {command}`, process {os.getpid()}")
                    yield
        except (BusyError, Timeout) as error:
            raise LocalError(
                f"{text_or_nothing(holder) or 'Another command'} is at work on {self.instance.name}. "
                "Wait until it ends; only one command may change an environment at a time."
            ) from error

    def _claim_name(self) -> None:
        """One checkout holds one environment."""
        known = self.instance.state / NAME_FILE
        recorded = text_or_nothing(known)
        if recorded and recorded != self.instance.name:
            raise LocalError(
                f"This checkout's environment is called {recorded}, and {self.instance.name} was asked for. "
                f"One checkout holds one environment: run `make down INSTANCE={recorded}` first, or use "
                "another clone."
            )
        write_atomically(known, self.instance.name)

    def check_config(self) -> None:
        """Refuse a stack config that the program would refuse, before anything is built or started.

        Raises:
            LocalError: the config or a release file is unknown or contradictory in some part.
        """
        check = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "stacks.settings", "check", STACK],
            cwd=self.instance.checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        if check.returncode != 0:
            raise LocalError((check.stderr or check.stdout).strip())
