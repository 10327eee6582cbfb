"""An emulator whose calls fail on demand: refused before anything happens, or done and never answered."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from local.emulator.calls import Call

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

CODE = "InjectedFault"
"""No code of AWS's own, so that nobody takes it for something to try again or for an absent thing."""
STATUS = "400 Bad Request"
JSON_HEADER = "HTTP_X_AMZ_TARGET"


class Fault(StrEnum):
    """How a call fails."""

    REFUSED = "refused"
    ANSWER_LOST = "done, and the connection closed without an answer"


class FaultyEmulator:
    """`with FaultyEmulator() as emulator: ...`; each kind of step fails once on demand."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._failed: set[str] = set()
        self.steps: Counter[str] = Counter()
        self._server = make_server("127.0.0.1", 0, self, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, fault: Fault) -> None:
        """From now on each kind of step fails once."""
        with self._lock:
            self._fault = fault
            self._failed = set()

    @property
    def failed(self) -> frozenset[str]:
        """The steps that failed since `fail`."""
        with self._lock:
            return frozenset(self._failed)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        step = _step(environ, body)
        fault = self._take(step) if step else None
        if fault is Fault.REFUSED:
            return _refuse(environ, start_response)
        answer = self._moto(environ, start_response)
        if fault is Fault.ANSWER_LOST:
            # What the server goes on to write comes to nothing, and it takes that for a client that has gone.
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return answer

    def _take(self, step: str) -> Fault | None:
        with self._lock:
            self.steps[step] += 1
            if self._fault is None or step in self._failed:
                return None
            self._failed.add(step)
            return self._fault


def _step(environ: dict[str, Any], body: bytes) -> str:
    """What kind of change a request makes, by service and operation; empty if none."""
    call = Call.of(environ, body)
    if not call.changes:
        return ""
    service = _service(environ)
    if call.operation != environ["REQUEST_METHOD"]:
        return f"{service} {call.operation}"
    # S3 names its operations by method, depth of the path and the subresource in the query.
    names = (pair.partition("=")[0] for pair in environ.get("QUERY_STRING", "").split("&"))
    depth = "object" if environ["PATH_INFO"].strip("/").count("/") else "bucket"
    return f"{service} {call.operation} {depth} {next(names)}".rstrip()


def _service(environ: dict[str, Any]) -> str:
    """As a signature names it; several services have operations of one name."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
    return str(scope[3]) if len(scope) > 3 else ""


def _refuse(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """In the words of the service's protocol."""
    text = "this step was made to fail"
    error = f"<Error><Code>{CODE}</Code><Message>{text}</Message></Error>"
    if JSON_HEADER in environ:
        content, kind = json.dumps({"__type": CODE, "message": text}), "application/x-amz-json-1.1"
    elif environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        content, kind = f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>", "text/xml"
    else:
        content, kind = error, "application/xml"
    start_response(STATUS, [("Content-Type", kind), ("Content-Length", str(len(content)))])
    return [content.encode()]
