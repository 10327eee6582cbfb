"""Charts: what is in a local one, and how a remote one is named to Helm."""

from __future__ import annotations

import hashlib
import tarfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlparse

import yaml

from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.engine.kubernetes.helm.command import Helm

_OCI: Final = "oci://"
_TRUST: Final = {"caFile": "--ca-file", "certFile": "--cert-file", "keyFile": "--key-file"}


def local_path(chart: str, repository: Mapping[str, Any]) -> Path | None:
    """The folder or archive that a chart's name means, None if it is fetched from elsewhere.

    Raises:
        ProviderError: the name is a path and nothing is there.
    """
    if repository.get("repo") or chart.startswith(_OCI):
        return None
    path = Path(chart)
    if (path / "Chart.yaml").is_file() or path.is_file():
        return path.absolute()
    if path.is_absolute() or chart.startswith("."):
        raise ProviderError(
            f"The chart {chart} is neither a folder with a Chart.yaml nor an archive "
            f"(looked from {Path.cwd()})."
        )
    return None


def digest(path: Path) -> str:
    """Digest of a chart's content: file names, modes and bytes of a folder, or the bytes of an archive."""
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(path) if file != path else ''}\0{content}\n".encode())
    return total.hexdigest()


def metadata(path: Path) -> Mapping[str, Any]:
    """A local chart's Chart.yaml.

    Raises:
        ProviderError: it has none that can be read.
    """
    try:
        text = (path / "Chart.yaml").read_text() if path.is_dir() else _from_archive(path)
        found = yaml.safe_load(text)
    except (OSError, tarfile.TarError, yaml.YAMLError, KeyError) as error:
        raise ProviderError(f"{path} is no Helm chart: its Chart.yaml can't be read ({error}).") from error
    if not isinstance(found, dict) or not found.get("name") or not found.get("version"):
        raise ProviderError(f"{path} is no Helm chart: its Chart.yaml names no chart and version.")
    return found


def _from_archive(path: Path) -> str:
    with tarfile.open(path) as archive:
        for member in archive:
            parts = member.name.split("/")
            if parts[1:] == ["Chart.yaml"]:
                file = archive.extractfile(member)
                if file is not None:
                    return file.read().decode()
    raise KeyError("Chart.yaml")


@contextmanager
def reference(
    helm: Helm, chart: str, repository: Mapping[str, Any]
) -> Iterator[tuple[list[str], dict[str, str]]]:
    """How to name a chart on Helm's command line; logs in where a password is given.

    The password goes through standard input into a folder that only we may read and that is gone afterwards.

    Yields:
        Words that name the chart, and environment variables to run Helm with.
    """
    path = local_path(chart, repository)
    if path is not None:
        yield [str(path)], {}
        return
    trust = [
        word for name, option in _TRUST.items() if repository.get(name) for word in (option, repository[name])
    ]
    url, password = repository.get("repo"), repository.get("password")
    if not password:
        user = ["--username", repository["username"]] if repository.get("username") else []
        yield [chart, *(["--repo", url] if url else []), *trust, *user], {}
        return
    with TemporaryDirectory(prefix="plinth-helm-") as folder:
        variables = {
            "HELM_REPOSITORY_CONFIG": str(Path(folder) / "repositories.yaml"),
            "HELM_REPOSITORY_CACHE": str(Path(folder) / "cache"),
            "HELM_REGISTRY_CONFIG": str(Path(folder) / "registry.json"),
        }
        login = ["--username", str(repository.get("username", "")), "--password-stdin", *trust]
        if chart.startswith(_OCI):
            words = ["registry", "login", urlparse(chart).netloc]
            name = chart
        else:
            words = ["repo", "add", "plinth", str(url)]
            name = f"plinth/{chart}"
        helm.run(*words, *login, text=str(password), hide=[str(password)], environment=variables)
        yield [name, *(trust if chart.startswith(_OCI) else [])], variables
