"""Every environment of this user on this machine, by the claims they lay to their names.

A claim is a folder below /run (see `Instance.run`) that names the checkout. It is there from the first start
to `make down`, and goes with a reboot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.instance import STACK, Instance

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECKOUT_FILE = "checkout"
_REFERENCE = re.compile(r"@(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Claim:
    """One name in use.

    Attributes:
        name: of the instance.
        checkout: to which it belongs; the folder may be gone.
        folder: the claim's own.
    """

    name: str
    checkout: Path
    folder: Path

    def instance(self, cache: Path) -> Instance:
        """The instance as that checkout knows it."""
        return Instance(name=self.name, checkout=self.checkout, cache=cache)

    def tools(self) -> set[Path]:
        """Files to which its own links lead."""
        links = self.instance(Path()).bin
        return {link.resolve() for link in links.iterdir()} if links.is_dir() else set()

    def images(self) -> set[str]:
        """Digests of the images that it was last brought up with."""
        file = self.checkout / "stacks" / "releases" / f"{STACK}.images.yaml"
        try:
            return set(_REFERENCE.findall(file.read_text()))
        except OSError:
            return set()


def claims(folder: Path) -> list[Claim]:
    """All claims below a folder, in the order of their names.

    Args:
        folder: `Instance.runs` of any instance of this user.
    """
    found = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            checkout = (entry / CHECKOUT_FILE).read_text().strip()
        except OSError:
            continue
        if checkout:
            found.append(Claim(entry.name, Path(checkout), entry))
    return found


def tools_in_use(found: Iterable[Claim]) -> set[Path]:
    """Files of the tool cache to which any claim's links lead."""
    return set().union(*(claim.tools() for claim in found))


def images_in_use(found: Iterable[Claim]) -> set[str]:
    """Digests of images that any claim names."""
    return set().union(*(claim.images() for claim in found))
