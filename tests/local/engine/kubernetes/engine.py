"""Plays the Pulumi engine's part over a real gRPC channel: check, diff, create, read, update, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import grpc

from local.engine.protocol import provider_pb2, provider_pb2_grpc, status_pb2
from local.engine.server import start
from local.engine.values import Properties, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.provider import Provider


@dataclass
class State:
    """One resource as the engine would keep it."""

    urn: str
    type: str
    name: str
    id: str
    inputs: Properties
    outputs: Properties
    reasons: Sequence[str] = ()


class FailedError(Exception):
    """An operation failed; `state` is what the engine keeps of a resource that exists nevertheless."""

    def __init__(self, message: str, state: State | None = None) -> None:
        super().__init__(message)
        self.state = state


class Engine:
    """Drives one provider."""

    def __init__(self, provider: Provider, variables: Mapping[str, Any]) -> None:
        self._server, port = start(provider)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.stub.Configure(provider_pb2.ConfigureRequest(args=encode(dict(variables)), acceptSecrets=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._channel.close()
        self._server.stop(0)

    @staticmethod
    def urn(token: str, name: str) -> str:
        return f"urn:pulumi:local::plinth::{token}::{name}"

    def check(self, token: str, name: str, inputs: Properties, old: Properties | None = None) -> Properties:
        answer = self.stub.Check(
            provider_pb2.CheckRequest(
                urn=self.urn(token, name),
                type=token,
                name=name,
                news=encode(inputs),
                olds=encode(old) if old else None,
                randomSeed=name.encode().ljust(32, b"\0"),
            )
        )
        if answer.failures:
            raise FailedError(
                "; ".join(f"{failure.property}: {failure.reason}" for failure in answer.failures)
            )
        return decode(answer.inputs)

    def create(
        self, token: str, name: str, inputs: Properties, *, preview: bool = False, timeout: float = 5
    ) -> State:
        checked = self.check(token, name, inputs)
        request = provider_pb2.CreateRequest(
            urn=self.urn(token, name),
            type=token,
            name=name,
            properties=encode(checked),
            preview=preview,
            timeout=timeout,
        )
        state = State(self.urn(token, name), token, name, "", checked, {})
        answer = self._call(state, self.stub.Create, request)
        state.id, state.outputs = answer.id, decode(answer.properties)
        return state

    def diff(self, state: State, inputs: Properties, ignore: Sequence[str] = ()) -> provider_pb2.DiffResponse:
        checked = self.check(state.type, state.name, inputs, state.inputs)
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id=state.id,
                urn=state.urn,
                type=state.type,
                name=state.name,
                olds=encode(state.outputs),
                old_inputs=encode(state.inputs),
                news=encode(checked),
                ignoreChanges=ignore,
            )
        )

    def update(
        self,
        state: State,
        inputs: Properties,
        *,
        preview: bool = False,
        ignore: Sequence[str] = (),
        timeout: float = 5,
    ) -> State:
        checked = self.check(state.type, state.name, inputs, state.inputs)
        request = provider_pb2.UpdateRequest(
            id=state.id,
            urn=state.urn,
            type=state.type,
            name=state.name,
            olds=encode(state.outputs),
            old_inputs=encode(state.inputs),
            news=encode(checked),
            preview=preview,
            ignoreChanges=ignore,
            timeout=timeout,
        )
        after = State(state.urn, state.type, state.name, state.id, checked, {})
        after.outputs = decode(self._call(after, self.stub.Update, request).properties)
        return after

    def read(self, state: State) -> State | None:
        request = provider_pb2.ReadRequest(
            id=state.id,
            urn=state.urn,
            type=state.type,
            name=state.name,
            inputs=encode(state.inputs),
            properties=encode(state.outputs),
        )
        answer = self._call(state, self.stub.Read, request)
        if not answer.id:
            return None
        return State(
            state.urn, state.type, state.name, answer.id, decode(answer.inputs), decode(answer.properties)
        )

    def imported(self, token: str, identity: str) -> State | None:
        return self.read(State(self.urn(token, "imported"), token, "imported", identity, {}, {}))

    def delete(self, state: State, timeout: float = 5) -> None:
        request = provider_pb2.DeleteRequest(
            id=state.id,
            urn=state.urn,
            type=state.type,
            name=state.name,
            properties=encode(state.outputs),
            old_inputs=encode(state.inputs),
            timeout=timeout,
        )
        self._call(state, self.stub.Delete, request)

    def _call(self, state: State, method: Any, request: Any) -> Any:
        try:
            return method(request)
        except grpc.RpcError as error:
            raise FailedError(error.details(), _partial(state, error)) from error


def _partial(state: State, error: grpc.RpcError) -> State | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            detail = provider_pb2.ErrorResourceInitFailed()
            status.details[0].Unpack(detail)
            return State(
                state.urn,
                state.type,
                state.name,
                detail.id,
                decode(detail.inputs),
                decode(detail.properties),
                list(detail.reasons),
            )
    return None
