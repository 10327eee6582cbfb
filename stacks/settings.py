"""A stack's config, parsed once and strictly; what is unknown or contradictory never reaches the engine.

`python -m stacks.settings check STACK` says whether a stack's files are accepted, without an engine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import ValidationError

from stacks.errors import ConfigError, findings_of
from stacks.release import find_images, load_release
from stacks.schema import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parent

NAMESPACE = "plinth"
PROVIDER_NAMESPACES = frozenset({"aws", "kubernetes", "pulumi"})
"""Config that is read by others: the providers, and the engine itself."""

TAKEN_FROM_PROVIDER = {"aws:region": "region", "aws:allowedAccountIds": "accounts"}
"""Said once, where the provider enforces it, and read from there."""

FILE_KEYS = frozenset({"config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment"})
"""What a stack's file may hold (Stack settings file, Pulumi documentation)."""


def load_file(stack: str, folder: Path = FOLDER) -> Settings:
    """The settings of a stack, from its file alone.

    Raises:
        ConfigError: there is no such stack, or its file is refused.
    """
    path = folder / f"Pulumi.{stack}.yaml"
    try:
        content: Any = yaml.safe_load(path.read_text()) or {}
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.name.split(".")[1] for file in folder.glob("Pulumi.*.yaml"))) or "none"
        raise ConfigError(f"Stack {stack}", [f"there is no {path.name}. Known stacks: {known}."]) from error
    except yaml.YAMLError as error:
        raise ConfigError(path.name, [f"it is not YAML: {error}. Mend it."]) from error
    unknown = sorted(set(content) - FILE_KEYS)
    if unknown:
        raise ConfigError(
            path.name,
            [f"{key} is not a key of a stack's file. Config goes under `config:`." for key in unknown],
        )
    return parse(stack, content.get("config") or {})


def from_engine(stack: str) -> Settings:
    """The settings that the engine hands to the program, what `--config` changed included.

    `pulumi.Config` can't list keys, and a misspelt key would pass unseen; so the whole bag is read.

    Raises:
        ConfigError: the config is refused.
    """
    return parse(stack, CONFIG.get() or get_config_env())


def parse(stack: str, config: Mapping[str, Any]) -> Settings:
    """Settings from config by full key; values are structured, or JSON as the engine hands them over.

    Raises:
        ConfigError: a key is unknown, a value is not allowed, or two contradict each other.
    """
    source = f"The config of stack {stack}"
    strangers = []
    sections: dict[str, Any] = {}
    for key, value in config.items():
        namespace, _, name = key.rpartition(":")
        if namespace == NAMESPACE and name not in TAKEN_FROM_PROVIDER.values():
            sections[name] = _structured(value)
        elif key in TAKEN_FROM_PROVIDER:
            sections[TAKEN_FROM_PROVIDER[key]] = _structured(value)
        elif namespace not in PROVIDER_NAMESPACES:
            strangers.append(f"{key} is not a key that anything reads. Correct its spelling, or remove it.")
    if strangers:
        raise ConfigError(source, strangers)
    try:
        settings = Settings.model_validate_json(json.dumps(sections))
    except ValidationError as error:
        raise ConfigError(source, map(_with_provider_keys, findings_of(error, f"{NAMESPACE}:"))) from error
    if settings.environment != stack:
        raise ConfigError(
            source,
            [
                (
                    f"plinth:environment = {settings.environment!r}, but the stack is {stack!r}; names and "
                    "tags would be those of another environment. Make them equal."
                )
            ],
        )
    return settings


def check(stack: str) -> None:
    """Refuse a stack whose files can't be deployed: its config, and its release and images if there are any.

    Raises:
        ConfigError: one of them is refused.
    """
    load_file(stack)
    load_release(stack)
    find_images(stack)


def _structured(value: object) -> object:
    if not isinstance(value, str) or value[:1] not in {"{", "["}:
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _with_provider_keys(finding: str) -> str:
    for provider_key, section in TAKEN_FROM_PROVIDER.items():
        if finding.startswith(f"{NAMESPACE}:{section}"):
            return provider_key + finding.removeprefix(f"{NAMESPACE}:{section}")
    return finding


def main(arguments: list[str]) -> int:
    """Entry of `python -m stacks.settings`."""
    match arguments:
        case ["check", stack]:
            try:
                check(stack)
            except ConfigError as error:
                sys.stderr.write(f"{error}\n")
                return 1
            return 0
        case _:
            sys.stderr.write("usage: python -m stacks.settings check STACK\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
