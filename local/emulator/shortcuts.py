"""What moto finds out anew for every request, though it can't change: found out once.

For each request moto lists its own folder, matches the host against the patterns of all its services, and
inspects the whole class that will answer; for EC2 alone the last takes milliseconds.
"""

from __future__ import annotations

import functools
from typing import Any

from moto.core import responses
from moto.core.utils import method_names_from_class
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

HOSTS = 1024
"""Hosts that are remembered: one for each service and Region."""


class Dispatcher(DomainDispatcherApplication):
    """moto's own choice of the service that a request is for, remembered by the host that it infers."""

    def __init__(self, create_app: Any) -> None:  # noqa: ANN401 - as moto has it
        super().__init__(create_app)
        self._backend_for_host = functools.lru_cache(maxsize=HOSTS)(super().get_backend_for_host)

    def get_backend_for_host(self, host: str | None) -> Any:  # noqa: ANN401 - as above
        """Name of the service that answers for a host."""
        return self._backend_for_host(host)


def remember_methods() -> None:
    """Let the operations that a class answers be listed once."""
    # moto looks for them here, and asks only whether a name is among them.
    responses.method_names_from_class = functools.cache(_methods)  # type: ignore[attr-defined,assignment]


def _methods(kind: type) -> frozenset[str]:
    return frozenset(method_names_from_class(kind))
