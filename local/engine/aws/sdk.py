"""What the installed `pulumi_aws` says of a resource type, read from its text.

Importing the SDK would cost seconds; one type's module is read in a millisecond.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Final

_GETTER: Final = re.compile(
    r"@pulumi\.getter(?:\(name=\"(?P<name>\w+)\"\))?\n(?:(?!@pulumi\.getter)[\s\S])*?"
    r"\s+def (?P<python>\w+)\(self\) -> (?P<type>.+):\n"
)


@dataclass(frozen=True)
class SdkType:
    """Properties of one type by their wire names, with the SDK's own annotations."""

    inputs: dict[str, str]
    outputs: dict[str, str]

    @property
    def required_outputs(self) -> dict[str, str]:
        """Outputs that the SDK promises are there."""
        return {name: kind for name, kind in self.outputs.items() if not kind.startswith("Optional[")}


def version() -> str:
    """Version of the SDK, which the plugin bears too."""
    return metadata.version("pulumi-aws")


@cache
def describe(token: str) -> SdkType | None:
    """The properties of a type such as `aws:kms/key:Key`; None if the SDK has no such type."""
    _, module, name = token.split(":")
    folder, _, file = module.partition("/")
    path = _folder() / _snake(folder) / f"{_snake(file)}.py"
    if not path.is_file():
        return None
    text = path.read_text()
    _, found, resource = text.partition(f'@pulumi.type_token("{token}")\n')
    if not found:
        return None
    arguments = re.search(rf"^class {name}(?:Init)?Args:.*?(?=^@?\w)", text, re.MULTILINE | re.DOTALL)
    return SdkType(
        inputs=_properties(arguments.group() if arguments else "", "pulumi.Input["),
        outputs=_properties(resource, "pulumi.Output["),
    )


def _properties(text: str, wrapper: str) -> dict[str, str]:
    found = {}
    for match in _GETTER.finditer(text):
        kind = match["type"].replace("_builtins.", "")
        if kind.startswith(wrapper):
            kind = kind[len(wrapper) : -1]
        found[match["name"] or match["python"]] = kind
    return found


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@cache
def _folder() -> Path:
    specification = util.find_spec("pulumi_aws")
    if specification is None or specification.origin is None:
        raise FileNotFoundError("The package pulumi_aws is not installed: `make setup` installs it.")
    return Path(specification.origin).parent
