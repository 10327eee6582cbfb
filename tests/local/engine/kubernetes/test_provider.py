from __future__ import annotations

import copy
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from local.engine.kubernetes.objects import URN_ANNOTATION
from local.engine.kubernetes.ownership import FIELD_MANAGER
from local.engine.kubernetes.provider import KubernetesProvider
from local.engine.protocol import provider_pb2
from local.engine.values import UNKNOWN, Secret, decode, encode, reveal
from tests.local.engine.kubernetes.api_server import ApiServer, RefusedError, Thing
from tests.local.engine.kubernetes.engine import Engine, FailedError, State

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"  # noqa: S105 - a type token
NAMESPACE = "kubernetes:core/v1:Namespace"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
JOB = "kubernetes:batch/v1:Job"
PATH = "/apis/apps/v1/namespaces/team/deployments/web"

DIFF = provider_pb2.PropertyDiff


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def deployment(**spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    container = {"name": "app", "image": "one", "resources": {"requests": {"cpu": "1000m"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def roll_out(thing: Thing) -> None:
    if thing["kind"] == "Deployment":
        wanted = thing["spec"].get("replicas", 1)
        thing["status"] = {
            "observedGeneration": thing["metadata"]["generation"],
            "replicas": wanted,
            "updatedReplicas": wanted,
            "availableReplicas": wanted,
        }


def kinds(diff: provider_pb2.DiffResponse) -> dict[str, str]:
    return {path: DIFF.Kind.Name(change.kind) for path, change in diff.detailedDiff.items()}


def test_a_created_object_gets_the_contexts_namespace_and_hides_our_bookkeeping(
    engine: Engine, server: ApiServer
) -> None:
    state = engine.create(CONFIG_MAP, "settings", config_map(a="1"))

    assert state.id == "team/settings"
    live = server.objects["/api/v1/namespaces/team/configmaps/settings"]
    assert live["metadata"]["annotations"][URN_ANNOTATION] == state.urn
    assert live["metadata"]["managedFields"][0]["manager"] == FIELD_MANAGER
    assert state.outputs["data"] == {"a": "1"}
    assert not {"annotations", "managedFields"} & state.outputs["metadata"].keys()


def test_a_name_that_is_left_out_is_made_and_kept(engine: Engine) -> None:
    state = engine.create(CONFIG_MAP, "settings", {"data": {"a": "1"}})
    name = state.outputs["metadata"]["name"]
    assert name.startswith("settings-")
    assert len(name) == len("settings-") + 8

    again = engine.check(CONFIG_MAP, "settings", {"data": {"a": "2"}}, state.inputs)
    assert again["metadata"]["name"] == name
    stated = engine.check(CONFIG_MAP, "settings", {"metadata": {"name": "mine"}}, state.inputs)
    assert stated["metadata"]["name"] == "mine"


def test_the_same_declaration_changes_nothing_and_asks_nothing(engine: Engine, server: ApiServer) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())
    server.requests.clear()

    diff = engine.diff(state, deployment())

    assert diff.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert server.requests == []


def test_an_update_names_exactly_what_changes_and_keeps_the_object(engine: Engine, server: ApiServer) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())
    wanted = deployment(replicas=3)
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = "two"

    diff = engine.diff(state, wanted)
    assert kinds(diff) == {
        "spec.replicas": "UPDATE",
        "spec.template.spec.containers[0].image": "UPDATE",
    }
    assert list(diff.replaces) == []

    uid = server.objects[PATH]["metadata"]["uid"]
    after = engine.update(state, wanted)
    assert after.outputs["spec"]["replicas"] == 3
    assert server.objects[PATH]["metadata"]["uid"] == uid


def test_what_the_server_takes_for_the_same_is_no_change(engine: Engine, server: ApiServer) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())
    wanted = deployment()
    wanted["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1"

    assert engine.diff(state, wanted).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_giving_a_field_up_is_a_change_even_if_its_value_stays(engine: Engine, server: ApiServer) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment(replicas=1))
    wanted = deployment()
    del wanted["spec"]["replicas"]

    assert kinds(engine.diff(state, wanted)) == {"spec.replicas": "DELETE"}


def test_another_selector_replaces_and_goes_first_where_the_name_is_fixed(
    engine: Engine, server: ApiServer
) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())
    wanted = deployment(selector={"matchLabels": {"app": "other"}})

    diff = engine.diff(state, wanted)

    assert kinds(diff) == {"spec.selector.matchLabels.app": "UPDATE_REPLACE"}
    assert diff.deleteBeforeReplace


def test_a_field_that_only_the_server_knows_as_immutable_replaces(engine: Engine, server: ApiServer) -> None:
    server.controller = lambda thing: thing.update(
        status={"conditions": [{"type": "Complete", "status": "True"}]}
    )
    job = {"metadata": {"name": "train"}, "spec": {"suspend": False, "template": {"spec": {}}}}
    state = engine.create(JOB, "train", job)
    wanted = {"metadata": {"name": "train"}, "spec": {"suspend": True, "template": {"spec": {}}}}

    assert kinds(engine.diff(state, wanted)) == {"spec.suspend": "UPDATE_REPLACE"}


@pytest.mark.parametrize(
    ("setting", "expected"), [({}, "UPDATE_REPLACE"), ({"enableConfigMapMutable": True}, "UPDATE")]
)
def test_a_config_maps_content_replaces_unless_the_provider_says_otherwise(
    server: ApiServer, setting: dict[str, Any], expected: str
) -> None:
    with Engine(KubernetesProvider(), {"kubeconfig": server.kubeconfig, **setting}) as engine:
        state = engine.create(CONFIG_MAP, "settings", config_map(a="1"))
        assert kinds(engine.diff(state, config_map(a="2"))) == {"data.a": expected}


def test_an_automatic_name_lets_the_new_one_come_before_the_old_goes(engine: Engine) -> None:
    state = engine.create(CONFIG_MAP, "settings", {"data": {"a": "1"}})

    diff = engine.diff(state, {"data": {"a": "2"}})

    assert list(diff.replaces) == ["data"]
    assert not diff.deleteBeforeReplace


def test_ignored_paths_show_no_change_and_keep_what_another_owner_set(
    engine: Engine, server: ApiServer
) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())
    server.edit(PATH, lambda thing: thing["spec"].update(replicas=9), manager="kube-controller-manager")

    diff = engine.diff(state, deployment(replicas=5), ignore=["spec.replicas"])
    assert diff.changes == provider_pb2.DiffResponse.DIFF_NONE
    engine.update(state, deployment(paused=False), ignore=["spec.replicas"])
    assert server.objects[PATH]["spec"]["replicas"] == 9


def test_a_refresh_of_what_nobody_touched_gives_the_declaration_back(
    engine: Engine, server: ApiServer
) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())

    read = engine.read(state)

    assert read is not None
    assert read.inputs == state.inputs


def test_a_refresh_shows_declared_fields_that_were_edited_and_no_others(
    engine: Engine, server: ApiServer
) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())

    def tamper(thing: Thing) -> None:
        thing["spec"]["replicas"] = 7
        thing["spec"]["paused"] = True
        thing["metadata"].setdefault("labels", {})["team"] = "other"
        containers = thing["spec"]["template"]["spec"]["containers"]
        containers[0]["image"] = "evil"
        containers.insert(0, {"name": "sidecar", "image": "injected"})

    server.edit(PATH, tamper)
    read = engine.read(state)

    assert read is not None
    expected = copy.deepcopy(state.inputs)
    expected["spec"]["replicas"] = 7
    expected["spec"]["template"]["spec"]["containers"][0]["image"] = "evil"
    assert read.inputs == expected


def test_an_update_puts_back_what_a_person_edited(engine: Engine, server: ApiServer) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())
    server.edit(PATH, lambda thing: thing["spec"].update(replicas=7))
    read = engine.read(state)
    assert read is not None
    assert kinds(engine.diff(read, deployment())) == {"spec.replicas": "UPDATE"}

    engine.update(read, deployment())

    assert server.objects[PATH]["spec"]["replicas"] == 2


def test_a_controllers_field_is_not_fought_over(engine: Engine, server: ApiServer) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())
    server.edit(PATH, lambda thing: thing["spec"].update(replicas=7), manager="kube-controller-manager")

    with pytest.raises(FailedError, match=r"kube-controller-manager owns spec\.replicas.*patchForce"):
        engine.update(state, deployment())

    forced = deployment()
    forced["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    engine.update(state, forced)
    assert server.objects[PATH]["spec"]["replicas"] == 2


def test_a_refresh_of_an_object_that_is_gone_says_so(engine: Engine, server: ApiServer) -> None:
    state = engine.create(CONFIG_MAP, "settings", config_map(a="1"))
    del server.objects["/api/v1/namespaces/team/configmaps/settings"]

    assert engine.read(state) is None


def test_an_import_declares_what_people_declare(engine: Engine) -> None:
    engine.create(CONFIG_MAP, "settings", config_map(a="1"))

    read = engine.imported(CONFIG_MAP, "team/settings")

    assert read is not None
    assert read.inputs == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "team"},
        "data": {"a": "1"},
    }
    assert read.outputs["metadata"]["uid"]


def test_an_import_matches_a_program_that_leaves_the_servers_defaults_out(
    engine: Engine, server: ApiServer
) -> None:
    live = {**deployment(), "metadata": {"name": "web", "namespace": "team", "uid": "u", "managedFields": []}}
    live["spec"]["revisionHistoryLimit"] = 10
    live["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1"
    server.objects[PATH] = copy.deepcopy(live)
    read = engine.imported(DEPLOYMENT, "team/web")
    assert read is not None
    wanted = deployment()

    assert engine.diff(read, wanted).changes == provider_pb2.DiffResponse.DIFF_NONE
    wanted["spec"]["replicas"] = 5
    assert "spec.replicas" in kinds(engine.diff(read, wanted))


def test_a_deleted_object_is_gone_and_deleting_it_again_succeeds(engine: Engine, server: ApiServer) -> None:
    state = engine.create(CONFIG_MAP, "settings", config_map(a="1"))
    engine.delete(state)
    assert "/api/v1/namespaces/team/configmaps/settings" not in server.objects
    engine.delete(state)


@pytest.mark.parametrize(
    ("token", "note", "expected"),
    [
        (CONFIG_MAP, None, "Background"),
        (CONFIG_MAP, "foreground", "Foreground"),
        (NAMESPACE, None, "Foreground"),
        (NAMESPACE, "orphan", "Orphan"),
    ],
)
def test_what_may_own_others_is_deleted_with_them(
    engine: Engine, server: ApiServer, token: str, note: str | None, expected: str
) -> None:
    notes = {"annotations": {"pulumi.com/deletionPropagationPolicy": note}} if note else {}
    engine.delete(engine.create(token, "thing", {"metadata": {"name": "thing", **notes}}))
    assert list(server.deletions.values()) == [expected]


def test_a_deletion_that_is_held_names_the_finalizer(engine: Engine, server: ApiServer) -> None:
    state = engine.create(CONFIG_MAP, "settings", config_map(a="1"))
    held = server.objects["/api/v1/namespaces/team/configmaps/settings"]
    held["metadata"]["finalizers"] = ["example.com/hold"]

    with pytest.raises(
        FailedError, match=r"ConfigMap team/settings is still there .* finalizers example.com/hold"
    ):
        engine.delete(state, timeout=1)


def test_deleting_an_object_of_a_kind_that_is_gone_succeeds(engine: Engine) -> None:
    token = "kubernetes:example.com/v1:Toy"  # noqa: S105 - a type token
    engine.delete(
        State(
            engine.urn(token, "t"), token, "t", "team/t", {}, {"apiVersion": "example.com/v1", "kind": "Toy"}
        )
    )


def test_a_create_that_was_killed_is_taken_up_by_the_next_one(engine: Engine) -> None:
    first = engine.create(CONFIG_MAP, "settings", config_map(a="1"))
    second = engine.create(CONFIG_MAP, "settings", config_map(a="2"))

    assert second.outputs["metadata"]["uid"] == first.outputs["metadata"]["uid"]
    assert second.outputs["data"] == {"a": "2"}


def test_an_object_of_another_resource_is_not_taken(engine: Engine) -> None:
    first = engine.create(CONFIG_MAP, "settings", config_map(a="1"))
    with pytest.raises(FailedError, match=rf"belongs to {first.urn}.*alias"):
        engine.create(CONFIG_MAP, "renamed", config_map(a="1"))


@pytest.mark.parametrize("upsert", [False, True])
def test_an_object_that_is_nobodys_is_taken_only_with_upsert(server: ApiServer, *, upsert: bool) -> None:
    server.objects["/api/v1/namespaces/team/configmaps/settings"] = {
        **config_map(a="0"),
        "metadata": {
            "name": "settings",
            "namespace": "team",
            "uid": "u",
            "generation": 1,
            "managedFields": [],
        },
    }
    variables = {"kubeconfig": server.kubeconfig, "upsertExistingObjects": upsert}
    with Engine(KubernetesProvider(), variables) as engine:
        if upsert:
            assert engine.create(CONFIG_MAP, "settings", config_map(a="1")).outputs["metadata"]["uid"] == "u"
        else:
            with pytest.raises(FailedError, match=r"was not made by this program.*pulumi import"):
                engine.create(CONFIG_MAP, "settings", config_map(a="1"))


def test_unknown_fields_are_refused_in_the_preview(engine: Engine, server: ApiServer) -> None:
    with pytest.raises(FailedError, match=r"refuses ConfigMap team/settings: \.dta: field not declared"):
        engine.create(CONFIG_MAP, "settings", {**config_map(a="1"), "dta": {}}, preview=True)
    assert server.count("PATCH") == 0


def test_a_preview_tries_out_what_has_no_namespace_yet(engine: Engine, server: ApiServer) -> None:
    declared = config_map(a="1")
    declared["metadata"]["namespace"] = "coming"

    state = engine.create(CONFIG_MAP, "settings", declared, preview=True)
    assert state.outputs["metadata"]["namespace"] == "coming"
    with pytest.raises(FailedError, match="field not declared"):
        engine.create(CONFIG_MAP, "settings", {**declared, "dta": {}}, preview=True)
    assert server.count("PATCH") == 0


def test_a_preview_passes_unknowns_and_kinds_that_are_not_there_yet(engine: Engine) -> None:
    state = engine.create(CONFIG_MAP, "settings", config_map(a=UNKNOWN), preview=True)  # type: ignore[arg-type] - unknown on purpose
    assert state.outputs["data"] == {"a": UNKNOWN}

    toy = {"apiVersion": "example.com/v1", "kind": "Toy", "metadata": {"name": "t"}, "spec": {"x": 1}}
    coming = engine.create("kubernetes:example.com/v1:Toy", "t", toy, preview=True)
    assert coming.outputs["spec"] == {"x": 1}


def test_a_kind_that_appears_meanwhile_is_waited_for(engine: Engine, server: ApiServer) -> None:
    def appear() -> None:
        time.sleep(0.3)
        server.kinds["/apis/example.com/v1"] = [("Toy", "toys", False)]

    thread = threading.Thread(target=appear)
    thread.start()
    toy = {"apiVersion": "example.com/v1", "kind": "Toy", "metadata": {"name": "t"}, "spec": {"x": 1}}
    state = engine.create("kubernetes:example.com/v1:Toy", "t", toy)
    thread.join()

    assert state.id == "t"
    assert "namespace" not in state.outputs["metadata"]


def test_a_kind_that_never_comes_is_an_error_that_says_what_to_do(engine: Engine) -> None:
    toy = {"apiVersion": "example.com/v1", "kind": "Toy", "metadata": {"name": "t"}}
    with pytest.raises(FailedError, match=r"serves no example.com/v1 Toy.*depend"):
        engine.create("kubernetes:example.com/v1:Toy", "t", toy, timeout=1)


def test_a_rollout_that_stalls_keeps_the_state_and_says_why_and_the_next_update_repairs_it(
    engine: Engine, server: ApiServer
) -> None:
    with pytest.raises(FailedError) as failure:
        engine.create(DEPLOYMENT, "web", deployment(), timeout=1)
    state = failure.value.state
    assert state is not None
    assert state.id == "team/web"
    assert state.reasons[0] == "Deployment team/web: not ready after 1 s"

    server.controller = roll_out
    assert engine.update(state, deployment()).outputs["status"]["availableReplicas"] == 2


def test_a_refresh_remembers_that_a_workload_is_not_ready(engine: Engine, server: ApiServer) -> None:
    server.controller = roll_out
    state = engine.create(DEPLOYMENT, "web", deployment())
    server.objects[PATH]["status"]["availableReplicas"] = 1

    with pytest.raises(FailedError, match="1 of 2 new pods are available") as failure:
        engine.read(state)
    assert failure.value.state is not None
    assert failure.value.state.inputs == state.inputs


def test_a_failed_job_shows_its_last_lines(engine: Engine, server: ApiServer) -> None:
    def fail(thing: Thing) -> None:
        thing["status"] = {
            "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]
        }
        thing["spec"]["selector"] = {"matchLabels": {"job": "train"}}
        ended = {"terminated": {"exitCode": 3, "reason": "Error"}}
        server.objects["/api/v1/namespaces/team/pods/train-1"] = {
            "metadata": {
                "name": "train-1",
                "namespace": "team",
                "labels": {"job": "train"},
                "ownerReferences": [{"uid": thing["metadata"]["uid"]}],
            },
            "status": {"phase": "Failed", "containerStatuses": [{"name": "train", "state": ended}]},
        }

    server.controller = fail
    server.logs = "reading\nValueError: no such column: sps\n"
    with pytest.raises(FailedError) as failure:
        engine.create(JOB, "train", {"metadata": {"name": "train"}, "spec": {"template": {"spec": {}}}})

    reasons = "\n".join(failure.value.state.reasons) if failure.value.state else ""
    assert "BackoffLimitExceeded" in reasons
    assert "ended with status 3" in reasons
    assert "ValueError: no such column: sps" in reasons


def test_skip_await_does_not_wait(engine: Engine) -> None:
    declared = deployment()
    declared["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    assert engine.create(DEPLOYMENT, "web", declared).id == "team/web"


def test_the_content_of_a_secret_is_secret_everywhere(engine: Engine) -> None:
    declared = {"metadata": {"name": "key"}, "stringData": {"password": "hunter2"}}
    state = engine.create(SECRET, "key", declared)

    assert state.inputs["stringData"] == Secret({"password": "hunter2"})
    assert state.outputs["data"] == Secret({"password": "aHVudGVyMg=="})
    read = engine.read(state)
    assert read is not None
    assert read.inputs == state.inputs
    assert isinstance(read.outputs["data"], Secret)


def test_an_edited_secret_is_drift_that_stays_secret(engine: Engine, server: ApiServer) -> None:
    state = engine.create(SECRET, "key", {"metadata": {"name": "key"}, "stringData": {"password": "hunter2"}})
    live = server.objects["/api/v1/namespaces/team/secrets/key"]
    live["data"].update(password="b3RoZXI=")  # noqa: S106 - planted

    read = engine.read(state)
    assert read is not None
    assert read.inputs["stringData"] == Secret({"password": "other"})


def test_a_secret_value_in_any_object_stays_secret_in_its_outputs(engine: Engine) -> None:
    state = engine.create(
        CONFIG_MAP, "settings", {"metadata": {"name": "settings"}, "data": {"a": Secret("hunter2")}}
    )
    assert isinstance(state.outputs["data"], Secret)
    assert reveal(state.outputs["data"]) == {"a": "hunter2"}


def test_a_server_that_is_not_there_is_named_with_a_remedy(server: ApiServer) -> None:
    with Engine(KubernetesProvider(), {"kubeconfig": server.kubeconfig}) as engine:
        state = engine.create(CONFIG_MAP, "settings", config_map(a="1"))
        server.close()
        assert engine.create(NAMESPACE, "n", {"metadata": {"name": "n"}}, preview=True).outputs
        with pytest.raises(FailedError, match=rf"{server.url} doesn't answer.*make up"):
            engine.delete(state)


def test_resources_of_a_cluster_that_is_gone_can_be_dropped(server: ApiServer) -> None:
    variables = {"kubeconfig": server.kubeconfig, "deleteUnreachable": True}
    with Engine(KubernetesProvider(), variables) as engine:
        state = engine.create(CONFIG_MAP, "settings", config_map(a="1"))
        server.close()
        assert engine.read(state) is None
        engine.delete(state)


def test_many_resources_at_once_all_arrive(engine: Engine, server: ApiServer) -> None:
    def one(number: int) -> str:
        declared = {"metadata": {"name": f"c{number}"}, "data": {"n": str(number)}}
        return engine.create(CONFIG_MAP, f"c{number}", declared, timeout=30).id

    with ThreadPoolExecutor(32) as pool:
        identities = list(pool.map(one, range(200)))

    assert identities == [f"team/c{number}" for number in range(200)]
    found = {path for path in server.objects if "/configmaps/" in path}
    assert len(found) == 200


def test_a_passing_failure_of_the_server_is_tried_again(engine: Engine, server: ApiServer) -> None:
    failures = iter([503, 503])

    def refuse(_thing: Thing) -> None:
        code = next(failures, None)
        if code is not None:
            raise RefusedError(code, "ServiceUnavailable", "etcd leader changed")

    server.refuse = refuse
    assert engine.create(CONFIG_MAP, "settings", config_map(a="1")).id == "team/settings"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("kubernetes:core/v1:ConfigMapPatch", "stand-in has no patches"),
        ("kubernetes:core/v1:ConfigMapList", "Declare each ConfigMap by itself"),
        ("kubernetes:helm.sh/v4:Chart", "Use a helm.sh/v3 Release"),
    ],
)
def test_what_has_no_stand_in_says_what_to_use(engine: Engine, token: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        engine.check(token, "x", {"metadata": {"name": "x"}})


def test_yaml_is_decoded_for_config_groups(engine: Engine) -> None:
    text = (
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {day: 2020-01-01}\n---\n---\nkind: x\n"
    )
    request = provider_pb2.InvokeRequest(
        tok="kubernetes:yaml:decode", args=encode({"text": text, "defaultNamespace": "team"})
    )
    answer = decode(getattr(engine.stub.Invoke(request), "return"))
    assert answer["result"] == [
        {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {"name": "a", "namespace": "team"},
            "data": {"day": "2020-01-01"},
        }
    ]


def test_rendering_writes_files_and_touches_no_cluster(server: ApiServer, tmp_path: Path) -> None:
    variables = {"kubeconfig": server.kubeconfig, "renderYamlToDirectory": str(tmp_path / "out")}
    with Engine(KubernetesProvider(), variables) as engine:
        state = engine.create(DEPLOYMENT, "web", deployment())
        path = tmp_path / "out" / "1-manifest" / "apps_v1-deployment-team-web.yaml"
        assert "image: one" in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
        engine.update(state, deployment(replicas=4))
        assert "replicas: 4" in path.read_text()
        engine.delete(state)
        assert not path.exists()
    assert server.count("PATCH") == 0
