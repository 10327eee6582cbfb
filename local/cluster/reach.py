"""One short pod in somebody else's cluster: do nodes pull the images, do pods reach the emulator?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes.client import Client, Resource
from local.errors import LocalError
from local.instance import EMULATOR_HOSTNAME, EMULATOR_NAMESPACE, EMULATOR_PORT

if TYPE_CHECKING:
    from local.engine.kubernetes.objects import Object

POD: Final = "reach"
ANSWER_SECONDS: Final = 10
DECIDED_SECONDS: Final = 180.0
"""Within this time the pod has pulled its image and asked; a slow line to the registry needs most of it."""
GONE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.5

_PODS: Final = Resource("/api/v1", "pods", namespaced=True)
_PULL_FAULTS: Final = ("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_ASK: Final = (
    "import sys, urllib.request\n"
    "try:\n"
    f"    urllib.request.urlopen(sys.argv[1], timeout={ANSWER_SECONDS}).read()\n"
    "except OSError as error:\n"
    "    sys.exit(str(error))\n"
)


def prove_reach(client: Client, image: str, address: str) -> None:
    """Run the pod to its end and remove it.

    Args:
        client: of the cluster.
        image: one with Python in it, by digest, as the nodes have to pull it.
        address: to which the emulator is bound, for the message.

    Raises:
        LocalError: the image can't be pulled, the emulator isn't reached, or no node takes the pod; with
            what the cluster said.
    """
    _remove(client)  # an interrupted run may have left one
    client.apply(_PODS, _pod(image), dry_run=False, force=True)
    try:
        _decide(client, image, address)
    finally:
        _remove(client)


def _decide(client: Client, image: str, address: str) -> None:
    deadline = time.monotonic() + DECIDED_SECONDS
    while True:
        status = (client.get(_PODS, EMULATOR_NAMESPACE, POD) or {}).get("status", {})
        if status.get("phase") == "Succeeded":
            return
        waiting, ended = _states(status)
        if status.get("phase") == "Failed":
            raise LocalError(
                f"The cluster's pods don't reach the AWS emulator at {address}:{EMULATOR_PORT}: a pod asked "
                f"http://{EMULATOR_HOSTNAME}:{EMULATOR_PORT} and got {_said(ended)}. Let the nodes' network "
                "through to this machine on that port, or name another address of this machine that they "
                "reach: `make up EMULATOR_ADDRESS=...`."
            )
        if waiting.get("reason") in _PULL_FAULTS:
            raise LocalError(
                f"The cluster's nodes can't pull {image}: {waiting.get('message') or waiting['reason']}. "
                "They need a registry that they reach and that asks no login of them: "
                "`make up IMAGE_REGISTRY=...`."
            )
        if time.monotonic() >= deadline:
            raise LocalError(
                f"A pod in {EMULATOR_NAMESPACE} was not done within {DECIDED_SECONDS:.0f} s: "
                f"{_said(waiting) if waiting else _unscheduled(status)}. "
                f"`kubectl get events -n {EMULATOR_NAMESPACE}` tells more; run `make up` again when mended."
            )
        time.sleep(POLL_SECONDS)


def _states(status: Object) -> tuple[Object, Object]:
    containers: list[Object] = status.get("containerStatuses") or [{}]
    state = containers[0].get("state", {})
    return state.get("waiting", {}), state.get("terminated", {})


def _said(state: Object) -> str:
    return str(state.get("message") or state.get("reason") or "no answer").strip()


def _unscheduled(status: Object) -> str:
    for condition in status.get("conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("message") or condition.get("reason"))
    return f"its phase is {status.get('phase', 'unknown')}"


def _remove(client: Client) -> None:
    if client.get(_PODS, EMULATOR_NAMESPACE, POD) is None:
        return
    client.delete(_PODS, EMULATOR_NAMESPACE, POD, "Background")
    deadline = time.monotonic() + GONE_SECONDS
    while client.get(_PODS, EMULATOR_NAMESPACE, POD) is not None:
        if time.monotonic() >= deadline:
            raise LocalError(
                f"The pod {POD} in {EMULATOR_NAMESPACE} is still there {GONE_SECONDS:.0f} s after deletion. "
                "`kubectl describe pod` says what holds it; run `make up` again when it is gone."
            )
        time.sleep(POLL_SECONDS)


def _pod(image: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": POD,
            "namespace": EMULATOR_NAMESPACE,
            "labels": {"app.kubernetes.io/part-of": "plinth", "app.kubernetes.io/managed-by": "plinth"},
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "ask",
                    "image": image,
                    "command": [
                        "python",
                        "-c",
                        _ASK,
                        f"http://{EMULATOR_HOSTNAME}:{EMULATOR_PORT}/_plinth/health",
                    ],
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {"cpu": "10m", "memory": "32Mi"},
                        "limits": {"memory": "128Mi"},
                    },
                }
            ],
        },
    }
