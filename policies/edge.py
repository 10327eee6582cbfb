"""The way in: TLS 1.2 or later, callers known, rates limited, no way round the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import (
    IS_FALSE,
    Expect,
    equals,
    forbidden_types,
    property_rule,
    resource_rule,
    stack_rule,
)
from policies.core.gateway import (
    GATEWAYS,
    ROUTES,
    AttachedPolicies,
    is_redirect,
    listeners_open_to,
    parents_of,
)
from policies.core.rules import REQUIRED, Context, Problem, Rule, Setting, Severity, Topic
from policies.core.values import View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

SECURITY_POLICY: Final = "kubernetes:gateway.envoyproxy.io/v1alpha1:SecurityPolicy"
TRAFFIC_POLICY: Final = "kubernetes:gateway.envoyproxy.io/v1alpha1:BackendTrafficPolicy"
CLIENT_POLICY: Final = "kubernetes:gateway.envoyproxy.io/v1alpha1:ClientTrafficPolicy"
SERVICE: Final = "kubernetes:core/v1:Service"
WAYS_ROUND: Final = (
    "kubernetes:networking.k8s.io/v1:Ingress",
    "kubernetes:gateway.networking.k8s.io/v1alpha2:TCPRoute",
    "kubernetes:gateway.networking.k8s.io/v1alpha2:UDPRoute",
    "kubernetes:gateway.networking.k8s.io/v1alpha2:TLSRoute",
    "kubernetes:gateway.networking.k8s.io/v1alpha3:TLSRoute",
)
LOAD_BALANCER: Final = "aws:lb/loadBalancer:LoadBalancer"
LISTENER: Final = "aws:lb/listener:Listener"
DISTRIBUTION: Final = "aws:cloudfront/distribution:Distribution"
WAF: Final = "aws:wafv2/webAclAssociation:WebAclAssociation"
USER_POOL: Final = "aws:cognito/userPool:UserPool"
IDENTITY_POOL: Final = "aws:cognito/identityPool:IdentityPool"
OPEN_PATHS: Final = ("/v2/health/live", "/v2/health/ready")
NOTHING_OF_THIS_KIND: Final = "no environment declares one yet"


def _only_https(gateway: Resource, context: Context) -> Iterator[Problem]:
    for listener in gateway.at("spec", "listeners").items():
        protocol = listener.at("protocol").text()
        if protocol == "HTTP":
            routes = listeners_open_to(gateway, listener, context.stack)
            if not routes or not all(
                is_redirect(rule) for route in routes for rule in route.at("spec", "rules").items()
            ):
                yield Problem(
                    listener.at("protocol").path, "HTTP", "Serve HTTPS; keep HTTP for redirects only."
                )
        elif protocol not in {"HTTPS", "TLS"}:
            yield Problem(listener.at("protocol").path, show(listener.at("protocol").value))
        elif (
            listener.at("tls", "mode").text() not in {None, "Terminate"}
            or not listener.at("tls", "certificateRefs").items()
        ):
            yield Problem(
                listener.at("tls").path, show(listener.at("tls").value), "Terminate TLS with a certificate."
            )
    if not gateway.at("spec", "listeners").items():
        yield Problem("spec.listeners", "absent")


def _tls_minimum(gateway: Resource, context: Context) -> Iterator[Problem]:
    policies = AttachedPolicies(context.stack, CLIENT_POLICY).on(gateway)
    for policy in policies:
        view = policy.at("spec", "tls", "minVersion")
        if view.text() not in {"1.2", "1.3"}:
            yield Problem(f"<{policy.name}>.{view.path}", show(view.value), "Set it to 1.2 or 1.3.")
    if not policies and any(
        listener.at("protocol").text() in {"HTTPS", "TLS"}
        for listener in gateway.at("spec", "listeners").items()
    ):
        yield Problem("<ClientTrafficPolicy>", "absent")


def _authenticates(policy: Resource) -> bool:
    spec = policy.at("spec")
    if spec.at("jwt", "providers").items() and spec.at("jwt", "optional").flag() is not True:
        return True
    return any(bool(spec.at(kind).mapping()) for kind in ("oidc", "apiKeyAuth", "basicAuth", "extAuth"))


def _limits(policy: Resource) -> bool:
    spec = policy.at("spec", "rateLimit")
    return any(
        rule.at("limit", "requests").number()
        for kind in ("global", "local")
        for rule in spec.at(kind, "rules").items()
    )


def _is_open_path(rule: View, context: Context) -> bool:
    matches = rule.at("matches").items()
    return bool(matches) and all(
        match.at("path", "type").text() == "Exact"
        and match.at("path", "value").text() in context.names("open_paths")
        for match in matches
    )


def _authenticated(route: Resource, context: Context) -> Iterator[Problem]:
    attached = AttachedPolicies(context.stack, SECURITY_POLICY)
    for rule in route.at("spec", "rules").items() or [route.at("spec", "rules")]:
        if rule.path.endswith("]") and (is_redirect(rule) or _is_open_path(rule, context)):
            continue
        governing = attached.governing(route, rule)
        if not governing or not all(_authenticates(policy) for policy in governing):
            yield Problem(rule.path, "reached without authentication")


def _rate_limited(route: Resource, context: Context) -> Iterator[Problem]:
    attached = AttachedPolicies(context.stack, TRAFFIC_POLICY)
    for rule in route.at("spec", "rules").items() or [route.at("spec", "rules")]:
        if rule.path.endswith("]") and (is_redirect(rule) or _is_open_path(rule, context)):
            continue
        governing = attached.governing(route, rule)
        if not governing or not all(_limits(policy) for policy in governing):
            yield Problem(rule.path, "reached at any rate")


def _known_parents(route: Resource, context: Context) -> Iterator[Problem]:
    if not parents_of(route, context.stack):
        yield Problem("spec.parentRefs", show(route.at("spec", "parentRefs").value))


def _inside_only(service: Resource, _context: Context) -> Iterator[Problem]:
    kind = service.at("spec", "type")
    if kind.text() not in {None, "ClusterIP"}:
        yield Problem(kind.path, show(kind.value), "Use ClusterIP and a route of the gateway.")
    if service.at("spec", "externalIPs").items():
        yield Problem("spec.externalIPs", show(service.at("spec", "externalIPs").value))


def _behind_waf(front: Resource, context: Context) -> Iterator[Problem]:
    if front.type == DISTRIBUTION:
        if not front.at("webAclId").text():
            yield Problem("webAclId", "absent")
        return
    application = front.at("loadBalancerType").text() in {None, "application"}
    public = front.at("internal").flag() is not True
    if application and public and not context.stack.referring(front, WAF, "resourceArn"):
        yield Problem("<WebAclAssociation>", "absent")


def _modern_listener(listener: Resource, _context: Context) -> Iterator[Problem]:
    protocol, policy = listener.at("protocol").text(), listener.at("sslPolicy")
    if protocol in {"HTTPS", "TLS"}:
        if not (policy.text() or "").startswith(
            ("ELBSecurityPolicy-TLS13-1-2", "ELBSecurityPolicy-TLS13-1-3")
        ):
            yield Problem(
                policy.path, show(policy.value), "Choose a policy of the family ELBSecurityPolicy-TLS13-1-2."
            )
        return
    actions = listener.at("defaultActions").items()
    redirects = actions and all(
        action.at("type").text() == "redirect" and action.at("redirect", "protocol").text() == "HTTPS"
        for action in actions
    )
    if protocol not in {"TCP", "TLS"} and not redirects:
        yield Problem("protocol", show(listener.at("protocol").value), "Serve HTTPS, or redirect to it.")


RULES: Final[tuple[Rule, ...]] = (
    stack_rule(
        "edge-https-only",
        GATEWAYS,
        _only_https,
        title="The gateway serves HTTPS; plain HTTP only redirects",
        topic=Topic.TRANSMISSION,
        severity=Severity.CRITICAL,
        public_ids=("ELB.1", "ELB.3"),
        remediation="Use HTTPS listeners with a certificate.",
        settings=REQUIRED,
    ),
    stack_rule(
        "edge-tls-minimum",
        GATEWAYS,
        _tls_minimum,
        title="The gateway speaks TLS 1.2 or later",
        topic=Topic.TRANSMISSION,
        severity=Severity.HIGH,
        public_ids=("ELB.17",),
        reads=(CLIENT_POLICY,),
        remediation="Target the gateway by a ClientTrafficPolicy with tls.minVersion.",
        settings=REQUIRED,
    ),
    stack_rule(
        "edge-known-gateway",
        ROUTES,
        _known_parents,
        title="Every route belongs to a gateway that is declared, so that it can be judged",
        topic=Topic.ACCESS,
        severity=Severity.MEDIUM,
        remediation="Name a Gateway of the stack in parentRefs.",
    ),
    stack_rule(
        "edge-authentication",
        ROUTES,
        _authenticated,
        title="Every route but health demands to know its caller",
        topic=Topic.AUTHENTICATION,
        severity=Severity.CRITICAL,
        public_ids=("APIGateway.8",),
        reads=(SECURITY_POLICY,),
        remediation="Target the route or its gateway by a SecurityPolicy that authenticates.",
        settings={**REQUIRED, "open_paths": Setting(OPEN_PATHS, "exact paths that anybody may ask for")},
    ),
    stack_rule(
        "edge-rate-limit",
        ROUTES,
        _rate_limited,
        title="Every route but health has a limit of requests",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        reads=(TRAFFIC_POLICY,),
        remediation="Target the route or its gateway by a BackendTrafficPolicy with rateLimit.",
        settings={**REQUIRED, "open_paths": Setting(OPEN_PATHS, "exact paths without a limit")},
    ),
    resource_rule(
        "edge-no-direct-service",
        (SERVICE,),
        _inside_only,
        title="Services are reached inside the cluster only; the gateway is the way in",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        remediation="Use type ClusterIP without externalIPs.",
    ),
    forbidden_types(
        "edge-no-way-round",
        WAYS_ROUND,
        title="Nothing leads past the gateway's authentication and limits",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        remediation="Use an HTTPRoute.",
    ),
    stack_rule(
        "edge-waf",
        (LOAD_BALANCER, DISTRIBUTION),
        _behind_waf,
        title="A public load balancer that reads HTTP stands behind a web firewall",
        topic=Topic.HARDENING,
        severity=Severity.HIGH,
        public_ids=("ELB.16", "CloudFront.6", "CKV2_AWS_28"),
        reads=(WAF,),
        remediation="Associate a web ACL with it.",
        dormant="the network load balancer passes TCP; only a user's own load balancer reads HTTP",
    ),
    resource_rule(
        "edge-listener-tls",
        (LISTENER,),
        _modern_listener,
        title="Load balancers speak TLS 1.2 or later, pass TCP, or redirect to HTTPS",
        topic=Topic.TRANSMISSION,
        severity=Severity.HIGH,
        public_ids=("ELB.1", "ELB.17", "CKV_AWS_103"),
        remediation="Choose a modern sslPolicy.",
        dormant="the load balancer's listeners are made by its controller, not by the stack",
    ),
    property_rule(
        "edge-threat-protection",
        (USER_POOL,),
        ("userPoolAddOns", "advancedSecurityMode"),
        equals("ENFORCED"),
        title="User pools block sign-ins that look stolen",
        topic=Topic.AUTHENTICATION,
        severity=Severity.MEDIUM,
        public_ids=("Cognito.1",),
        remediation="Set userPoolAddOns.advancedSecurityMode to ENFORCED.",
        dormant="callers bring tokens of the organisation's own issuer; no environment has a user pool",
        settings=REQUIRED,
    ),
    property_rule(
        "edge-invited-users",
        (USER_POOL,),
        ("adminCreateUserConfig", "allowAdminCreateUserOnly"),
        Expect("true", lambda view, _: view.flag() is True),
        title="Nobody signs up by themselves",
        topic=Topic.AUTHENTICATION,
        severity=Severity.HIGH,
        remediation="Set adminCreateUserConfig.allowAdminCreateUserOnly to true.",
        dormant="callers bring tokens of the organisation's own issuer; no environment has a user pool",
    ),
    property_rule(
        "edge-no-guests",
        (IDENTITY_POOL,),
        ("allowUnauthenticatedIdentities",),
        IS_FALSE,
        title="No identity pool hands out credentials to guests",
        topic=Topic.AUTHENTICATION,
        severity=Severity.CRITICAL,
        public_ids=("Cognito.2", "CKV_AWS_366"),
        remediation="Set allowUnauthenticatedIdentities to false.",
        dormant=NOTHING_OF_THIS_KIND,
    ),
)
