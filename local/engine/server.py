"""Carries a provider's hooks to the engine and back, over gRPC."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import traceback
from concurrent import futures
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2

from local.engine.protocol import (
    CHANNEL_OPTIONS,
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)
from local.engine.provider import (
    CancelledError,
    Diff,
    PartialFailureError,
    Provider,
    ProviderError,
    Resource,
    Severity,
    UpdateCall,
)
from local.engine.values import UNKNOWN, Properties, decode, encode, keep_secrets, reveal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

THREADS = 64
"""Requests served at once; the engine's default parallelism is four for each core."""

GRACE_SECONDS = 10.0
"""How long calls may go on after the engine asked to stop, so that what they made gets recorded."""

PARENT_CHECK_SECONDS = 1.0

COLLECTION = (20_000, 20, 50)
"""When garbage is looked for. Python's own 700 objects are fewer than one call makes and lets go again."""

_T = TypeVar("_T")


def _resource(request: Any) -> Resource:  # noqa: ANN401 - six request messages share these three fields
    _, _, rest = request.urn.partition("::")
    parts = rest.split("::")
    kind = request.type or (parts[1].rsplit("$", 1)[-1] if len(parts) > 1 else "")
    return Resource(urn=request.urn, type=kind, name=request.name or parts[-1])


def _variables(properties: Properties) -> Properties:
    """A provider's configuration: compound values arrive as JSON text."""

    def parse(value: Any) -> Any:  # noqa: ANN401 - property values are of any type
        if isinstance(value, str) and (value[:1] in {"{", "["} or value in {"true", "false"}):
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value

    return {name: parse(reveal(value)) for name, value in properties.items() if value is not UNKNOWN}


def _diff_response(diff: Diff) -> provider_pb2.DiffResponse:
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if diff.changes else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=diff.replaces,
        diffs=diff.properties,
        deleteBeforeReplace=diff.delete_before_replace,
        hasDetailedDiff=True,
    )
    for path, change in diff.detailed.items():
        kind = f"{change.kind}_REPLACE" if change.replaces else str(change.kind)
        response.detailedDiff[path].kind = provider_pb2.PropertyDiff.Kind.Value(kind)
        response.detailedDiff[path].inputDiff = change.of_inputs
    return response


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The `ResourceProvider` service of the engine, for one provider."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    # Each public method below is one call of the engine's protocol and is named by it.
    # ruff: noqa: N802, D102

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        if request.engine_address:
            self._provider.report = EngineLog(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=self._provider.accept_secrets)

    def GetPluginInfo(
        self, _request: empty_pb2.Empty, _context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._provider.version)

    def GetSchema(
        self, _request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        with _errors(context):
            return provider_pb2.GetSchemaResponse(schema=json.dumps(self._provider.schema()))

    def GetMapping(
        self, _request: provider_pb2.GetMappingRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingResponse:
        return provider_pb2.GetMappingResponse()

    def GetMappings(
        self, _request: provider_pb2.GetMappingsRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingsResponse:
        return provider_pb2.GetMappingsResponse()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        with _errors(context):
            failures = self._provider.check_configuration(_variables(decode(request.news)))
            return provider_pb2.CheckResponse(
                inputs=request.news,
                failures=[
                    provider_pb2.CheckFailure(property=failure.property, reason=failure.reason)
                    for failure in failures
                ],
            )

    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        with _errors(context):
            old = _variables(decode(request.old_inputs or request.olds))
            return _diff_response(self._provider.diff_configuration(old, _variables(decode(request.news))))

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        with _errors(context):
            self._provider.configure(_variables(decode(request.args)))
            return provider_pb2.ConfigureResponse(
                acceptSecrets=self._provider.accept_secrets, supportsPreview=True
            )

    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        with _errors(context):
            checked = self._provider.check(
                _resource(request), decode(request.news), decode(request.olds), request.randomSeed
            )
            return provider_pb2.CheckResponse(
                inputs=encode(checked.inputs),
                failures=[
                    provider_pb2.CheckFailure(property=failure.property, reason=failure.reason)
                    for failure in checked.failures
                ],
            )

    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        with _errors(context):
            call = UpdateCall(
                resource=_resource(request),
                identity=request.id,
                old_inputs=decode(request.old_inputs),
                old_outputs=decode(request.olds),
                inputs=decode(request.news),
                ignore_changes=tuple(request.ignoreChanges),
            )
            return _diff_response(self._provider.diff(call))

    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        inputs = decode(request.properties)
        with _errors(context, inputs):
            identity, outputs = self._provider.create(
                _resource(request), inputs, preview=request.preview, timeout=request.timeout
            )
            return provider_pb2.CreateResponse(id=identity, properties=encode(keep_secrets(outputs, inputs)))

    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        inputs = decode(request.inputs)
        with _errors(context, inputs):
            found = self._provider.read(_resource(request), request.id, inputs, decode(request.properties))
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=found.identity,
                inputs=encode(keep_secrets(found.inputs, inputs)),
                properties=encode(keep_secrets(found.outputs, inputs)),
            )

    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        inputs = decode(request.news)
        with _errors(context, inputs):
            call = UpdateCall(
                resource=_resource(request),
                identity=request.id,
                old_inputs=decode(request.old_inputs),
                old_outputs=decode(request.olds),
                inputs=inputs,
                preview=request.preview,
                timeout=request.timeout,
                ignore_changes=tuple(request.ignoreChanges),
            )
            outputs = self._provider.update(call)
            return provider_pb2.UpdateResponse(properties=encode(keep_secrets(outputs, inputs)))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        with _errors(context):
            self._provider.delete(
                _resource(request),
                request.id,
                decode(request.old_inputs),
                decode(request.properties),
                timeout=request.timeout,
            )
            return empty_pb2.Empty()

    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        with _errors(context):
            response = provider_pb2.InvokeResponse()
            result = self._provider.invoke(request.tok, decode(request.args))
            getattr(response, "return").CopyFrom(encode(result))
            return response

    def Cancel(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._provider.cancel()
        return empty_pb2.Empty()


def _errors(context: grpc.ServicerContext, inputs: Properties | None = None) -> AbstractContextManager[None]:
    """Turn what a hook raises into what the engine understands."""

    @contextmanager
    def guard() -> Iterator[None]:
        try:
            yield
        except PartialFailureError as failure:
            _fail_partially(context, failure, inputs or {})
        except CancelledError as error:
            context.abort(grpc.StatusCode.CANCELLED, str(error))
        except ProviderError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:  # noqa: BLE001 - a bug must reach the person as one, not end the provider
            traceback.print_exc()
            context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")

    return guard()


def _fail_partially(context: grpc.ServicerContext, failure: PartialFailureError, inputs: Properties) -> None:
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=failure.identity,
            properties=encode(keep_secrets(failure.outputs, inputs)),
            inputs=encode(inputs if failure.inputs is None else keep_secrets(failure.inputs, inputs)),
            reasons=failure.reasons,
        )
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=str(failure), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, str(failure))


class EngineLog:
    """Sends lines to the engine, which shows them beside the resource; a dead engine is not an error."""

    def __init__(self, address: str) -> None:
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=CHANNEL_OPTIONS))

    def __call__(self, severity: Severity, message: str, urn: str = "", *, ephemeral: bool = False) -> None:
        """Show a line."""
        request = engine_pb2.LogRequest(
            severity=engine_pb2.LogSeverity.Value(str(severity)),
            message=message,
            urn=urn,
            ephemeral=ephemeral,
        )
        try:
            self._engine.Log(request, timeout=5)
        except grpc.RpcError:
            print(message, file=sys.stderr)  # noqa: T201 - the last place left to say it


def start(provider: Provider) -> tuple[grpc.Server, int]:
    """Serve a provider on a free loopback port; gives the server and the port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS), options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(provider), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def run_until_asked_to_stop(stop: Callable[[], _T], parent: int) -> _T:
    """Wait for SIGINT, SIGTERM or the death of the engine that started this process, then call `stop`.

    A provider whose engine was killed would otherwise stay for ever.

    Args:
        stop: ends what is served.
        parent: id of the process that started this one, taken before anything was printed.
    """
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    while not ended.wait(PARENT_CHECK_SECONDS):
        if os.getppid() != parent:
            break
    return stop()


def serve(provider: Provider) -> None:
    """Run as a plugin: print the port, serve until told to stop, leave quietly.

    The engine gives its own address as the first argument.
    """
    parent = os.getppid()
    gc.set_threshold(*COLLECTION)
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        provider.report = EngineLog(sys.argv[1])
    server, port = start(provider)
    print(port, flush=True)  # noqa: T201 - the plugin protocol: the engine reads the port here

    def stop() -> None:
        provider.cancel()
        server.stop(GRACE_SECONDS).wait(GRACE_SECONDS)

    run_until_asked_to_stop(stop, parent)
    sys.stdout.flush()
    os._exit(0)  # threads of a call that outlived its grace must not hold the process
