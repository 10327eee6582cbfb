from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.toolchain.installed import find
from local.toolchain.recipes import Installed

if TYPE_CHECKING:
    from tests.local.toolchain.conftest import Workshop

ACCEPTED = Installed(arguments=("version",), minimum=(3, 8))


def test_a_compatible_program_on_path_is_used(workshop: Workshop) -> None:
    path = workshop.program("helm", "#!/bin/sh\necho v3.12.1+gabc\n")
    found = find(workshop.recipe(installed=ACCEPTED), workshop.cache, workshop.progress)
    assert found is not None
    assert found.path == path
    assert found.version == "v3.12.1"


@pytest.mark.parametrize("prints", ["echo v3.7.9", "echo v2.17.0", "echo v4.0.0", "echo nothing", "exit 3"])
def test_an_incompatible_program_on_path_is_passed_over_and_named(workshop: Workshop, prints: str) -> None:
    path = workshop.program("helm", f"#!/bin/sh\n{prints}\n")
    assert find(workshop.recipe(installed=ACCEPTED), workshop.cache, workshop.progress) is None
    assert f"{path} is " in workshop.output.getvalue()
    assert "3.8 or a later 3.x is needed" in workshop.output.getvalue()


def test_our_own_build_on_path_is_not_taken_for_an_installed_program(workshop: Workshop) -> None:
    ours = workshop.cache / "tools" / "helm"
    ours.parent.mkdir(parents=True)
    workshop.program("helm", "#!/bin/sh\necho v3.19.0\n").rename(ours)
    (workshop.bin / "helm").symlink_to(ours)
    assert find(workshop.recipe(installed=ACCEPTED), workshop.cache, workshop.progress) is None
    assert workshop.output.getvalue() == ""


def test_a_link_of_the_same_name_is_followed_and_one_of_another_name_is_kept(workshop: Workshop) -> None:
    real = workshop.bin.parent / "elsewhere" / "helm"
    real.parent.mkdir()
    workshop.program("helm", "#!/bin/sh\necho v3.19.0\n").rename(real)
    (workshop.bin / "helm").symlink_to("../elsewhere/helm")
    recipe = workshop.recipe(installed=ACCEPTED)
    found = find(recipe, workshop.cache, workshop.progress)
    assert found is not None
    assert found.path.resolve() == real
    assert not found.path.is_symlink()
    (workshop.bin / "helm").unlink()
    manager = real.rename(real.with_name("manager"))
    (workshop.bin / "helm").symlink_to(manager)
    found = find(recipe, workshop.cache, workshop.progress)
    assert found is not None
    assert found.path == workshop.bin / "helm"


def test_a_tool_that_is_always_ours_ignores_path(workshop: Workshop) -> None:
    workshop.program("helm", "#!/bin/sh\necho v3.19.0\n")
    assert find(workshop.recipe(), workshop.cache, workshop.progress) is None


def test_a_file_that_can_not_be_executed_is_no_program(workshop: Workshop) -> None:
    workshop.program("helm", "#!/bin/sh\necho v3.19.0\n").chmod(0o644)
    assert find(workshop.recipe(installed=ACCEPTED), workshop.cache, workshop.progress) is None
