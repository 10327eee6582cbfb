"""Images inside the node, through containerd's own client."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KUBERNETES_NAMESPACE = "k8s.io"
"""containerd's namespace in which the kubelet looks."""
IMPORT_SECONDS = 300.0
CONNECT_SECONDS = 30.0
IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


@dataclass(frozen=True)
class Image:
    """An image that the node holds.

    Attributes:
        reference: name with digest or tag.
        digest: of its manifest.
    """

    reference: str
    digest: str


class Images:
    """The image store of one node."""

    def __init__(self, ctr: Path, socket: Path) -> None:
        self._ctr = ctr
        self._socket = socket

    def all(self) -> list[Image]:
        """Every image by every name it has; ids, which containerd lists as names too, are left out."""
        return [image for image in self._listed() if not IMAGE_ID.fullmatch(image.reference)]

    def _listed(self) -> list[Image]:
        lines = [line.split() for line in self._run("images", "list").splitlines()[1:]]
        return [Image(reference, digest) for reference, _, digest, *_ in lines]

    def load(self, archive: Path, reference: str) -> bool:
        """Import an OCI archive so that `reference` (`name@sha256:...`) works with pull policy Never.

        Returns:
            False if it was there already.

        Raises:
            LocalError: the import failed, the reference has no digest, or the archive holds another image.
        """
        reference = normalised(reference)
        if not DIGEST.search(reference):
            raise LocalError(
                f"The image reference {reference} has no digest; images are used by digest only."
            )
        if reference in {image.reference for image in self.all()}:
            return False
        # The base name keeps out every name but the one that the Kubernetes plugin looks for: it normalises
        # what it finds, and an image with a second name that is not normal can't be used at all.
        repository = reference.rpartition("@")[0]
        self._run(
            "images",
            "import",
            "--base-name",
            repository,
            "--digests",
            str(archive),
            timeout=IMPORT_SECONDS,
        )
        images = self.all()
        if reference in {image.reference for image in images}:
            odd = [image.reference for image in images if image.reference != normalised(image.reference)]
            if odd:
                self._run("images", "remove", *odd)
            return True
        raise LocalError(
            f"The archive {archive} does not hold {reference}: no imported image has that digest. "
            "Remove the archive and run `make up` again; the image is built anew."
        )

    def collect(self, keep: Iterable[str]) -> list[str]:
        """Remove every image that no kept reference means, by name or by digest; give the removed names.

        An image's id is one of its names, and would keep its content on disk: it goes with the others.
        """
        names = {normalised(reference) for reference in keep}
        images = self._listed()
        digests = {name.rpartition("@")[2] for name in names}
        digests |= {image.digest for image in images if image.reference in names}
        unwanted = [image.reference for image in images if image.digest not in digests]
        if unwanted:
            self._run("images", "remove", "--sync", *unwanted, timeout=IMPORT_SECONDS)
        return [name for name in unwanted if not IMAGE_ID.fullmatch(name)]

    def _run(self, *words: str, timeout: float = CONNECT_SECONDS) -> str:
        command = [
            str(self._ctr),
            "--address",
            str(self._socket),
            "--namespace",
            KUBERNETES_NAMESPACE,
            *words,
        ]
        deadline = time.monotonic() + CONNECT_SECONDS
        while not self._socket.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            result = subprocess.run(  # noqa: S603 - containerd's own client, our words
                command, capture_output=True, text=True, check=False, timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise LocalError(
                f"`ctr {' '.join(words)}` took longer than {timeout:.0f} s. Is the disk full or very slow? "
                "containerd's log is .plinth/logs/containerd.log."
            ) from error
        if result.returncode != 0:
            raise LocalError(
                f"`ctr {' '.join(words)}` ended with status {result.returncode}: "
                f"{result.stderr.strip()[-1000:]}"
            )
        return result.stdout


def normalised(reference: str) -> str:
    """The name under which containerd's Kubernetes plugin looks for a reference: with a registry's name."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"
