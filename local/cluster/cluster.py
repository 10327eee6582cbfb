"""What the commands ask of a cluster, whether it is the embedded node or one that exists already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from local.images.names import BuiltImage, ImageName
    from local.progress import Progress
    from local.toolchain import Tool
    from local.toolchain.debian import Package


@dataclass(frozen=True)
class ProcessHealth:
    """One supervised program, or another part that has to answer.

    Attributes:
        name: of the program.
        healthy: whether it runs and, where it can be asked, answers.
        detail: why it is not healthy, or since when it runs.
    """

    name: str
    healthy: bool
    detail: str


class Cluster(Protocol):
    """A cluster with the AWS emulator beside it. Every method may be called at any time, in any state."""

    @property
    def tools(self) -> Sequence[Tool]:
        """What has to be built for it, the most urgent first."""
        ...

    @property
    def packages(self) -> Sequence[Package]:
        """Debian packages that it runs on."""
        ...

    @property
    def node_address(self) -> str:
        """Where its node ports answer."""
        ...

    @property
    def api_server_url(self) -> str:
        """The Kubernetes API as this machine reaches it."""
        ...

    @property
    def emulator_url(self) -> str:
        """The AWS emulator as this machine reaches it."""
        ...

    def start(self, progress: Progress) -> None:
        """Bring it up, or repair it, and return when it is ready.

        Raises:
            LocalError: a part did not become ready.
        """
        ...

    def stop(self, progress: Progress) -> None:
        """End its processes on this machine and keep everything that is stored."""
        ...

    def destroy(self, progress: Progress) -> None:
        """Remove everything that `start` made.

        Raises:
            LocalError: something can't be removed.
        """
        ...

    def leftovers(self) -> list[str]:
        """What `destroy` failed to remove."""
        ...

    def health(self) -> list[ProcessHealth]:
        """Every part, whether it runs or not."""
        ...

    def lost(self) -> list[str]:
        """What the emulator forgot since `accept_losses` was last called; empty when nothing."""
        ...

    def accept_losses(self) -> None:
        """Note that what the emulator forgot has been rebuilt."""
        ...

    def versions(self) -> dict[str, str]:
        """Versions of what runs."""
        ...

    def workload_pods(self) -> list[str]:
        """`namespace/name` of every pod that the stack's destruction should have ended.

        Raises:
            LocalError: the API server could not be asked.
        """
        ...

    def provide(self, images: Mapping[ImageName, BuiltImage], progress: Progress) -> dict[ImageName, str]:
        """Put images where its pods get them from; give the references that they have there.

        Raises:
            LocalError: an image could not be put there.
        """
        ...

    def collect_images(self, keep: Iterable[str], progress: Progress) -> None:
        """Give back the space of images that neither `keep` names nor anything in the cluster may start."""
        ...
