"""The public paths of a service, and how the proxies treat the pods behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as kubernetes

if TYPE_CHECKING:
    from components.tags import Tags

ENVOY_API = "gateway.envoyproxy.io/v1alpha1"
GATEWAY_API = "gateway.networking.k8s.io/v1"

PUBLIC_PATHS = (
    {"type": "PathPrefix", "value": "/v1"},
    {"type": "PathPrefix", "value": "/v2"},
    {"type": "Exact", "value": "/openapi.json"},
)
"""All that the outside may ask for; metrics are on a port that no route names."""

RETRIES = 3
CONNECT_MILLISECONDS = 500


@dataclass(frozen=True)
class RouteLimits:
    """What the proxies allow on one route.

    Attributes:
        request_seconds: how long one request may take in all, retries included, default 10.
        maximum_body: largest request body, default 1Mi; larger ones are answered 413.
        maximum_connections: connections, requests at a time, and requests waiting, from each proxy, default
            1024; beyond it requests are answered 503 at once rather than piling up.
        requests_per_second: that each proxy lets through, default None: any number; more are answered 429.
            Envoy Gateway v1.8.0 refuses every number (envoyproxy/gateway#9186): it needs a later one.
    """

    request_seconds: int = 10
    maximum_body: str = "1Mi"
    maximum_connections: int = 1024
    requests_per_second: int | None = None


@dataclass(frozen=True)
class RouteArgs:
    """What a route needs to know.

    Attributes:
        tags: ownership.
        namespace: of the service, and of the route.
        route: name of the route in the cluster.
        gateway_name: the Gateway it hangs on.
        gateway_namespace: where that is.
        service_name: the Service in the same namespace.
        service_port: its port.
        ready_path: what the proxies ask each pod to learn whether it can serve.
        limits: see `RouteLimits`.
    """

    tags: Tags
    namespace: pulumi.Input[str]
    route: str
    gateway_name: pulumi.Input[str]
    gateway_namespace: pulumi.Input[str]
    service_name: pulumi.Input[str]
    service_port: int
    ready_path: str
    limits: RouteLimits = field(default_factory=RouteLimits)


class Route(pulumi.ComponentResource):
    """An HTTPRoute and its BackendTrafficPolicy.

    Attributes:
        route_name: the HTTPRoute in the cluster.
    """

    route_name: pulumi.Output[str]

    def __init__(self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Route", name, None, opts)
        self._prefix = name
        self._args = args
        route = self._create_route()
        self._create_backend_policy(route)
        self.route_name = route.id.apply(lambda _: args.route)
        self.register_outputs({"route_name": self.route_name})

    def _metadata(self) -> kubernetes.meta.v1.ObjectMetaArgs:
        args = self._args
        return kubernetes.meta.v1.ObjectMetaArgs(
            name=args.route, namespace=args.namespace, labels=args.tags.kubernetes("route")
        )

    def _create_route(self) -> kubernetes.apiextensions.CustomResource:
        args = self._args
        rule = {
            "matches": [{"path": path} for path in PUBLIC_PATHS],
            "backendRefs": [{"name": args.service_name, "port": args.service_port}],
            "timeouts": {"request": f"{args.limits.request_seconds}s"},
        }
        parent = {"name": args.gateway_name, "namespace": args.gateway_namespace}
        return kubernetes.apiextensions.CustomResource(
            f"{self._prefix}-http",
            api_version=GATEWAY_API,
            kind="HTTPRoute",
            metadata=self._metadata(),
            spec={"parentRefs": [parent], "rules": [rule]},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_backend_policy(
        self, route: kubernetes.apiextensions.CustomResource
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._prefix}-backend-policy",
            api_version=ENVOY_API,
            kind="BackendTrafficPolicy",
            metadata=self._metadata(),
            spec=backend_policy_spec(self._args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[route]),
        )


def backend_policy_spec(args: RouteArgs) -> dict[str, Any]:
    """How the proxies treat the pods (BackendTrafficPolicy, Envoy Gateway v1.8).

    A request is tried again where the pod can't have answered it: no connection, a connection that broke
    before the answer, a stream refused, or 503, which the service answers while it drains. A prediction is
    safe to ask for twice.
    """
    limit = args.limits.maximum_connections
    return {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": args.route}],
        "retry": {
            "numRetries": RETRIES,
            "retryOn": {
                "triggers": ["connect-failure", "reset", "refused-stream", "retriable-status-codes"],
                "httpStatusCodes": [503],
            },
            "perRetry": {"backOff": {"baseInterval": "25ms", "maxInterval": "250ms"}},
        },
        "timeout": {"tcp": {"connectTimeout": f"{CONNECT_MILLISECONDS}ms"}},
        "circuitBreaker": {
            "maxConnections": limit,
            "maxParallelRequests": limit,
            "maxPendingRequests": limit,
            "maxParallelRetries": limit,
        },
        "healthCheck": {
            "active": {
                "type": "HTTP",
                "timeout": "1s",
                "interval": "2s",
                "unhealthyThreshold": 2,
                "healthyThreshold": 1,
                "http": {"path": args.ready_path, "expectedStatuses": [200]},
            },
            "passive": {
                "interval": "2s",
                "baseEjectionTime": "5s",
                "consecutiveGatewayErrors": 3,
                "consecutive5XxErrors": 10,
                # With two pods one may be put aside, never both.
                "maxEjectionPercent": 50,
            },
        },
        "requestBuffer": {"limit": args.limits.maximum_body},
        **rate_limit(args.limits.requests_per_second),
    }


def rate_limit(requests: int | None) -> dict[str, Any]:
    """How many requests a second each proxy lets through, if there is a limit."""
    if requests is None:
        return {}
    return {
        "rateLimit": {
            "type": "Local",
            "local": {"rules": [{"limit": {"requests": requests, "unit": "Second"}}]},
        }
    }
