"""How a call that botocore has written down reaches the emulator, and how its answer comes back.

botocore serialises the parameters and parses the answer, by its models of the API; that is what the stand-in
wants of it. Between the two it also signs, counts retries, and tells dozens of handlers of each step, which
on loopback takes longer than all else that the stand-in does. The emulator checks no signature: it reads key,
Region and service from the header that would carry one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3
from botocore.awsrequest import AWSResponse
from botocore.endpoint import convert_to_response_dict
from botocore.httpchecksum import apply_request_checksum
from botocore.parsers import create_parser

from local.emulator.calls import only_reads
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.client import BaseClient
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel
    from botocore.signers import RequestSigner

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 60
PAUSES: Final = (0.5, 1.0, 2.0)
"""Seconds between the tries of one call, while the emulator is restarting or drops the connection."""

UNSENT: Final = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
"""Failures before anything was sent. A connection that was closed while it lay idle is none: the pool looks
before it takes one, and makes a new one."""

POOL: Final = 64
"""Connections that are kept: one for each thread that serves the engine."""

BUSY: Final = frozenset({502, 503, 504})
UNDONE: Final = 503
"""Of these, the one that says that nothing was done; the others say that somebody got no answer either."""

AUTHORIZATION: Final = (
    "AWS4-HMAC-SHA256 Credential={key}/20000101/{region}/{service}/aws4_request, SignedHeaders=host, "
    "Signature=none"
)
"""What the emulator reads of a signature; day and signature are nobody's."""


class Exchange:
    """Requests to one emulator; safe to use from many threads.

    Args:
        endpoint: its address.
        access_key: who asks.
        wait: sleeps; raises when the engine asks to stop.
    """

    def __init__(self, endpoint: str, access_key: str, wait: Callable[[float], None]) -> None:
        self._endpoint = endpoint
        self._access_key = access_key
        self._wait = wait
        place = urlsplit(endpoint)
        self._origin = f"{place.scheme}://{place.netloc}/"
        self._pool = urllib3.connection_from_url(
            endpoint, maxsize=POOL, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        )

    def serve(self, client: BaseClient) -> None:
        """Take over what a client sends, after all of its own handlers; what goes by TLS stays botocore's."""
        if not self._origin.startswith("https:"):
            answer = partial(self._answer, client.meta.events)
            client.meta.events.register_last("before-call", answer)  # type: ignore[arg-type]  # an answer ends it

    def _answer(
        self,
        events: BaseEventHooks,
        *,
        model: OperationModel,
        params: dict[str, Any],
        request_signer: RequestSigner,
        context: dict[str, Any],
        **_more: object,
    ) -> tuple[AWSResponse, Any] | None:
        """The answer, raw and parsed; None leaves the call to botocore: streams are read as they come."""
        streams = model.has_streaming_input or model.has_streaming_output or model.has_event_stream_output
        if streams or not params["url"].startswith(self._origin):
            return None
        apply_request_checksum(params)
        headers = dict(params["headers"])
        if context.get("auth_type") != "none":
            headers["Authorization"] = self._scope(request_signer, context.get("signing") or {})
        body = params["body"]
        answer = self._send(
            model,
            params["method"],
            params["url"],
            urlencode(body, doseq=True) if isinstance(body, dict) else body or None,
            headers,
        )
        told = convert_to_response_dict(answer, model)
        added: dict[str, Any] = {}
        events.emit(
            f"before-parse.{model.service_model.service_id.hyphenize()}.{model.name}",
            operation_model=model,
            response_dict=told,
            customized_response_dict=added,
        )
        parser = create_parser(model.service_model.resolved_protocol)
        parsed = parser.parse(told, model.output_shape)  # type: ignore[arg-type]  # it takes None as well
        parsed.update(added)
        return answer, parsed

    def _scope(self, signer: RequestSigner, signing: Mapping[str, str]) -> str:
        region = signing.get("region") or signer.region_name
        service = signing.get("signing_name") or signer.signing_name
        return AUTHORIZATION.format(key=self._access_key, region=region, service=service)

    def _send(
        self,
        model: OperationModel,
        method: str,
        url: str,
        body: str | bytes | None,
        headers: Mapping[str, str],
    ) -> AWSResponse:
        """Send, again where that can't do anything twice.

        A change that was sent and not answered may have been done, and not every change can be done twice: a
        second CreateKey makes a second key. It fails, and the next update takes over what it made.
        """
        target = url[len(self._origin) - 1 :]
        reads = only_reads(model.name)
        for pause in (*PAUSES, None):
            try:
                response = self._pool.urlopen(
                    method,
                    target,
                    body=body,
                    headers=headers,
                    retries=False,
                    preload_content=False,
                    decode_content=False,
                )
                headers_told: Any = response.headers  # a mapping, whatever its class
                answer = AWSResponse(url, response.status, headers_told, response)
                answer.content  # noqa: B018 - reads it to the end, while the connection is there
            except urllib3.exceptions.HTTPError as error:
                if not reads and not isinstance(error, UNSENT):
                    raise self._broken_off(model, error) from error
                if pause is None:
                    raise unanswered(self._endpoint, error) from error
            else:
                busy = answer.status_code in BUSY if reads else answer.status_code == UNDONE
                if not busy or pause is None:
                    return answer
            self._wait(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _broken_off(self, model: OperationModel, error: Exception) -> ProviderError:
        return ProviderError(
            f"{model.service_model.service_name} {model.name}: the AWS emulator at {self._endpoint} gave no "
            f"answer ({type(error).__name__}), so it may have been done; it is not sent twice. "
            "Run the update again: that takes over what was made."
        )


def unanswered(endpoint: str, error: Exception) -> ProviderError:
    """What to say of an emulator that does not answer."""
    return ProviderError(
        f"The AWS emulator at {endpoint} does not answer ({type(error).__name__}, {len(PAUSES) + 1} tries). "
        "`make up` starts it."
    )
