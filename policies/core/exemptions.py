"""Justified exemptions, as data: which rule, which resource, why, who answers for it, until when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from policies.core.errors import PolicyInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIELDS: Final = ("rule", "reason", "owner", "expires")
NAMES: Final = ("resource", "resources")
"""One of these: an entry for several resources stands for as many exemptions, each of which has to match."""
OPTIONAL_FIELDS: Final = ("stacks",)
LONGEST_DAYS: Final = 366
"""An exemption is looked at again at least once a year."""
SHORTEST_REASON: Final = 20
"""Characters; a reason that fits into fewer names no cause."""


@dataclass(frozen=True)
class Exemption:
    """One resource that one rule need not hold for, for a while.

    Attributes:
        rule: id of the rule.
        resource: `type::name` or the whole URN; no patterns, so that nothing is exempted by accident.
        reason: why the risk is accepted.
        owner: who answers for it.
        expires: last day on which it holds.
        stacks: names of the stacks that it is meant for; empty for all.
    """

    rule: str
    resource: str
    reason: str
    owner: str
    expires: dt.date
    stacks: tuple[str, ...] = ()

    def fits(self, rule: str, key: str, urn: str) -> bool:
        """Whether it names this rule and this resource."""
        return self.rule == rule and self.resource in {key, urn}

    def meant_for(self, stack: str) -> bool:
        """Whether it is meant for a stack."""
        return not self.stacks or stack in self.stacks


@dataclass(frozen=True)
class ExemptionOutcome:
    """An exemption that closes the gate itself, and why."""

    exemption: Exemption
    problem: str


def load(path: Path, is_rule: Callable[[str], bool], today: dt.date) -> list[Exemption]:
    """Read exemptions strictly; an absent file holds none.

    Args:
        path: YAML, a list of entries.
        is_rule: whether there is a rule of this id.
        today: entries may run at most a year from it.

    Raises:
        PolicyInputError: the file, a field, a rule id or a date can't be used.
    """
    if not path.exists():
        return []
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PolicyInputError(f"{path}: no readable YAML: {error}. Correct the file.") from error
    if held is None:
        return []
    if not isinstance(held, list):
        raise PolicyInputError(f"{path}: holds a {type(held).__name__}; write a list of exemptions.")
    exemptions = [
        exemption
        for index, entry in enumerate(held, start=1)
        for exemption in _exemptions(f"{path}, entry {index}", entry, is_rule)
    ]
    for exemption in exemptions:
        if (exemption.expires - today).days > LONGEST_DAYS:
            raise PolicyInputError(
                f"{path}: the exemption of {exemption.resource} from {exemption.rule} runs until "
                f"{exemption.expires}, more than {LONGEST_DAYS} days from today. Choose an earlier date."
            )
    if len({(e.rule, e.resource, e.stacks) for e in exemptions}) != len(exemptions):
        raise PolicyInputError(f"{path}: two entries exempt the same resource from the same rule. Keep one.")
    return exemptions


def _exemptions(where: str, entry: object, is_rule: Callable[[str], bool]) -> list[Exemption]:
    """The exemptions that one entry stands for: one for each resource that it names."""
    if not isinstance(entry, dict):
        raise PolicyInputError(f"{where}: is no object. Give it {', '.join(FIELDS)} and resource.")
    unexpected = set(entry) - {*FIELDS, *NAMES, *OPTIONAL_FIELDS}
    missing = set(FIELDS) - set(entry)
    if unexpected or missing or len(set(NAMES) & set(entry)) != 1:
        raise PolicyInputError(
            f"{where}: unknown fields {sorted(map(str, unexpected))}, missing fields {sorted(missing)}. "
            f"An exemption has {', '.join(FIELDS)}, either resource or resources, and may have "
            f"{', '.join(OPTIONAL_FIELDS)}."
        )
    texts = {name: _text(where, name, entry[name]) for name in FIELDS if name != "expires"}
    if not is_rule(texts["rule"]):
        raise PolicyInputError(f"{where}: there is no rule {texts['rule']!r}. docs/controls.md lists them.")
    if len(texts["reason"]) < SHORTEST_REASON:
        raise PolicyInputError(
            f"{where}: the reason {texts['reason']!r} names no cause. Say why the risk is accepted."
        )
    expires = entry["expires"]
    if not isinstance(expires, dt.date) or isinstance(expires, dt.datetime):
        raise PolicyInputError(f"{where}: expires {expires!r} is no date. Write it as YYYY-MM-DD.")
    stacks = entry.get("stacks", [])
    if not isinstance(stacks, list) or not all(isinstance(name, str) for name in stacks):
        raise PolicyInputError(f"{where}: stacks {stacks!r} is no list of names.")
    return [
        Exemption(**texts, resource=resource, expires=expires, stacks=tuple(stacks))
        for resource in _resources(where, entry)
    ]


def _resources(where: str, entry: dict[object, object]) -> list[str]:
    held = entry.get("resources", [entry.get("resource")])
    if not isinstance(held, list) or not held:
        raise PolicyInputError(f"{where}: resources {held!r} is no list of names. Name at least one.")
    names = [_text(where, "resource", name) for name in held]
    for name in names:
        if "*" in name or "::" not in name:
            raise PolicyInputError(
                f"{where}: resource {name!r} is no `type::name` and no URN. Name each one, without patterns."
            )
    return names


def _text(where: str, name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PolicyInputError(f"{where}: {name} is {value!r}. Give it a text.")
    return value.strip()
