"""Serve the AWS emulator on one address: `python -m local.emulator.server --host H --port P --memory DIR`.

moto's own server answers each request and then waits 10 ms for more bytes before it closes the
connection; this one keeps connections open and answers in one write, which is most of the difference
between 13 ms and 3 ms a call.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

# moto reads these once, at import.
os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"  # `aws-emulator...` is no bucket of that name
os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(
    1 << 40
)  # objects stay in memory, where a fork can see them
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from local.emulator.backup_plans import forget_deleted_plans
from local.emulator.conditions import leave_out_conditional_statements
from local.emulator.gate import Gate
from local.emulator.memory import SETTLE_SECONDS, Memory
from local.emulator.shortcuts import remember_methods

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURE = 500
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BODILESS = frozenset({"204", "304"})


class Handler(MotoRequestHandler):
    """HTTP/1.1 with connections that stay open, and answers that leave in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 75.0
    """Seconds after which an idle connection is closed; botocore opens a new one without an error."""

    def handle_expect_100(self) -> bool:
        """Ask for the body at once."""
        self.wfile.write(CONTINUE)
        return True

    def run_wsgi(self) -> None:
        """Read the whole request, let the application answer, write the whole answer."""
        environ = self.make_environ()
        if not environ.get("wsgi.input_terminated"):
            environ["wsgi.input"] = io.BytesIO(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        status, headers, chunks = "500 Internal Server Error", list[tuple[str, str]](), list[bytes]()

        def start_response(line: str, pairs: list[tuple[str, str]], _: object = None) -> Callable[..., None]:
            nonlocal status, headers
            status, headers = line, pairs
            return chunks.append

        try:
            chunks.extend(self.server.app(environ, start_response))
        except Exception:  # noqa: BLE001 - the client gets a 500, the log gets the reason, the server lives on
            traceback.print_exc()
            status, headers, chunks = "500 Internal Server Error", [], [b"the emulator failed; see its log\n"]
        self._send(status, headers, b"".join(chunks))

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        self.send_header("Date", self.date_time_string())
        named = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in {"connection", "date"}:
                self.send_header(name, value)
        if "content-length" not in named and code not in BODILESS:
            self.send_header("Content-Length", str(len(body)))
        if self.command != "HEAD" and code not in BODILESS:
            self._headers_buffer.extend([b"\r\n", body])
        else:
            self._headers_buffer.append(b"\r\n")
        self.flush_headers()
        if int(code) >= FAILURE:
            print(f"{self.command} {self.path} answered {status}", file=sys.stderr, flush=True)  # noqa: T201 - its log


class Server(ThreadedWSGIServer):
    """A thread for each connection; none of them holds up the end."""

    daemon_threads = True
    request_queue_size = 512
    block_on_close = False


def serve(host: str, port: int, folder: Path, settle: float) -> None:
    """Serve until SIGTERM, then write the last snapshot."""
    leave_out_conditional_statements()
    forget_deleted_plans()
    remember_methods()
    memory = Memory(folder, settle)
    server = Server(host, port, Gate(memory), handler=Handler)

    def end(*_: Any) -> None:  # noqa: ANN401 - a signal handler's arguments
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    gc.collect()
    gc.freeze()  # what is here now stays; the collector need not look at it again
    memory.start()
    print(f"serving on http://{host}:{server.port}", flush=True)  # noqa: T201 - the test and the log read it
    server.serve_forever()
    server.server_close()
    memory.close()


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description="The AWS emulator with kept memory.")
    parser.add_argument("--host", required=True, help="the one address to bind")
    parser.add_argument("--port", required=True, type=int, help="0 takes a free one and prints it")
    parser.add_argument(
        "--memory", required=True, type=Path, help="folder of the snapshot, for its owner only"
    )
    settle = "seconds of quiet after a change before a snapshot"
    parser.add_argument("--settle", type=float, default=SETTLE_SECONDS, help=settle)
    arguments = parser.parse_args()
    serve(arguments.host, arguments.port, arguments.memory, arguments.settle)


if __name__ == "__main__":
    main()
