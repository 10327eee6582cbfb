from __future__ import annotations

import copy
from typing import Any

from local.engine.kubernetes.drift import declared_as_live, imported
from local.engine.kubernetes.ownership import FIELD_MANAGER, fields_of, owns

# As a Kubernetes 1.36 API server records it for a Deployment whose replicas `kubectl scale` took over.
MANAGED: list[dict[str, Any]] = [
    {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "fieldsV1": {
            "f:spec": {
                "f:selector": {},
                "f:template": {
                    "f:spec": {
                        "f:containers": {
                            'k:{"name":"app"}': {
                                ".": {},
                                "f:name": {},
                                "f:image": {},
                                "f:args": {},
                                "f:ports": {
                                    'k:{"containerPort":80,"protocol":"TCP"}': {
                                        ".": {},
                                        "f:containerPort": {},
                                    }
                                },
                            }
                        }
                    }
                },
            }
        },
    },
    {
        "manager": "kubectl",
        "operation": "Update",
        "subresource": "scale",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    },
]
DECLARED: dict[str, Any] = {
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "spec": {
                "containers": [
                    {"name": "app", "image": "one", "args": ["a"], "ports": [{"containerPort": 80}]}
                ]
            }
        },
    }
}


def live(**container: Any) -> dict[str, Any]:
    thing = copy.deepcopy(DECLARED)
    mine = thing["spec"]["template"]["spec"]["containers"][0]
    mine["ports"][0]["protocol"] = "TCP"
    mine["terminationMessagePath"] = "/dev/termination-log"
    mine.update(container)
    thing["spec"]["template"]["spec"]["containers"].insert(0, {"name": "injected", "image": "sidecar"})
    thing["spec"]["paused"] = False
    thing["metadata"] = {"managedFields": MANAGED}
    return thing


def test_what_the_server_and_others_added_is_not_drift() -> None:
    assert declared_as_live(DECLARED, live(), live()) == DECLARED


def test_without_a_dry_run_the_declaration_itself_is_what_is_expected() -> None:
    found = declared_as_live(DECLARED, live(image="two"), None)
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "two"
    assert found["spec"]["replicas"] == 2


def test_a_declared_field_that_is_gone_is_left_out() -> None:
    now = live()
    del now["spec"]["template"]["spec"]["containers"][1]["args"]
    found = declared_as_live(DECLARED, now, live())
    assert "args" not in found["spec"]["template"]["spec"]["containers"][0]


def test_a_declared_item_that_is_gone_is_left_out() -> None:
    now = live()
    del now["spec"]["template"]["spec"]["containers"][1]
    assert declared_as_live(DECLARED, now, live())["spec"]["template"]["spec"]["containers"] == []


def test_a_list_that_is_one_value_shows_what_others_put_in() -> None:
    found = declared_as_live(DECLARED, live(args=["a", "--debug"]), live())
    assert found["spec"]["template"]["spec"]["containers"][0]["args"] == ["a", "--debug"]


def test_ownership_finds_items_by_their_keys() -> None:
    fields = fields_of(live(), FIELD_MANAGER)
    container = ("spec", "template", "spec", "containers", 0)
    assert owns(fields, DECLARED, (*container, "image"))
    assert owns(fields, DECLARED, (*container, "ports", 0, "containerPort"))
    assert owns(fields, DECLARED, ("spec", "selector", "matchLabels", "app"))
    assert not owns(fields, DECLARED, (*container, "command"))
    assert not owns(fields, DECLARED, ("spec", "replicas"))
    assert not owns(
        fields, {"spec": {"template": {"spec": {"containers": [{"name": "x"}]}}}}, (*container, "image")
    )


def test_an_import_leaves_out_what_the_server_filled_in() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "web",
            "uid": "u",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "1"},
        },
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80}]},
        "status": {"loadBalancer": {}},
    }
    assert imported(service) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "annotations": {"mine": "1"}},
        "spec": {"ports": [{"port": 80}]},
    }
