"""Which resource types each environment has, as the gate found them: what the rules cover today."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from policies.core.errors import PolicyInputError

if TYPE_CHECKING:
    from pathlib import Path

    from policies.core.resources import Resource
    from policies.core.rules import Rule

Covered = Mapping[str, tuple[str, ...]]
"""Resource type -> the environments that have one, sorted."""

EVERY: Final = "every environment"
EXTERNAL: Final = ("aws:", "kubernetes:")
"""What an environment may have or not; of the engine's own types each has some."""


def tally(stack: str, resources: Iterable[Resource]) -> str:
    """How many resources of each type an environment has, and nothing of their properties, as JSON."""
    counted = Counter(resource.type for resource in resources)
    return json.dumps({"stack": stack, "types": dict(sorted(counted.items()))}, indent=1) + "\n"


def read_tally(path: Path) -> tuple[str, frozenset[str]]:
    """Name of the environment, and its resource types.

    Raises:
        PolicyInputError: it isn't what `tally` writes.
    """
    held = _json(path, "Write it by `python -m policies check-state --types FILE`.")
    stack, types = (held.get(key) for key in ("stack", "types"))
    if not isinstance(stack, str) or not isinstance(types, dict) or not types:
        raise PolicyInputError(
            f"{path}: names no stack with types. Write it by `python -m policies check-state --types FILE`."
        )
    return stack, frozenset(types)


def joined(tallies: Iterable[tuple[str, Iterable[str]]]) -> Covered:
    """The environments of each type."""
    held: defaultdict[str, set[str]] = defaultdict(set)
    for stack, types in tallies:
        for token in types:
            held[token].add(stack)
    return {token: tuple(sorted(stacks)) for token, stacks in sorted(held.items())}


def judged(covered: Covered, rules: Iterable[Rule]) -> Covered:
    """Those types that a rule of their own judges; what holds for all of AWS says nothing of a type."""
    own = [rule for rule in rules if "aws:*" not in rule.types]
    return {
        token: stacks
        for token, stacks in covered.items()
        if token.startswith(EXTERNAL) and any(rule.covers(token) for rule in own)
    }


def as_text(covered: Covered) -> str:
    """JSON of one line a type, so that a change is one line in a diff."""
    lines = ",\n".join(f" {json.dumps(token)}: {json.dumps(stacks)}" for token, stacks in covered.items())
    return f"{{\n{lines}\n}}\n"


def load(path: Path) -> Covered:
    """Read what `as_text` wrote.

    Raises:
        PolicyInputError: it isn't that.
    """
    remedy = "Write it by `python -m policies coverage --write`."
    covered = {}
    for token, stacks in _json(path, remedy).items():
        if not isinstance(stacks, list):
            raise PolicyInputError(f"{path}: {token} holds no list of environments. {remedy}")
        covered[token] = tuple(map(str, stacks))
    return covered


def environments(rule: Rule, covered: Covered) -> str:
    """Where a rule has something to judge, in words."""
    if rule.forbids:
        return "none, as it demands"
    if not all(token.startswith(EXTERNAL) for token in rule.types):
        return EVERY
    found = {stack for token, stacks in covered.items() if rule.applies_to(token) for stack in stacks}
    every = {stack for stacks in covered.values() for stack in stacks}
    return EVERY if found == every else ", ".join(sorted(found)) or "none yet"


def _json(path: Path, remedy: str) -> dict[str, object]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise PolicyInputError(f"{path}: no readable JSON: {error}. {remedy}") from error
    if not isinstance(held, dict):
        raise PolicyInputError(f"{path}: holds a {type(held).__name__} and no object. {remedy}")
    return held
