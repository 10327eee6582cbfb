"""As much of an engine as drives the stand-in over a real channel, one resource at a time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import grpc

from local.engine.protocol import provider_pb2, provider_pb2_grpc, status_pb2
from local.engine.values import Properties, decode, encode

if TYPE_CHECKING:
    from local.engine.aws.provider import AwsProvider

REGION = "eu-central-1"
_seeds = itertools.count(1)


class RefusedError(Exception):
    """The provider's failures of a check."""


@cache
def _client(endpoint: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
    )


@dataclass
class State:
    """What the engine keeps of a resource.

    After a failure half-way it keeps the inputs that were asked for, whatever the provider says was done of
    them, and updates the resource the next time though nothing in it changed.
    """

    identity: str
    inputs: Properties
    outputs: Properties
    unfinished: bool = False


@dataclass
class Engine:
    """Drives one provider as the real engine does, one resource at a time."""

    endpoint: str
    stub: provider_pb2_grpc.ResourceProviderStub
    provider: AwsProvider
    states: dict[str, State] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return _client(self.endpoint, service)

    @staticmethod
    def urn(token: str, name: str) -> str:
        return f"urn:pulumi:local::plinth::plinth:Part${token}::{name}"

    def check(self, token: str, name: str, inputs: Properties, old: Properties | None = None) -> Properties:
        response = self.stub.Check(
            provider_pb2.CheckRequest(
                urn=self.urn(token, name),
                olds=encode(old or {}),
                news=encode(inputs),
                randomSeed=next(_seeds).to_bytes(32, "little"),
            )
        )
        if response.failures:
            raise RefusedError("; ".join(failure.reason for failure in response.failures))
        return decode(response.inputs)

    def diff(self, token: str, name: str, inputs: Properties) -> provider_pb2.DiffResponse:
        state = self.states[name]
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id=state.identity,
                urn=self.urn(token, name),
                olds=encode(state.outputs),
                old_inputs=encode(state.inputs),
                news=encode(inputs),
            )
        )

    def up(self, token: str, name: str, inputs: Properties) -> str:
        """Bring one resource to these inputs; says what was done."""
        urn = self.urn(token, name)
        old = self.states.get(name)
        if old is None:
            self._create(token, name, self.check(token, name, inputs))
            return "created"
        checked = self.check(token, name, inputs, old.inputs)
        diff = self.diff(token, name, checked)
        if diff.replaces:
            fresh = self.check(token, name, inputs)
            if diff.deleteBeforeReplace:
                self.destroy(token, name)
                self._create(token, name, fresh)
            else:
                self._create(token, name, fresh)
                self._delete(token, name, old)
            return "replaced"
        if diff.changes == provider_pb2.DiffResponse.DIFF_NONE and not old.unfinished:
            return "same"
        request = provider_pb2.UpdateRequest(
            id=old.identity,
            urn=urn,
            olds=encode(old.outputs),
            old_inputs=encode(old.inputs),
            news=encode(checked),
        )
        try:
            response = self.stub.Update(request)
        except grpc.RpcError as error:
            half = half_made(error)
            if half is not None:
                self.states[name] = State(old.identity, checked, decode(half.properties), unfinished=True)
            raise
        self.states[name] = State(old.identity, checked, decode(response.properties))
        return "updated"

    def preview(self, token: str, name: str, inputs: Properties) -> Properties:
        """Outputs that a preview of the creation forecasts."""
        request = provider_pb2.CreateRequest(
            urn=self.urn(token, name), properties=encode(self.check(token, name, inputs)), preview=True
        )
        return decode(self.stub.Create(request).properties)

    def _create(self, token: str, name: str, inputs: Properties) -> None:
        request = provider_pb2.CreateRequest(urn=self.urn(token, name), properties=encode(inputs))
        try:
            response = self.stub.Create(request)
        except grpc.RpcError as error:
            half = half_made(error)
            if half is not None:
                self.states[name] = State(half.id, inputs, decode(half.properties), unfinished=True)
            raise
        self.states[name] = State(response.id, inputs, decode(response.properties))

    def refresh(self, token: str, name: str) -> bool:
        """Look at what exists; False if it is gone."""
        state = self.states[name]
        response = self.stub.Read(
            provider_pb2.ReadRequest(
                id=state.identity,
                urn=self.urn(token, name),
                inputs=encode(state.inputs),
                properties=encode(state.outputs),
            )
        )
        if not response.id:
            del self.states[name]
            return False
        self.states[name] = State(response.id, decode(response.inputs), decode(response.properties))
        return True

    def import_(self, token: str, name: str, identity: str) -> bool:
        """Take in a resource that exists under this name."""
        response = self.stub.Read(provider_pb2.ReadRequest(id=identity, urn=self.urn(token, name)))
        if not response.id:
            return False
        self.states[name] = State(response.id, decode(response.inputs), decode(response.properties))
        return True

    def destroy(self, token: str, name: str) -> None:
        self._delete(token, name, self.states.pop(name))

    def _delete(self, token: str, name: str, state: State) -> None:
        self.stub.Delete(
            provider_pb2.DeleteRequest(
                id=state.identity,
                urn=self.urn(token, name),
                properties=encode(state.outputs),
                old_inputs=encode(state.inputs),
            )
        )


def half_made(error: grpc.RpcError) -> provider_pb2.ErrorResourceInitFailed | None:
    """The half-made resource that an error tells of, if it does."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            detail = provider_pb2.ErrorResourceInitFailed()
            for part in status_pb2.Status.FromString(value).details:
                if part.Unpack(detail):
                    return detail
    return None
