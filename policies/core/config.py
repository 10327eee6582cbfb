"""Limits per environment, in the engine's own format for policy config, validated strictly.

    {"kms-deletion-window": {"enforcementLevel": "mandatory", "minimum_days": 7},
     "rds-multi-az": {"enforcementLevel": "mandatory", "required": false}}

The engine demands an enforcement level of each entry; only `mandatory` is taken here.

A rule or a setting that the config doesn't name keeps its default, which is what production needs: a
missing config can only make the gate stricter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from policies.core.errors import PolicyInputError

if TYPE_CHECKING:
    from pathlib import Path

    from policies.core.evaluate import Settings
    from policies.core.rules import Rule, SettingValue

LEVEL: Final = "enforcementLevel"
MANDATORY: Final = "mandatory"


def load(path: Path | None, rules: Iterable[Rule]) -> Settings:
    """Read a config file; None gives the defaults.

    Raises:
        PolicyInputError: it is no JSON object, names an unknown rule or setting, or a value has a wrong type.
    """
    held: object = {}
    if path is not None:
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise PolicyInputError(f"{path}: no readable JSON: {error}. Correct the file.") from error
    return complete(held, rules, where=str(path))


def complete(held: object, rules: Iterable[Rule], *, where: str) -> Settings:
    """Validate a config and fill in the defaults.

    Raises:
        PolicyInputError: see `load`.
    """
    if not isinstance(held, Mapping):
        raise PolicyInputError(f"{where}: holds a {type(held).__name__}; write an object of rule ids.")
    known = {rule.id: rule for rule in rules}
    unknown = sorted(set(map(str, held)) - set(known))
    if unknown:
        raise PolicyInputError(f"{where}: there are no rules {unknown}. docs/controls.md lists them.")
    return {rule.id: limits(rule, held.get(rule.id, {}), where=where) for rule in known.values()}


def limits(rule: Rule, held: object, *, where: str) -> dict[str, SettingValue]:
    """One rule's limits, complete.

    Raises:
        PolicyInputError: see `load`.
    """
    if not isinstance(held, Mapping):
        raise PolicyInputError(
            f"{where}: {rule.id} holds a {type(held).__name__}; write an object of settings."
        )
    if held.get(LEVEL, MANDATORY) != MANDATORY:
        raise PolicyInputError(
            f"{where}: {rule.id} is made {held[LEVEL]!r}; every rule is mandatory. Correct the level."
        )
    unknown = sorted(set(map(str, held)) - set(rule.settings) - {LEVEL})
    if unknown:
        known = ", ".join(rule.settings) or "none"
        raise PolicyInputError(
            f"{where}: {rule.id} has no settings {unknown}; it has {known}. Every rule is mandatory: "
            "an exception for one resource belongs into exemptions.yaml."
        )
    return {
        name: _value(f"{where}: {rule.id}.{name}", held[name], setting.default)
        if name in held
        else setting.default
        for name, setting in rule.settings.items()
    }


def _value(where: str, value: object, default: SettingValue) -> SettingValue:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise PolicyInputError(f"{where} is {value!r}; write true or false.")
    if isinstance(default, int):
        # The engine hands numbers over as floats.
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and value >= 0
            and value == int(value)
        ):
            return int(value)
        raise PolicyInputError(f"{where} is {value!r}; write a whole number that is not negative.")
    if isinstance(value, list) and all(isinstance(element, str) and element for element in value):
        return tuple(value)
    raise PolicyInputError(f"{where} is {value!r}; write a list of texts.")
