"""The rules and the compliant environment speak of types and properties that the provider's SDK has."""

from __future__ import annotations

import importlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pulumi._types as pulumi_types
import pytest

from policies.core.taggable import TAGGABLE
from policies.registry import RULES, UNRULED
from tests.policies.compliant import state

aws = pytest.importorskip("pulumi_aws")


@cache
def sdk() -> dict[str, tuple[str, str]]:
    """Type token -> module and class, from the SDK's own registry."""
    source = Path(aws.__file__).read_text(encoding="utf-8")
    held = re.search(r'resource_modules="""(.*?)"""', source, re.DOTALL)
    assert held
    return {
        token: (module["fqn"], name)
        for module in json.loads(held.group(1))
        for token, name in module["classes"].items()
    }


def resource_class(token: str) -> Any:
    module, name = sdk()[token]
    return getattr(importlib.import_module(module), name)


def test_every_aws_type_that_a_rule_judges_exists() -> None:
    tokens = {token for rule in RULES for token in (*rule.types, *rule.reads) if token.startswith("aws:")}
    assert {token for token in tokens | set(UNRULED) if token.startswith("aws:") and token != "aws:*"} <= set(  # noqa: S105 - a type
        sdk()
    )


def test_every_type_that_is_called_taggable_takes_tags() -> None:
    tagless = [token for token in TAGGABLE if not hasattr(resource_class(token), "tags")]
    assert tagless == []


@pytest.mark.parametrize(
    "entry",
    [entry for entry in state()["deployment"]["resources"] if entry["type"].startswith("aws:")],
    ids=lambda entry: entry["urn"].rpartition("::")[2],
)
def test_the_compliant_environment_uses_real_property_names(entry: dict[str, Any]) -> None:
    _check(pulumi_types.resource_types(resource_class(entry["type"])), entry["outputs"], entry["type"])


def _check(types: dict[str, Any], held: dict[str, Any], path: str) -> None:
    for key, value in held.items():
        assert key in {*types, "id"}, f"{path} has no {key}"
        inner = _output_class(types.get(key))
        for element in value if isinstance(value, list) else [value]:
            if isinstance(element, dict) and inner is not None:
                _check(pulumi_types.output_type_types(inner), element, f"{path}.{key}")


def _output_class(held: Any) -> Any:
    """The SDK's class of a nested object, alone or in a list."""
    for candidate in (held, *get_args(held)):
        if isinstance(candidate, type) and candidate.__module__.startswith("pulumi_aws"):
            return candidate
    return None
