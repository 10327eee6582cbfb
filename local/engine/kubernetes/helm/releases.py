"""What happens to a Helm release from its declaration to its end."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes.comparison import changes, covers, parse, show
from local.engine.kubernetes.helm import arguments, chart, storage
from local.engine.kubernetes.helm.command import Helm, HelmError
from local.engine.kubernetes.helm.mirror import Mirror
from local.engine.kubernetes.helm.storage import OWNER_LABEL, PENDING, Revision, Status
from local.engine.kubernetes.kinds import identity_of, parse_identity
from local.engine.kubernetes.readiness import pods
from local.engine.kubernetes.readiness.waiting import ClusterSurroundings
from local.engine.kubernetes.readiness.workloads import POD
from local.engine.provider import (
    Change,
    Checked,
    CheckFailure,
    Diff,
    PartialFailureError,
    ProviderError,
    ReadResult,
    Resource,
    Severity,
    UpdateCall,
)
from local.engine.values import UNKNOWN, Properties, has_unknown, reveal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.kubernetes.client import Client
    from local.engine.provider import Reporter

_IDENTITY: Final = frozenset({"name", "namespace"})
_COMPUTED: Final = ("status", "resourceNames")

RECORDED_ONLY: Final = "__recordedOnly"
"""Output by which the state tells what is only recorded, as in the aws stand-in. No program sees it."""


class Releases:
    """Installs, compares, reads, upgrades and uninstalls releases in one cluster.

    Args:
        client: the cluster.
        helm: the command.
        namespace: where releases go that name none.
        report: shows a line to the person.
        mirror: charts at hand.
    """

    def __init__(
        self, client: Client, helm: Helm, namespace: str, report: Reporter, mirror: Mirror | None = None
    ) -> None:
        self._client = client
        self._helm = helm
        self._namespace = namespace
        self._report = report
        self._mirror = mirror or Mirror(None)

    def check(self, resource: Resource, inputs: Properties, old_inputs: Properties, seed: bytes) -> Checked:
        """Fill in what is left out; a chart that isn't there is refused."""
        try:
            completed = arguments.complete(
                inputs,
                old_inputs,
                resource_name=resource.name,
                random_seed=seed,
                namespace=self._namespace,
            )
        except ProviderError as error:
            return Checked(inputs, [CheckFailure("chart", str(error))])
        return Checked(completed)

    def diff(self, call: UpdateCall) -> Diff:
        """Compare the declarations: values, version, and a local chart's content by its digest."""
        old, new = reveal(call.old_inputs), reveal(call.inputs)
        # Value files are already part of the values, and the engine marks an asset anew each time.
        found = changes({**old, "valueYamlFiles": None}, {**new, "valueYamlFiles": None})
        ignored = [parse(text) for text in call.ignore_changes]
        return Diff(
            {
                show(path): Change(kind, replaces=path[0] in _IDENTITY)
                for path, kind in found.items()
                if not any(covers(pattern, path) for pattern in ignored)
            }
        )

    def create(self, resource: Resource, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        """Install; what an interrupted run left of the same resource is repaired first."""
        if preview:
            return "", {**inputs, **dict.fromkeys(_COMPUTED, UNKNOWN)}
        release = reveal(inputs)
        namespace, name = release["namespace"], release["name"]
        if self._mirror.lacks(release):
            text = f"recorded only: the chart {release['chart']} is not at hand, and none is fetched"
            self._report(Severity.INFO, text, resource.urn)
            return identity_of(namespace, name), _recorded(inputs, namespace, name)
        found = storage.latest(self._client, namespace, name)
        if found is not None and found.owner != owner_digest(resource.urn):
            raise ProviderError(
                f"A Helm release {identity_of(namespace, name)} exists ({found.status}) and was not made by "
                f"this resource. Take it over with `pulumi import {resource.type} {resource.name} "
                f"{identity_of(namespace, name)}`, choose another name, or uninstall it."
            )
        self._bring_about(resource, inputs, release)
        return identity_of(namespace, name), self._outputs(inputs, release)

    def update(self, call: UpdateCall) -> Properties:
        """Upgrade; a release that was interrupted or never got deployed is repaired first."""
        if call.preview:
            return {**call.inputs, **dict.fromkeys(_COMPUTED, UNKNOWN)}
        release = reveal(call.inputs)
        if self._mirror.lacks(release):
            return _recorded(call.inputs, release["namespace"], release["name"])
        self._bring_about(call.resource, call.inputs, release)
        return self._outputs(call.inputs, release)

    def _bring_about(self, resource: Resource, inputs: Properties, release: Mapping[str, Any]) -> None:
        namespace, name = release["namespace"], release["name"]
        upgrade = self._repair(resource, namespace, name)
        if release.get("lint") and release.get("checksum"):
            self._helm.run("lint", release["chart"])
        words = arguments.options(release, upgrade=upgrade)
        words += ["--labels", f"{OWNER_LABEL}={owner_digest(resource.urn)}"]
        hide = list(arguments.secrets_in(inputs))
        at_hand = self._mirror.find(release)
        wanted = str(at_hand) if at_hand else release["chart"]
        repository = {} if at_hand else release.get("repositoryOpts") or {}
        with chart.reference(self._helm, wanted, repository) as (named, variables):
            try:
                self._helm.run(
                    "upgrade" if upgrade else "install",
                    name,
                    *named,
                    *words,
                    namespace=namespace,
                    values=release.get("values") or {},
                    hide=hide,
                    environment=variables,
                )
            except ProviderError as error:
                self._fail(inputs, release, error)

    def _fail(self, inputs: Properties, release: Mapping[str, Any], error: ProviderError) -> None:
        namespace, name = release["namespace"], release["name"]
        if storage.latest(self._client, namespace, name) is None:
            raise error
        reasons = [f"Helm release {identity_of(namespace, name)}: {error}", *self._troubles(namespace, name)]
        raise PartialFailureError(
            identity_of(namespace, name), self._outputs(inputs, release), reasons
        ) from error

    def _troubles(self, namespace: str, name: str) -> list[str]:
        look = ClusterSurroundings(self._client)
        return pods.troubles_of(look.list(POD, namespace, f"app.kubernetes.io/instance={name}"))

    def _repair(self, resource: Resource, namespace: str, name: str) -> bool:
        """Bring a release to where Helm can go on; gives whether there is one to upgrade."""
        revisions = storage.history(self._client, namespace, name)
        if not revisions or revisions[-1].status is Status.UNINSTALLED:
            return False
        status = revisions[-1].status
        good = [found for found in revisions if found.status in {Status.DEPLOYED, Status.SUPERSEDED}]
        if not good or status is Status.UNINSTALLING:
            self._tell(resource, f"the release was left {status}; it is removed and installed anew")
            self._helm.run("uninstall", name, "--wait", "--ignore-not-found", namespace=namespace)
            return False
        if status in PENDING:
            self._tell(
                resource, f"the release was left {status}; it is rolled back to revision {good[-1].number}"
            )
            self._helm.run("rollback", name, str(good[-1].number), namespace=namespace)
        return True

    def _tell(self, resource: Resource, text: str) -> None:
        self._report(Severity.WARNING, text, resource.urn)

    def _outputs(self, inputs: Properties, release: Mapping[str, Any]) -> Properties:
        found = storage.latest(self._client, release["namespace"], release["name"])
        if found is None:
            return dict(inputs)
        return {
            **inputs,
            "version": found.chart.get("version"),
            "resourceNames": found.resource_names(),
            "status": _status(found, release["namespace"], release["name"]),
        }

    def read(self, identity: str, inputs: Properties) -> ReadResult | None:
        """The release as Helm remembers it; None if it is gone."""
        namespace, name = parse_identity(identity)
        namespace = namespace or self._namespace
        if inputs and self._mirror.lacks(reveal(inputs)):
            return ReadResult(identity, inputs, _recorded(inputs, namespace, name))
        found = storage.latest(self._client, namespace, name)
        if found is None:
            return None
        now = dict(inputs) if inputs else _imported(found, namespace, name)
        if inputs and not has_unknown(inputs):
            _note_drift(now, found)
        outputs = self._outputs(now, {"namespace": namespace, "name": name})
        identity = identity_of(namespace, name)
        if inputs and found.status is not Status.DEPLOYED:
            reasons = [f"Helm release {identity} is {found.status}", *self._troubles(namespace, name)]
            raise PartialFailureError(identity, outputs, reasons, now)
        return ReadResult(identity, now, outputs)

    def delete(self, identity: str, inputs: Properties) -> None:
        """Uninstall; waits until all of it is gone unless the release skips waiting."""
        namespace, name = parse_identity(identity)
        namespace = namespace or self._namespace
        release = reveal(inputs)
        if release and self._mirror.lacks(release):
            return
        if not storage.history(self._client, namespace, name):
            return
        wait = [] if release.get("skipAwait") and not release.get("atomic") else ["--wait"]
        words = [*wait, "--timeout", f"{arguments.seconds(release):.0f}s", "--ignore-not-found"]
        try:
            self._helm.run("uninstall", name, *words, namespace=namespace)
        except HelmError as error:
            raise ProviderError(f"Helm release {identity}: {error}") from error


def owner_digest(urn: str) -> str:
    """How a release says which resource it belongs to; a label holds no whole URN."""
    return hashlib.sha256(urn.encode()).hexdigest()[:40]


def _recorded(inputs: Properties, namespace: str, name: str) -> Properties:
    """Outputs of a release that exists in the state only."""
    status = {"name": name, "namespace": namespace, "status": "recorded-only", "revision": 0}
    return {**inputs, "resourceNames": {}, "status": status, RECORDED_ONLY: True}


def _status(found: Revision, namespace: str, name: str) -> dict[str, Any]:
    return {
        "appVersion": str(found.chart.get("appVersion", "")),
        "chart": found.chart.get("name"),
        "name": name,
        "namespace": namespace,
        "revision": found.number,
        "status": str(found.status),
        "version": found.chart.get("version"),
    }


def _imported(found: Revision, namespace: str, name: str) -> Properties:
    values = {"values": dict(found.values)} if found.values else {}
    return {
        "chart": found.chart.get("name"),
        "name": name,
        "namespace": namespace,
        "timeout": arguments.DEFAULT_TIMEOUT_SECONDS,
        "version": found.chart.get("version"),
        **values,
    }


def _note_drift(now: Properties, found: Revision) -> None:
    if changes(reveal(now.get("values") or {}), dict(found.values)):
        now["values"] = dict(found.values)
    if now.get("version") and now["version"] != found.chart.get("version"):
        now["version"] = found.chart.get("version")
        now.pop("checksum", None)
