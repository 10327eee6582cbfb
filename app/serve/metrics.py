"""What Prometheus sees: on a port of its own, so that no public route can reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)

from app.errors import AppError

if TYPE_CHECKING:
    import threading
    from wsgiref.simple_server import WSGIServer

    from app.serve.readiness import Readiness

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds."""
PROBABILITY_BUCKETS = tuple(tenth / 10 for tenth in range(1, 11))


class MetricsError(AppError):
    """The metrics port can't be used."""


class Metrics:
    """The service's own registry; `observe_request` and `observe_prediction` are on the request's path."""

    def __init__(self, readiness: Readiness, *, model: str, version: str, sha256: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # has no types; doubles what is scraped
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "plinth_http_requests",
            "Requests answered; status 499: the caller hung up while sending, and got no answer",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "plinth_http_request_duration_seconds",
            "Time from request to answer, or until the caller hung up",
            ("route",),
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._probability = Histogram(
            "plinth_prediction_probability",
            "Probabilities answered; its count is the number of predictions",
            ("model", "version"),
            buckets=PROBABILITY_BUCKETS,
            registry=self.registry,
        ).labels(model, version)
        ready = Gauge("plinth_ready", "1 while the gateway should send requests", registry=self.registry)
        ready.set_function(lambda: float(readiness.ready))
        info = Gauge(
            "plinth_model_info", "The released model", ("model", "version", "sha256"), registry=self.registry
        )
        info.labels(model, version, sha256).set(1)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that is over."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = (self._requests.labels(method, route, status), self._seconds.labels(route))
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def observe_prediction(self, probability: float) -> None:
        """Count a prediction."""
        self._probability.observe(probability)

    def listen(self, host: str, port: int) -> MetricsListener:
        """Answer Prometheus until closed.

        Raises:
            MetricsError: the port can't be bound.
        """
        try:
            server, thread = start_http_server(port, host, self.registry)
        except OSError as error:
            raise MetricsError(
                f"The metrics port {port} on {host} can't be used: {error.strerror}. "
                "End what uses it, or set PLINTH_LISTEN_METRICS."
            ) from error
        return MetricsListener(server, thread)


class MetricsListener:
    """The running listener."""

    def __init__(self, server: WSGIServer, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread

    def close(self) -> None:
        """Stop answering and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
