"""What a program declares, without an engine, a cloud or a credential: a stand-in keeps it all.

What providers would compute (ARNs, addresses) is made up in plain sight.
"""

from __future__ import annotations

import asyncio
import gc
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import mocks
from pulumi.runtime.stack import run_pulumi_func

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ACCOUNT = "123456789012"
REGION = "eu-central-1"


def _arn(service: str, resource: str) -> Callable[[str], dict[str, str]]:
    place = "" if service == "iam" else REGION
    return lambda name: {"arn": f"arn:aws:{service}:{place}:{ACCOUNT}:{resource}{name}"}


COMPUTED: dict[str, Callable[[str], dict[str, Any]]] = {
    "Cluster": lambda name: {
        **_arn("eks", "cluster/")(name),
        "endpoint": f"https://{name}.gr7.{REGION}.eks.amazonaws.com",
        "certificateAuthority": {"data": "Y2VydGlmaWNhdGU="},
        "vpcConfig": {"clusterSecurityGroupId": f"sg-{name}"},
        "identities": [{"oidcs": [{"issuer": f"https://oidc.eks.{REGION}.amazonaws.com/id/{name}"}]}],
    },
    "Instance": lambda name: {
        **_arn("rds", "db:")(name),
        "address": f"{name}.{REGION}.rds.amazonaws.com",
        "resourceId": f"db-{name}",
        "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"}],
    },
    "LaunchTemplate": lambda _name: {"latestVersion": 1},
    "Repository": lambda name: {
        **_arn("ecr", "repository/")(name),
        "repositoryUrl": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}",
    },
    "SigningProfile": lambda name: {
        **_arn("signer", "/signing-profiles/")(name),
        "name": name,
        "versionArn": f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/{name}/version",
    },
    "Bucket": lambda name: {"arn": f"arn:aws:s3:::{name}"},
    "Key": lambda name: {**_arn("kms", "key/")(name), "keyId": name},
    "LogGroup": _arn("logs", "log-group:"),
    "OpenIdConnectProvider": _arn("iam", "oidc-provider/"),
    "Queue": lambda name: {**_arn("sqs", "")(name), "url": f"https://sqs.example.org/{name}"},
    "Role": _arn("iam", "role/"),
    "Table": _arn("dynamodb", "table/"),
    "Topic": _arn("sns", ""),
    "Trail": _arn("cloudtrail", "trail/"),
    "Vault": _arn("backup", "backup-vault:"),
}
"""What the providers compute, by the last part of the type, from the name that was given."""


@dataclass(frozen=True)
class Declared:
    """One resource as it was declared."""

    type: str
    name: str
    inputs: dict[str, Any]
    protect: bool
    retain: bool
    delete_first: bool
    parent: str
    dependencies: tuple[str, ...]


@dataclass
class Recording:
    """All resources of one program, and what it returned."""

    resources: list[Declared] = field(default_factory=list)
    result: Any = None

    def of(self, type_: str) -> list[Declared]:
        """All resources whose type ends like this."""
        return [resource for resource in self.resources if resource.type.endswith(type_)]

    def one(self, type_: str, name: str = "") -> Declared:
        """The only resource of a type whose name ends like this.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [resource for resource in self.of(type_) if resource.name.endswith(name)]
        if len(found) != 1:
            raise LookupError(f"{type_} {name}: {[(r.type, r.name) for r in found or self.resources]}")
        return found[0]

    def custom(self, kind: str) -> dict[str, Any]:
        """Inputs of the only custom Kubernetes resource of a kind.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [r.inputs for r in self.resources if r.inputs.get("kind") == kind]
        if len(found) != 1:
            raise LookupError(f"{kind}: {len(found)} are declared")
        return found[0]


class _Provider(mocks.Mocks):
    """Answers with the inputs and the outputs that a real provider would compute."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        kind = args.typ.rsplit(":", 1)[-1]
        url = str(args.inputs.get("url") or "").removeprefix("https://")
        name = str(
            args.inputs.get("name")
            or args.inputs.get("bucket")
            or args.inputs.get("identifier")
            or url
            or args.name
        )
        computed = COMPUTED[kind](name) if kind in COMPUTED and args.custom else {}
        return f"{args.name}-id", {**args.inputs, **_completed(args.inputs, computed)}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program asks the cloud while it runs: {args.token}")


class _Monitor(mocks.MockMonitor):
    """Keeps the options beside the inputs; the public mocks show inputs only."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(_Provider())
        self._recording = recording

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802, ANN401 - as Pulumi's protocol has it
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # Pulumi's
        if request.type != "pulumi:pulumi:Stack":
            registered = self.resources[response.urn]
            self._recording.resources.append(
                Declared(
                    type=request.type,
                    name=request.name,
                    inputs={name: _plain(value) for name, value in registered.state.items()},
                    protect=bool(request.protect),
                    retain=bool(request.retainOnDelete),
                    delete_first=bool(request.deleteBeforeReplace),
                    parent=request.parent,
                    dependencies=tuple(request.dependencies),
                )
            )
        return response


def _completed(given: Mapping[str, Any], computed: Mapping[str, Any]) -> dict[str, Any]:
    """What was computed; a part that was given as well keeps what was given in it."""
    return {
        name: {**given[name], **value} if isinstance(value, dict) and name in given else value
        for name, value in computed.items()
    }


def _plain(value: object) -> object:
    """A file as its path: two assets of the same file are equal."""
    return value.path if isinstance(value, pulumi.FileAsset) else value


def record(program: Callable[[], Any], *, stack: str = "test") -> Recording:
    """Run a program to its end and return what it declared.

    Raises:
        Exception: whatever the program raises.
    """
    recording = Recording()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    collecting = gc.isenabled()
    # A program makes a hundred thousand objects that all stay: looking for garbage takes half of its time.
    gc.disable()
    try:
        mocks.set_mocks(
            _Provider(), project="plinth", stack=stack, preview=False, monitor=_Monitor(recording)
        )

        def run() -> None:
            recording.result = program()

        loop.run_until_complete(run_pulumi_func(run))
        loop.run_until_complete(_resolve(recording))
    finally:
        loop.close()
        if collecting:
            gc.enable()
    return recording


async def _resolve(recording: Recording) -> None:
    if isinstance(recording.result, dict):
        recording.result = {
            name: await pulumi.Output.from_input(value).future() for name, value in recording.result.items()
        }


def statements(document: str) -> list[dict[str, Any]]:
    """Statements of a policy document."""
    return list(json.loads(document)["Statement"])
