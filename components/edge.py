"""The one way in: a Gateway, the Envoy proxies behind it, and what they refuse of clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as kubernetes

from app import contract
from components.platform import CONTROLLER_LABELS, METRICS_PORT, XDS_PORT
from components.proxies import PROXY_LABELS, Proxies
from components.route import ENVOY_API, GATEWAY_API
from components.traffic import ANYWHERE, from_namespace, network_policy, to_dns, to_networks, to_pods
from components.workspace import NAMESPACE_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.tags import Tags

CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
COMPONENT = "edge"

HTTP_PORT = 80
HTTPS_PORT = 443
CONTAINER_PORT_SHIFT = 10000
"""Envoy Gateway moves privileged ports up by this inside the proxies' pods, as they are not root."""


@dataclass(frozen=True)
class Authentication:
    """Whose tokens open the way in.

    Attributes:
        issuer: https address, exactly as it stands in the tokens.
        audiences: whom a token has to be issued for, at least one; a token for another service is refused.
        keys_url: where the issuer's public keys are (JWKS), https; the proxies fetch them, and without a way
            there they refuse every caller.
    """

    issuer: str
    audiences: Sequence[str]
    keys_url: str

    def __post_init__(self) -> None:
        """Refuse what would let anybody's tokens in."""
        for address in (self.issuer, self.keys_url):
            if not address.startswith("https://"):
                raise ValueError(
                    f"{address!r} is not an https:// address; whoever is on the way could put keys of their "
                    "own there. Correct authentication in plinth:edge."
                )
        if not self.audiences:
            raise ValueError(
                "Tokens for any audience would be accepted, also those that callers gave to other services. "
                "Name audiences in plinth:edge.authentication."
            )


@dataclass(frozen=True)
class EdgeArgs:
    """What the way in needs to know.

    Attributes:
        tags: ownership; the project in it names the GatewayClass, the EnvoyProxy and the Gateway.
        gateway_namespace: where Envoy Gateway starts the proxies.
        routes_namespace: the only namespace whose routes are accepted.
        monitoring_namespace: the only other namespace that may read the proxies' metrics.
        proxies: the Envoy proxies, and how they are reached.
        certificate_secret: TLS certificate and key, a Secret in `gateway_namespace` that somebody else makes:
            until it is there no proxies start, and the Gateway waits for them. None: the listener is plain
            HTTP, which `allow_plain_http` has to allow.
        allow_plain_http: default False; everything that passes can then be read and changed on its way.
        hostname: the only host name that is answered, default None: any.
        authentication: see `Authentication`, default None: whoever reaches the proxies may ask, which
            `allow_unknown_callers` has to allow.
        allow_unknown_callers: default False; anybody who reaches the proxies may then ask anything.
        backend_port: port of the pods behind the proxies, default the serving container's.
        request_seconds: how long a client may take to send a request, default 10.
        connection_idle_seconds: after how long an unused client connection is closed, default 300. Shorter
            than a client's own keep-alive, it makes requests fail that meet the closing.
    """

    tags: Tags
    gateway_namespace: pulumi.Input[str]
    routes_namespace: pulumi.Input[str]
    monitoring_namespace: str
    proxies: Proxies
    certificate_secret: str | None = None
    allow_plain_http: bool = False
    hostname: str | None = None
    authentication: Authentication | None = None
    allow_unknown_callers: bool = False
    backend_port: int = contract.SERVING_PORT
    request_seconds: int = 10
    connection_idle_seconds: int = 300

    def __post_init__(self) -> None:
        """Refuse an edge that is open by mistake."""
        if self.certificate_secret is None and not self.allow_plain_http:
            raise ValueError(
                "The edge has no certificate, and plain HTTP is not allowed. Name a TLS Secret in "
                "certificateSecret, or accept the risk with allowPlainHttp: true, in plinth:edge."
            )
        if self.certificate_secret is not None and self.allow_plain_http:
            raise ValueError(
                f"allowPlainHttp: true contradicts certificateSecret: {self.certificate_secret}; with a "
                "certificate there is no plain listener. Leave out one of them in plinth:edge."
            )

        if (self.authentication is None) != self.allow_unknown_callers:
            raise ValueError(
                f"authentication: {self.authentication} with allowUnknownCallers: "
                f"{str(self.allow_unknown_callers).lower()}; either callers show a token, or it is said that "
                "they needn't. Name issuer, audiences and keysUrl under authentication, or accept the risk "
                "with allowUnknownCallers: true, in plinth:edge."
            )

    @property
    def listener_port(self) -> int:
        """Port that the Gateway listens on, of the Service that fronts it."""
        return HTTPS_PORT if self.certificate_secret else HTTP_PORT


class Edge(pulumi.ComponentResource):
    """A Gateway of its own class.

    Attributes:
        gateway_name: what routes name as their parent.
        gateway_namespace: where it is.
        node_port: port on every node, None behind a load balancer.
    """

    gateway_name: pulumi.Output[str]
    gateway_namespace: pulumi.Output[str]
    node_port: int | None

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Edge", name, None, opts)
        self._prefix = name
        self._args = args
        self._object = args.tags.project
        policies = [self._create_network_policy()]
        proxy = self._create_proxy()
        gateway_class = self._create_class(proxy)
        gateway = self._create_gateway(gateway_class, policies)
        guards = [self._create_client_policy(gateway)]
        if args.authentication is not None:
            guards.append(self._create_authentication(gateway, args.authentication))
        self.gateway_namespace = pulumi.Output.from_input(args.gateway_namespace)
        self.gateway_name = pulumi.Output.all(
            self._object, gateway.id, *[guard.id for guard in guards]
        ).apply(lambda values: str(values[0]))
        self.node_port = args.proxies.node_port
        self.register_outputs(
            {
                "gateway_name": self.gateway_name,
                "gateway_namespace": self.gateway_namespace,
                "node_port": self.node_port,
            }
        )

    def _metadata(
        self, name: str, annotations: Mapping[str, str] | None = None
    ) -> kubernetes.meta.v1.ObjectMetaArgs:
        return kubernetes.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=self._args.gateway_namespace,
            labels=self._args.tags.kubernetes(COMPONENT),
            annotations=dict(annotations) if annotations else None,
        )

    def _create_proxy(self) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._prefix}-proxy",
            api_version=ENVOY_API,
            kind="EnvoyProxy",
            metadata=self._metadata(self._object),
            spec=self._args.proxies.spec(self._args.listener_port),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_class(
        self, proxy: kubernetes.apiextensions.CustomResource
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._prefix}-class",
            api_version=GATEWAY_API,
            kind="GatewayClass",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=self._object, labels=self._args.tags.kubernetes(COMPONENT)
            ),
            spec={
                "controllerName": CONTROLLER,
                "parametersRef": {
                    "group": "gateway.envoyproxy.io",
                    "kind": "EnvoyProxy",
                    "name": self._object,
                    "namespace": self._args.gateway_namespace,
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[proxy]),
        )

    def _create_gateway(
        self,
        gateway_class: kubernetes.apiextensions.CustomResource,
        policies: list[kubernetes.networking.v1.NetworkPolicy],
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._prefix}-gateway",
            api_version=GATEWAY_API,
            kind="Gateway",
            # Programmed means that proxies are ready and have the configuration; created means nothing.
            metadata=self._metadata(self._object, {"pulumi.com/waitFor": "condition=Programmed"}),
            spec={"gatewayClassName": self._object, "listeners": [listener(self._args)]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway_class, *policies]),
        )

    def _create_client_policy(
        self, gateway: kubernetes.apiextensions.CustomResource
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._prefix}-client-policy",
            api_version=ENVOY_API,
            kind="ClientTrafficPolicy",
            metadata=self._metadata(self._object),
            spec=client_policy_spec(self._args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
        )

    def _create_network_policy(self) -> kubernetes.networking.v1.NetworkPolicy:
        """Clients to the listener; from there to the controller, to the services, and to who issues tokens.

        That everything else is refused is the add-on's own policy on the whole namespace.
        """
        args = self._args
        clients = kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(
            ports=[
                kubernetes.networking.v1.NetworkPolicyPortArgs(
                    protocol="TCP", port=args.listener_port + CONTAINER_PORT_SHIFT
                )
            ]
        )
        callers = args.authentication
        keys = [to_networks([ANYWHERE], urlsplit(callers.keys_url).port or HTTPS_PORT)] if callers else []
        return network_policy(
            f"{self._prefix}-proxies",
            self._metadata("proxies"),
            self,
            pods=PROXY_LABELS,
            ingress=[clients, from_namespace(args.monitoring_namespace, METRICS_PORT)],
            egress=[
                to_dns(),
                to_pods(CONTROLLER_LABELS, XDS_PORT),
                to_pods({}, args.backend_port, namespace=args.routes_namespace),
                *keys,
            ],
        )

    def _create_authentication(
        self, gateway: kubernetes.apiextensions.CustomResource, authentication: Authentication
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{self._prefix}-authentication",
            api_version=ENVOY_API,
            kind="SecurityPolicy",
            metadata=self._metadata(self._object),
            spec=authentication_spec(self._args, authentication),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
        )


def listener(args: EdgeArgs) -> dict[str, Any]:
    """The Gateway's one listener: HTTPS, or plain HTTP where that was allowed."""
    routes = {
        "namespaces": {
            "from": "Selector",
            "selector": {"matchLabels": {NAMESPACE_LABEL: args.routes_namespace}},
        }
    }
    common = {"port": args.listener_port, "allowedRoutes": routes}
    host = {"hostname": args.hostname} if args.hostname else {}
    if args.certificate_secret is None:
        return {"name": "http", "protocol": "HTTP", **common, **host}
    tls = {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": args.certificate_secret}]}
    return {"name": "https", "protocol": "HTTPS", **common, **host, "tls": tls}


def client_policy_spec(args: EdgeArgs) -> dict[str, Any]:
    """What the proxies refuse of clients (ClientTrafficPolicy, Envoy Gateway v1.8)."""
    tls = {"tls": {"minVersion": "1.2"}} if args.certificate_secret else {}
    return {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": args.tags.project}],
        "timeout": {
            "http": {
                "requestReceivedTimeout": f"{args.request_seconds}s",
                "idleTimeout": f"{args.connection_idle_seconds}s",
            }
        },
        # An encoded slash is how a path slips past the routes that were meant to hold it.
        "path": {"escapedSlashesAction": "RejectRequest", "disableMergeSlashes": False},
        "headers": {"withUnderscoresAction": "RejectRequest"},
        **tls,
    }


def authentication_spec(args: EdgeArgs, authentication: Authentication) -> dict[str, Any]:
    """Who is let in, on every route of the Gateway (SecurityPolicy, Envoy Gateway v1.8)."""
    provider = {
        "name": "callers",
        "issuer": authentication.issuer,
        "audiences": list(authentication.audiences),
        "remoteJWKS": {"uri": authentication.keys_url},
    }
    return {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": args.tags.project}],
        "jwt": {"providers": [provider]},
    }
