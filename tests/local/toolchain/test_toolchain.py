from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.toolchain import Tool, Toolchain, ensure, prune, usage
from local.toolchain.recipes import Chart, Installed, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.toolchain.conftest import Workshop


def get(workshop: Workshop, *recipes: Recipe) -> object:
    table = {recipe.tool: recipe for recipe in recipes}
    return ensure(workshop.cache, list(table), workshop.progress, table)


def test_a_missing_tool_is_built_and_runs(workshop: Workshop) -> None:
    tools = get(workshop, workshop.recipe())
    answer = subprocess.run([tools.path(Tool.HELM)], capture_output=True, text=True, check=True).stdout
    assert answer.startswith("built of example.org/helm/cmd")
    assert tools.version(Tool.HELM) == "v3.19.0"


def test_a_second_call_builds_nothing(workshop: Workshop) -> None:
    get(workshop, workshop.recipe())
    get(workshop, workshop.recipe())
    assert workshop.builds() == 1


def test_a_cached_tool_needs_no_go(workshop: Workshop) -> None:
    get(workshop, workshop.recipe())
    (workshop.bin / "go").unlink()
    get(workshop, workshop.recipe())


def test_a_corrupted_program_is_built_again(workshop: Workshop) -> None:
    path = get(workshop, workshop.recipe()).path(Tool.HELM)
    path.write_text("#!/bin/sh\necho something else\n")
    assert get(workshop, workshop.recipe()).path(Tool.HELM) == path
    assert "built of" in path.read_text()
    assert workshop.builds() == 2


def test_a_new_version_is_built_beside_the_old_one(workshop: Workshop) -> None:
    old = get(workshop, workshop.recipe()).path(Tool.HELM)
    go_mod = workshop.modules / "helm" / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("v3.19.0", "v3.20.0"))
    new = get(workshop, workshop.recipe()).path(Tool.HELM)
    assert new != old
    assert old.is_file()
    assert "v3.20.0" in str(new)


def test_one_program_answers_to_each_of_its_names(workshop: Workshop) -> None:
    recipe = workshop.recipe(Tool.KUBERNETES, links=("kubelet", "kubectl"))
    tools = get(workshop, recipe)
    assert tools.binary("kubelet").resolve() == tools.path(Tool.KUBERNETES)
    assert tools.binary("kubelet").name == "kubelet"
    with pytest.raises(LocalError, match="kubectl, kubelet"):
        tools.binary("kube-proxy")


def test_a_compatible_program_on_path_is_not_built(workshop: Workshop) -> None:
    path = workshop.program("helm", "#!/bin/sh\necho v3.14.0\n")
    tools = get(workshop, workshop.recipe(installed=Installed(arguments=(), minimum=(3, 8))))
    assert tools.path(Tool.HELM) == path
    assert tools.version(Tool.HELM) == "v3.14.0"
    assert workshop.builds() == 0


def test_the_users_go_flags_do_not_reach_a_build_and_the_proxy_does(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor -tags=other")
    monkeypatch.setenv("GOWORK", "/somewhere/go.work")
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("GOPROXY", "https://proxy.example")
    get(workshop, workshop.recipe())
    seen = dict(
        line.split("=", 1)
        for line in workshop.calls.with_name("calls.environment").read_text().splitlines()
        if "=" in line
    )
    assert seen["GOFLAGS"] == "-mod=readonly -buildvcs=false -trimpath -gcflags=all=-dwarf=false"
    assert seen["GOWORK"] == "off"
    assert seen["GOOS"] != "plan9"
    assert seen["GOTOOLCHAIN"] == "local"
    assert seen["CGO_ENABLED"] == "0"
    assert seen["GOPROXY"] == "https://proxy.example"


def test_a_failed_build_says_why_leaves_nothing_and_succeeds_next_time(workshop: Workshop) -> None:
    workshop.fail_with("main.go:1: syntax error: planted\n")
    with pytest.raises(LocalError, match="syntax error: planted") as caught:
        get(workshop, workshop.recipe())
    assert "helm v3.19.0" in str(caught.value)
    assert workshop.leftovers() == []
    log = workshop.cache / "tools" / "logs" / "helm-v3.19.0.log"
    assert str(log) in str(caught.value)
    assert "planted" in log.read_text()
    workshop.succeed()
    assert get(workshop, workshop.recipe()).path(Tool.HELM).is_file()


def test_a_killed_run_leaves_no_compiler_running_and_the_next_run_repairs(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = workshop.recipe()
    script = (
        "import sys; from pathlib import Path; from local.progress import Progress\n"
        "from local.toolchain import ensure; from local.toolchain.recipes import Recipe, Tool\n"
        "recipe = Recipe(tool=Tool.HELM, binary='helm', package='p', module='example.org/helm', "
        "modules=Path(sys.argv[2]))\n"
        "ensure(Path(sys.argv[1]), [Tool.HELM], Progress(), {Tool.HELM: recipe})\n"
    )
    compiler = workshop.cache.parent / "compiler"
    monkeypatch.setenv("FAKE_GO_SLEEPS", str(compiler))
    # As a shell's background job, which ignores interrupts, and so does all that it starts.
    background = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    command = [*background, sys.executable, "-c", script, workshop.cache, workshop.modules]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: compiler.exists() and compiler.read_text().strip())
    finally:
        run.kill()
        run.wait()
    wait_until(lambda: not running(int(compiler.read_text())))
    assert workshop.leftovers() != []
    assert not (workshop.cache / "tools" / "helm" / f"v3.19.0-{recipe.key}").exists()
    monkeypatch.delenv("FAKE_GO_SLEEPS")
    assert get(workshop, recipe).path(Tool.HELM).is_file()
    assert workshop.leftovers() == []


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that within 20 s"
        time.sleep(0.02)


def running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_what_was_built_before_a_failure_stays(workshop: Workshop) -> None:
    first, second = workshop.recipe(Tool.HELM), workshop.recipe(Tool.COREDNS)
    get(workshop, first)
    workshop.fail_with("boom")
    with pytest.raises(LocalError, match="coredns"):
        get(workshop, first, second)
    workshop.succeed()
    get(workshop, first, second)
    assert workshop.builds() == 3


def test_a_module_proxy_that_does_not_answer_is_named_without_its_password(workshop: Workshop) -> None:
    workshop.fail_with(
        'go: example.org/helm@v3.19.0: Get "https://user:planted-secret@proxy.example/x": dial tcp: lookup '
        "proxy.example: no such host\n"
    )
    with pytest.raises(LocalError, match=r"GOPROXY=https://proxy\.example") as caught:
        get(workshop, workshop.recipe())
    log = workshop.cache / "tools" / "logs" / "helm-v3.19.0.log"
    assert "planted-secret" not in str(caught.value) + log.read_text() + workshop.output.getvalue()


def test_the_next_tools_modules_are_downloaded_while_the_first_compiles(workshop: Workshop) -> None:
    get(workshop, workshop.recipe(Tool.HELM), workshop.recipe(Tool.COREDNS))
    calls = workshop.calls.read_text()
    assert "list -deps -f  example.org/coredns/cmd" in calls
    assert "list -deps -f  example.org/helm/cmd" not in calls
    assert "next: coredns" in workshop.output.getvalue()


def test_a_chart_comes_ready_and_is_left_alone_where_it_is_right(workshop: Workshop) -> None:
    chart = workshop.module / "charts" / "gateway"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: gateway\nversion: v0.0.0-latest\nappVersion: latest\n")
    (chart / "values.tmpl.yaml").write_text("image: ${Image}\n")
    (chart / "templates" / "a.yaml").write_text("kind: ConfigMap\n")
    carried = {"gateway": Chart("charts/gateway", {"Image": "example.org/gateway:{version}"})}
    tools = get(workshop, workshop.recipe(charts=carried))
    destination = tools.chart("gateway", workshop.cache.parent / "put" / "gateway")
    assert (destination / "values.yaml").read_text() == "image: example.org/gateway:v3.19.0\n"
    before = (destination / "values.yaml").stat().st_ino
    tools.chart("gateway", destination)
    assert (destination / "values.yaml").stat().st_ino == before
    (destination / "values.yaml").write_text("image: changed\n")
    (destination / "stranger").write_text("")
    tools.chart("gateway", destination)
    assert (destination / "values.yaml").read_text() == "image: example.org/gateway:v3.19.0\n"
    assert not (destination / "stranger").exists()
    with pytest.raises(LocalError, match="other"):
        tools.chart("other", destination)


def test_a_tool_that_was_not_asked_for_is_refused(workshop: Workshop) -> None:
    tools = get(workshop, workshop.recipe())
    with pytest.raises(LocalError, match="pulumi"):
        tools.path(Tool.PULUMI)


def test_a_command_that_only_looks_builds_nothing_and_says_what_is_not_there(workshop: Workshop) -> None:
    recipe = workshop.recipe()
    table = {recipe.tool: recipe}
    looked_at = Toolchain.installed(workshop.cache, [Tool.HELM], table)
    with pytest.raises(LocalError, match="`make up` finds or builds"):
        looked_at.binary("helm")
    with pytest.raises(LocalError, match="`make up` finds or builds"):
        looked_at.path(Tool.HELM)
    built = get(workshop, recipe)
    assert looked_at.binary("helm") == built.binary("helm")
    assert workshop.builds() == 1


def test_usage_and_prune_follow_the_recipes(workshop: Workshop) -> None:
    recipe = workshop.recipe()
    get(workshop, recipe)
    go_mod = workshop.modules / "helm" / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("v3.19.0", "v3.20.0"))
    newer = workshop.recipe()
    get(workshop, newer)
    table = {newer.tool: newer}
    assert {found.slot_name.split("-")[0]: found.current for found in usage(workshop.cache, table)} == {
        "v3.19.0": False,
        "v3.20.0": True,
    }
    for record in (workshop.cache / "tools").glob("*/*/record.json"):
        os.utime(record, (0, 0))
    assert prune(workshop.cache, workshop.progress, table) > 0
    assert [found.slot_name.split("-")[0] for found in usage(workshop.cache, table)] == ["v3.20.0"]
