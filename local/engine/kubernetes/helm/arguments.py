"""A release's inputs: defaults, values, and the options they become."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from local.engine.kubernetes.helm import chart
from local.engine.kubernetes.naming import suffix
from local.engine.provider import ProviderError
from local.engine.values import Asset, Properties, Secret, has_unknown, reveal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_TIMEOUT_SECONDS: Final = 300
"""The official provider's."""

_SENSITIVE: Final = re.compile(
    r"(?i)(password|passwd|passphrase|token|api_?key|private_?key|secret_?key|access_?key)$"
)
"""Values with such names are kept encrypted even if the program didn't mark them."""

_BOTH: Final = {
    "atomic": "--atomic",
    "dependencyUpdate": "--dependency-update",
    "devel": "--devel",
    "disableOpenapiValidation": "--disable-openapi-validation",
    "renderSubchartNotes": "--render-subchart-notes",
    "skipCrds": "--skip-crds",
    "takeOwnership": "--take-ownership",
    "verify": "--verify",
}
_INSTALL: Final = {
    "createNamespace": "--create-namespace",
    "disableWebhooks": "--no-hooks",
    "replace": "--replace",
}
_UPGRADE: Final = {
    "cleanupOnFail": "--cleanup-on-fail",
    "disableCRDHooks": "--no-hooks",
    "forceUpdate": "--force",
    "resetValues": "--reset-values",
    "reuseValues": "--reuse-values",
}


def complete(
    inputs: Properties, old_inputs: Properties, *, resource_name: str, random_seed: bytes, namespace: str
) -> Properties:
    """Inputs with name, namespace and timeout, value files merged in, a local chart's digest noted.

    Raises:
        ProviderError: a local chart or a value file can't be read.
    """
    completed = copy.deepcopy(inputs)
    if not completed.get("name"):
        completed["name"] = old_inputs.get("name") or f"{resource_name.lower()}-{suffix(random_seed)}"
    if not completed.get("namespace"):
        completed["namespace"] = namespace
    if not completed.get("skipAwait") and "timeout" not in completed:
        completed["timeout"] = DEFAULT_TIMEOUT_SECONDS
    for name in ("resourceNames", "status", "manifest", "checksum"):
        completed.pop(name, None)
    files = completed.get("valueYamlFiles")
    if files and not has_unknown(files):
        completed["values"] = merged(_from_files(reveal(files)), completed.get("values") or {})
    if completed.get("values"):
        completed["values"] = _marked(completed["values"])
    _note_local_chart(completed)
    return completed


def _note_local_chart(completed: Properties) -> None:
    name, repository = reveal(completed.get("chart")), reveal(completed.get("repositoryOpts") or {})
    if not isinstance(name, str) or has_unknown(repository):
        return
    path = chart.local_path(name, repository)
    if path is not None:
        completed["version"] = str(chart.metadata(path)["version"])
        completed["checksum"] = chart.digest(path)


def _from_files(files: Any) -> dict[str, Any]:  # noqa: ANN401 - a list of assets
    total: dict[str, Any] = {}
    for file in files:
        if not isinstance(file, Asset) or file.uri:
            raise ProviderError("valueYamlFiles takes files and texts (FileAsset, StringAsset) only.")
        try:
            text = file.text if file.text is not None else Path(str(file.path)).read_text()
            content = yaml.safe_load(text) or {}
        except (OSError, yaml.YAMLError) as error:
            raise ProviderError(
                f"The value file {file.path or 'given as text'} can't be read: {error}"
            ) from error
        total = merged(total, content)
    return total


def merged(under: Mapping[str, Any], over: Any) -> Any:  # noqa: ANN401 - YAML of any shape
    """Two sets of values, the second winning, as Helm itself merges them."""
    if isinstance(over, Secret):
        return Secret(merged(under, over.value))
    if not isinstance(over, dict):
        return over
    total = dict(under)
    for name, value in over.items():
        below = total.get(name)
        total[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return total


def _marked(value: Any, name: str = "") -> Any:  # noqa: ANN401 - YAML of any shape
    if isinstance(value, dict):
        return {key: _marked(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_marked(item) for item in value]
    if isinstance(value, str) and value and _SENSITIVE.search(name):
        return Secret(value)
    return value


def secrets_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - property values are of any type
    """Every text that is secret, wherever it stands."""
    if isinstance(value, Secret):
        yield from _texts(reveal(value.value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def options(release: Mapping[str, Any], *, upgrade: bool) -> list[str]:
    """The words that a release's arguments become; `atomic` waits even if `skipAwait` is set, as in Helm."""
    flags = {**_BOTH, **(_UPGRADE if upgrade else _INSTALL)}
    words = [flag for name, flag in flags.items() if release.get(name)]
    if release.get("atomic") or not release.get("skipAwait"):
        words.append("--wait")
        if release.get("waitForJobs"):
            words.append("--wait-for-jobs")
    words += ["--timeout", f"{seconds(release):.0f}s"]
    for name, flag in (
        ("description", "--description"),
        ("keyring", "--keyring"),
        ("postrender", "--post-renderer"),
    ):
        if release.get(name):
            words += [flag, str(release[name])]
    if release.get("version") and not release.get("checksum"):
        words += ["--version", str(release["version"])]
    if upgrade and release.get("maxHistory") is not None:
        words += ["--history-max", str(release["maxHistory"])]
    return words


def seconds(release: Mapping[str, Any]) -> float:
    """How long Helm may take for one operation."""
    return float(release.get("timeout") or DEFAULT_TIMEOUT_SECONDS)
