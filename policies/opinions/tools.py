"""Start the tools, read what they say; one that fails, or sees less than it was shown, gives no opinion."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from policies.core.errors import PolicyInputError
from policies.core.state import read_manifests
from policies.opinions import schemas
from policies.opinions.opinion import Opinion, of_checkov, of_dry_run, of_kube_score, of_kubeconform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS: Final = 300
"""Longest time for one tool; Checkov takes the longest to start."""
FIELD_MANAGER: Final = "plinth-second-opinion"
KUBERNETES: Final = "v1.36"
"""What kube-score holds API versions against."""


@dataclass(frozen=True)
class Manifests:
    """A file of Kubernetes objects.

    Attributes:
        path: the file.
        namespace: of those objects that name none.
        versions: apiVersion of each object.
    """

    path: Path
    namespace: str
    versions: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, namespace: str) -> Manifests:
        """Take a file.

        Raises:
            PolicyInputError: it can't be read.
        """
        found = read_manifests(path)
        return cls(path, namespace, tuple(str(held.props["apiVersion"]) for held in found))

    def count(self) -> int:
        """How many objects it holds."""
        return len(self.versions)


def checkov(program: str, manifests: Sequence[Manifests], dockerfiles: Sequence[Path]) -> list[Opinion]:
    """Checkov on manifests and Dockerfiles, in one run because most of its time is its start."""
    files = [str(path.resolve()) for path in (*(held.path for held in manifests), *dockerfiles)]
    command = [program, "--framework", "kubernetes", "dockerfile", "--skip-download", "--quiet", "--compact"]
    command += ["--output", "json", *(word for file in files for word in ("--file", file))]
    opinions, seen = _read("checkov", of_checkov, _run(command, allowed=(0, 1)).stdout)
    least = sum(held.count() for held in manifests) // 2 + len(dockerfiles)
    if seen < least:  # it counts only the kinds that it has checks for
        raise PolicyInputError(f"checkov looked at {seen} of at least {least} resources. Run it by hand.")
    roots = {f"Dockerfile::{str(path.resolve()).lstrip('/')}": path for path in dockerfiles}
    return [_shortened(opinion, roots) for opinion in opinions]


def _shortened(opinion: Opinion, roots: dict[str, Path]) -> Opinion:
    """The opinion with the Dockerfile's path as it was given, not as it lies on this machine."""
    path = roots.get(opinion.resource)
    if path is None:
        return opinion
    return replace(opinion, resource=f"Dockerfile::{path}")


def kube_score(program: str, manifests: Sequence[Manifests]) -> list[Opinion]:
    """kube-score on all manifests together, as it looks for policies and services of each pod."""
    command = [program, "score", "--kubernetes-version", KUBERNETES, "--output-format", "json"]
    command += [str(held.path) for held in manifests]
    return _read("kube-score", of_kube_score, _run(command, allowed=(0, 1)).stdout)[0]


def kubeconform(program: str, manifests: Sequence[Manifests], folder: Path) -> list[Opinion]:
    """Kubeconform against schemas that `schemas.write` made."""
    command = [program, "-strict", "-verbose", "-output", "json", "-n", "2"]
    command += ["-schema-location", f"{folder}/{schemas.TEMPLATE}", *(str(held.path) for held in manifests)]
    opinions, seen = _read("kubeconform", of_kubeconform, _run(command, allowed=(0, 1)).stdout)
    wanted = sum(held.count() for held in manifests)
    if seen < wanted:
        raise PolicyInputError(f"kubeconform looked at {seen} of {wanted} objects. Run it by hand.")
    return opinions


def fetch_schemas(kubectl: str, kubeconfig: Path, manifests: Sequence[Manifests], folder: Path) -> int:
    """Write the schemas of every apiVersion in the manifests, as the API server serves them."""
    paths = json.loads(_raw(kubectl, kubeconfig, "/openapi/v3"))["paths"]
    documents = []
    for version in sorted({version for held in manifests for version in held.versions}):
        name = f"apis/{version}" if "/" in version else f"api/{version}"
        if name not in paths:
            raise PolicyInputError(
                f"The API server knows no {version}, which a manifest uses. Install its definitions first."
            )
        documents.append(json.loads(_raw(kubectl, kubeconfig, paths[name]["serverRelativeURL"])))
    return schemas.write(documents, folder)


def dry_run(kubectl: str, kubeconfig: Path, manifests: Sequence[Manifests]) -> list[Opinion]:
    """Server-side apply without effect: admission, validation and Pod Security of the real API server."""
    opinions = []
    for held in manifests:
        command = [kubectl, "apply", "--server-side", "--dry-run=server", "--force-conflicts"]
        command += ["--field-manager", FIELD_MANAGER, "--output", "name", "--filename", str(held.path)]
        command += ["--namespace", held.namespace] if held.namespace else []
        done = _run(command, kubeconfig, allowed=(0, 1))
        said = of_dry_run(done.stderr)
        taken = sum(1 for line in done.stdout.splitlines() if line.strip())
        if taken < held.count() and not said:
            raise PolicyInputError(
                f"The API server took {taken} of {held.count()} objects in {held.path}, and didn't say why."
            )
        opinions += said
    return opinions


def _raw(kubectl: str, kubeconfig: Path, path: str) -> str:
    return _run([kubectl, "get", "--raw", path], kubeconfig).stdout


def _read(
    tool: str, reader: Callable[[str], tuple[list[Opinion], int]], text: str
) -> tuple[list[Opinion], int]:
    try:
        return reader(text)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PolicyInputError(
            f"{tool} wrote something unexpected ({type(error).__name__}: {error}). Use the locked version."
        ) from error


def _run(
    command: Sequence[str], kubeconfig: Path | None = None, allowed: Sequence[int] = (0,)
) -> subprocess.CompletedProcess[str]:
    environment: dict[str, Any] = dict(os.environ)
    if kubeconfig is not None:
        environment["KUBECONFIG"] = str(kubeconfig)
    try:
        done = subprocess.run(  # noqa: S603 - programs that the caller names, and our own files
            list(command), capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PolicyInputError(
            f"{command[0]} can't be run: {error}. Install it, or name its path."
        ) from error
    if done.returncode not in allowed:
        last = (done.stderr or done.stdout).strip()[-400:]
        raise PolicyInputError(f"{Path(command[0]).name} ended with status {done.returncode}: {last}")
    return done
