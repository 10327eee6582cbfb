"""A Kubernetes API over real HTTP for tests: discovery, server-side apply with owners, conflicts, dry runs.

What it knows of Kubernetes is little on purpose: names are keys of list items, one default (`protocol`), one
normal form (`1000m` is `1`), two immutable fields. A test's `controller` plays the controllers.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Thing = dict[str, Any]

KINDS: dict[str, list[tuple[str, str, bool]]] = {
    "/api/v1": [
        ("Namespace", "namespaces", False),
        ("ConfigMap", "configmaps", True),
        ("Secret", "secrets", True),
        ("Service", "services", True),
        ("Pod", "pods", True),
    ],
    "/apis/apps/v1": [("Deployment", "deployments", True), ("ReplicaSet", "replicasets", True)],
    "/apis/batch/v1": [("Job", "jobs", True)],
    "/apis/apiextensions.k8s.io/v1": [("CustomResourceDefinition", "customresourcedefinitions", False)],
}
IMMUTABLE = {"Deployment": ("spec", "selector"), "Job": ("spec", "suspend")}
KNOWN = {"metadata", "apiVersion", "kind", "spec", "data", "stringData", "type", "immutable", "status"} | {
    "addressType",
    "endpoints",
    "ports",
}


class RefusedError(Exception):
    def __init__(self, code: int, reason: str, message: str, details: Thing | None = None) -> None:
        super().__init__(message)
        self.status = {"kind": "Status", "code": code, "reason": reason, "message": message}
        self.status["details"] = details or {}


def _fields(value: Any) -> Thing:
    if isinstance(value, dict):
        return {f"f:{name}": _fields(item) for name, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        return {f"k:{json.dumps({'name': item['name']})}": {".": {}, **_fields(item)} for item in value}
    return {}


def _leaves(fields: Thing, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    below = {name: item for name, item in fields.items() if name != "."}
    if not below:
        yield path
    for name, item in below.items():
        yield from _leaves(item, (*path, name))


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if step.startswith("f:"):
            value = value.get(step[2:]) if isinstance(value, dict) else None
        elif isinstance(value, list):
            name = json.loads(step[2:])["name"]
            value = next((item for item in value if item.get("name") == name), None)
        if value is None:
            return None
    return value


def _remove(value: Any, path: tuple[str, ...]) -> None:
    holder = _at(value, path[:-1])
    if path[-1].startswith("f:") and isinstance(holder, dict):
        holder.pop(path[-1][2:], None)
    elif isinstance(holder, list):
        name = json.loads(path[-1][2:])["name"]
        holder[:] = [item for item in holder if item.get("name") != name]


def _merge(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: _merge(old.get(name), item) for name, item in new.items()}}
    if (
        isinstance(old, list)
        and isinstance(new, list)
        and all(isinstance(x, dict) and "name" in x for x in [*old, *new])
    ):
        items = {item["name"]: item for item in old}
        for item in new:
            items[item["name"]] = _merge(items.get(item["name"]), item)
        return list(items.values())
    return copy.deepcopy(new)


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        done = {name: _normal(item) for name, item in value.items()}
        if "containerPort" in done:
            done.setdefault("protocol", "TCP")
        return done
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return "1" if value == "1000m" else value


class ApiServer:
    """One server on a free loopback port.

    Attributes:
        objects: what exists, by path.
        controller: called with each object after a write; may change it.
        requests: method, path and query of everything asked.
        refuse: raises to refuse a write, given the object.
        kinds: what discovery tells, by the path of a group's version.
        logs: what every pod wrote.
        deletions: how each deletion was asked to go about what the object owns.
        hooks: answers to requests for any other path, given the body.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Thing] = {}
        self.controller: Callable[[Thing], None] = lambda _thing: None
        self.refuse: Callable[[Thing], None] = lambda _thing: None
        self.requests: list[tuple[str, str, Thing]] = []
        self.kinds = copy.deepcopy(KINDS)
        self.logs = ""
        self.deletions: dict[str, str] = {}
        self.hooks: dict[str, Callable[[Thing], Thing]] = {}
        self._version = 0
        self._connections: list[socket.socket] = []
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def kubeconfig(self) -> str:
        return (
            "clusters:\n"
            f"- {{name: fake, cluster: {{server: '{self.url}'}}}}\n"
            "contexts:\n- {name: fake, context: {cluster: fake, namespace: team}}\ncurrent-context: fake\n"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def count(self, method: str) -> int:
        return sum(1 for found, _, query in self.requests if found == method and "dryRun" not in query)

    def edit(self, path: str, change: Callable[[Thing], None], manager: str = "kubectl-edit") -> None:
        """Change an object as a person or a controller would; what was changed becomes the manager's."""
        with self.lock:
            before = self.objects[path]
            thing = copy.deepcopy(before)
            change(thing)
            taken = {
                leaf for leaf in _leaves(_fields(_content(thing))) if _at(thing, leaf) != _at(before, leaf)
            }
            for entry in thing["metadata"]["managedFields"]:
                for leaf in taken:
                    _disown(entry["fieldsV1"], leaf)
            mine: Thing = {}
            for leaf in taken:
                _own(mine, leaf)
            thing["metadata"]["managedFields"].append(
                {
                    "manager": manager,
                    "operation": "Update",
                    "apiVersion": thing["apiVersion"],
                    "fieldsV1": mine,
                }
            )
            self._store(path, thing)

    # Requests

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                api._connections.append(self.connection)

            def _answer(self) -> None:
                address = urlparse(self.path)
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.requests.append((self.command, address.path, query))
                try:
                    with api.lock:
                        answer = api.serve(self.command, address.path, query, json.loads(body or b"{}"))
                    code, data = (
                        200,
                        answer.encode() if isinstance(answer, str) else json.dumps(answer).encode(),
                    )
                except RefusedError as error:
                    code, data = error.status["code"], json.dumps(error.status).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PATCH = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler

    def serve(self, method: str, path: str, query: Thing, body: Thing) -> Any:
        if path in self.hooks:
            return self.hooks[path](body)
        if path in self.kinds:
            return {
                "resources": [
                    {"kind": kind, "name": plural, "namespaced": namespaced}
                    for kind, plural, namespaced in self.kinds[path]
                ]
            }
        if path.endswith("/log"):
            return self.logs
        if method == "GET":
            return self._get(path, query)
        if method == "DELETE":
            self.deletions[path] = body["propagationPolicy"]
            return self._delete(path)
        return self._apply(path, query, body)

    def _get(self, path: str, query: Thing) -> Thing:
        if path in self.objects:
            return self.objects[path]
        if any(path.endswith(f"/{plural}") for kinds in self.kinds.values() for _, plural, _ in kinds):
            labels = dict(part.split("=", 1) for part in query.get("labelSelector", "").split(",") if part)
            items = [thing for at, thing in self.objects.items() if at.rpartition("/")[0] == path]
            return {
                "items": [
                    thing
                    for thing in items
                    if labels.items() <= (thing["metadata"].get("labels") or {}).items()
                ]
            }
        raise RefusedError(404, "NotFound", f"{path} not found")

    def _delete(self, path: str) -> Thing:
        thing = self.objects.get(path)
        if thing is None:
            raise RefusedError(404, "NotFound", f"{path} not found")
        if thing["metadata"].get("finalizers"):
            thing["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        else:
            del self.objects[path]
        return {}

    def _apply(self, path: str, query: Thing, body: Thing) -> Thing:
        namespace = body["metadata"].get("namespace")
        if namespace and f"/api/v1/namespaces/{namespace}" not in self.objects:
            details = {"kind": "namespaces", "name": namespace}
            raise RefusedError(404, "NotFound", f'namespaces "{namespace}" not found', details)
        unknown = sorted(set(body) - KNOWN)
        if unknown and query.get("fieldValidation") == "Strict":
            raise RefusedError(400, "BadRequest", f".{unknown[0]}: field not declared in schema")
        self.refuse(body)
        manager, force = query["fieldManager"], query.get("force") == "true"
        live = self.objects.get(path)
        thing = self._merged(copy.deepcopy(live), body, manager, force=force)
        _refuse_immutable(live, thing)
        if "dryRun" in query:
            return thing
        return self._store(path, thing)

    def _merged(self, live: Thing | None, body: Thing, manager: str, *, force: bool) -> Thing:
        applied = _fields(_content(body))
        entries = live["metadata"].pop("managedFields") if live else []
        kept = []
        conflicts = []
        thing = live or {}
        for entry in entries:
            if entry["manager"] == manager and entry["operation"] == "Apply":
                for leaf in _leaves(entry["fieldsV1"]):
                    if _at(_content(body), leaf) is None and leaf:
                        _remove(thing, leaf)
                continue
            kept.append(entry)
            for leaf in list(_leaves(entry["fieldsV1"])):
                wanted = _normal(_at(body, leaf))
                if wanted is not None and wanted != _at(thing, leaf):
                    conflicts.append((entry["manager"], leaf))
                    _disown(entry["fieldsV1"], leaf)
        if conflicts and not force:
            causes = [
                {
                    "reason": "FieldManagerConflict",
                    "message": f'conflict with "{owner}" using {body["apiVersion"]}',
                    "field": "." + ".".join(step[2:] for step in leaf),
                }
                for owner, leaf in conflicts
            ]
            raise RefusedError(409, "Conflict", "Apply failed with conflicts", {"causes": causes})
        thing = _normal(_merge(thing, body))
        data = thing.pop("stringData", None)
        if data:
            encoded = {name: base64.b64encode(str(item).encode()).decode() for name, item in data.items()}
            thing["data"] = {**thing.get("data", {}), **encoded}
        metadata = thing["metadata"]
        metadata["managedFields"] = [
            *kept,
            {"manager": manager, "operation": "Apply", "apiVersion": body["apiVersion"], "fieldsV1": applied},
        ]
        metadata.setdefault("uid", f"uid-{self._version}")
        metadata.setdefault("generation", 1)
        return thing

    def _store(self, path: str, thing: Thing) -> Thing:
        self._version += 1
        before = self.objects.get(path)
        if before is not None and before.get("spec") != thing.get("spec"):
            thing["metadata"]["generation"] += 1
        thing["metadata"]["resourceVersion"] = str(self._version)
        self.objects[path] = thing
        self.controller(thing)
        return copy.deepcopy(thing)


def _content(thing: Thing) -> Thing:
    content = {
        name: item for name, item in thing.items() if name not in {"apiVersion", "kind", "metadata", "status"}
    }
    metadata = {
        name: thing["metadata"][name] for name in ("labels", "annotations") if name in thing["metadata"]
    }
    return {**content, "metadata": metadata} if metadata else content


def _own(fields: Thing, path: tuple[str, ...]) -> None:
    for step in path:
        fields = fields.setdefault(step, {})


def _disown(fields: Thing, path: tuple[str, ...]) -> None:
    for step in path[:-1]:
        fields = fields.get(step) or {}
    fields.pop(path[-1], None)


def _refuse_immutable(live: Thing | None, thing: Thing) -> None:
    path = IMMUTABLE.get(thing["kind"])
    if live is None or path is None:
        return
    first, second = path
    if (live.get(first) or {}).get(second) != (thing.get(first) or {}).get(second):
        field = ".".join(path)
        message = f"{thing['kind']} is invalid: {field}: Invalid value: field is immutable"
        causes = [
            {"field": field, "message": "Invalid value: field is immutable", "reason": "FieldValueInvalid"}
        ]
        raise RefusedError(422, "Invalid", message, {"causes": causes})
