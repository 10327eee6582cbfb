"""Routes, their gateways, and which of Envoy Gateway's policies govern them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.pods import namespace_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource, Stack
    from policies.core.values import View

GATEWAYS: Final = (
    "kubernetes:gateway.networking.k8s.io/v1:Gateway",
    "kubernetes:gateway.networking.k8s.io/v1beta1:Gateway",
)
ROUTES: Final = (
    "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute",
    "kubernetes:gateway.networking.k8s.io/v1beta1:HTTPRoute",
    "kubernetes:gateway.networking.k8s.io/v1:GRPCRoute",
)


def parents_of(route: Resource, stack: Stack) -> list[Resource]:
    """The declared gateways that a route names."""
    return [
        gateway
        for gateway in stack.of(*GATEWAYS)
        if any(_is_parent(reference, route, gateway) for reference in route.at("spec", "parentRefs").items())
    ]


def _is_parent(reference: View, route: Resource, gateway: Resource) -> bool:
    namespace = reference.at("namespace")
    wanted = namespace.text() if namespace.present() else namespace_of(route).text()
    return (
        reference.at("kind").text() in {None, "Gateway"}
        and reference.at("name").text() == gateway.at("metadata", "name").text()
        and wanted == namespace_of(gateway).text()
    )


def listeners_open_to(gateway: Resource, listener: View, stack: Stack) -> list[Resource]:
    """The routes that a listener serves: those that name it, and those that name no listener at all."""
    name = listener.at("name").text()
    return [
        route
        for route in stack.of(*ROUTES)
        if any(
            _is_parent(reference, route, gateway) and reference.at("sectionName").text() in {None, name}
            for reference in route.at("spec", "parentRefs").items()
        )
    ]


def is_redirect(rule: View) -> bool:
    """Whether a rule of a route does nothing but send the caller to HTTPS."""
    filters = rule.at("filters").items()
    redirects = [held for held in filters if held.at("requestRedirect", "scheme").text() == "https"]
    return bool(redirects) and not rule.at("backendRefs").items()


class AttachedPolicies:
    """Policies of one type, by what they target."""

    def __init__(self, stack: Stack, token: str) -> None:
        """Take the policies of a type from a stack."""
        self._stack = stack
        self._policies = stack.of(token)

    def on(self, target: Resource) -> list[Resource]:
        """The policies that target a whole resource."""
        return [policy for policy in self._policies if self._targets(policy, target, sections=(None,))]

    def governing(self, route: Resource, rule: View) -> list[Resource]:
        """The policies in force for one rule of a route.

        The nearest wins, as Envoy Gateway merges none by default: the rule's own, else the route's, else
        those of the gateways, where each gateway has to have one.
        """
        name = rule.at("name").text() if rule.path.endswith("]") else None
        nearest = [
            policy for policy in self._policies if name and self._targets(policy, route, sections=(name,))
        ]
        nearest = nearest or self.on(route)
        if nearest:
            return nearest
        parents = parents_of(route, self._stack)
        inherited = [self.on(gateway) for gateway in parents]
        return [policy for held in inherited for policy in held] if all(inherited) else []

    def _targets(self, policy: Resource, target: Resource, *, sections: tuple[str | None, ...]) -> bool:
        kind = target.type.rpartition(":")[2]
        return namespace_of(policy).text() == namespace_of(target).text() and any(
            reference.at("kind").text() == kind
            and reference.at("name").text() == target.at("metadata", "name").text()
            and reference.at("sectionName").text() in sections
            for reference in _references(policy)
        )


def _references(policy: Resource) -> Iterator[View]:
    yield from policy.at("spec", "targetRefs").items()
    if policy.at("spec", "targetRef").present():
        yield policy.at("spec", "targetRef")
