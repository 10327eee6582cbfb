"""The engine's gRPC messages, without the weight of the Pulumi SDK.

`import pulumi` takes most of a second of processor time, and every preview starts three of our programs. The
generated messages need none of it, so they are loaded from the SDK's folder under a package of our own.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        language_pb2,
        language_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )
else:
    _PACKAGE = "_plinth_pulumi_protocol"
    if _PACKAGE not in sys.modules:
        _specification = importlib.util.find_spec("pulumi")
        _package = types.ModuleType(_PACKAGE)
        _package.__path__ = [str(Path(_specification.origin).parent / "runtime" / "proto")]
        sys.modules[_PACKAGE] = _package
    engine_pb2 = importlib.import_module(f"{_PACKAGE}.engine_pb2")
    engine_pb2_grpc = importlib.import_module(f"{_PACKAGE}.engine_pb2_grpc")
    language_pb2 = importlib.import_module(f"{_PACKAGE}.language_pb2")
    language_pb2_grpc = importlib.import_module(f"{_PACKAGE}.language_pb2_grpc")
    plugin_pb2 = importlib.import_module(f"{_PACKAGE}.plugin_pb2")
    provider_pb2 = importlib.import_module(f"{_PACKAGE}.provider_pb2")
    provider_pb2_grpc = importlib.import_module(f"{_PACKAGE}.provider_pb2_grpc")
    status_pb2 = importlib.import_module(f"{_PACKAGE}.status_pb2")

__all__ = [
    "CHANNEL_OPTIONS",
    "engine_pb2",
    "engine_pb2_grpc",
    "language_pb2",
    "language_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
]

MAXIMUM_MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's own limit for one message."""

MAXIMUM_SECONDS_IN_QUEUE = 30 * 60
"""A request may wait this long for a free thread; gRPC's own 30 s fail an update that is only busy."""

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAXIMUM_MESSAGE_BYTES),
    ("grpc.server_max_unrequested_time_in_server", MAXIMUM_SECONDS_IN_QUEUE),
]
