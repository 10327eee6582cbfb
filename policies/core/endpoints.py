"""Checks of VPC endpoints: which there are, how they are called, and what passes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.core.documents import shown, statements
from policies.core.rules import Context, Problem
from policies.core.values import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.documents import Statement
    from policies.core.resources import Resource

ENDPOINT: Final = "aws:ec2/vpcEndpoint:VpcEndpoint"
OWNER_KEYS: Final = frozenset({"aws:resourceaccount", "aws:resourceorgid"})
"""Condition keys that tie a request to what accounts of ours own. They narrow an endpoint's policy only: in
the policy of a resource they say what is so anyway."""


def needed(vpc: Resource, context: Context) -> Iterator[Problem]:
    """A network has an endpoint for each service that the rule's setting names."""
    found = {
        (endpoint.at("serviceName").text() or "").split(".", 3)[-1]
        for endpoint in context.stack.referring(vpc, ENDPOINT, "vpcId")
    }
    missing = [service for service in context.names("services") if service not in found]
    if missing:
        yield Problem("<VpcEndpoint>", f"no endpoint for {', '.join(missing)}")


def private_names(endpoint: Resource, _context: Context) -> Iterator[Problem]:
    """An interface answers under the service's own name."""
    if (
        endpoint.at("vpcEndpointType").text() == "Interface"
        and endpoint.at("privateDnsEnabled").flag() is not True
    ):
        yield Problem("privateDnsEnabled", show(endpoint.at("privateDnsEnabled").value))


def only_ours(endpoint: Resource, _context: Context) -> Iterator[Problem]:
    """Every statement is tied to callers or to resources of ours, or reads layers of images."""
    held = statements(endpoint.at("policy"))
    if not held:
        yield Problem("policy", "absent: everything for everybody", "Allow what our own account may do.")
    service = endpoint.at("serviceName").text() or ""
    for statement in held:
        if statement.allows and statement.public and not _is_ours(statement, service):
            yield Problem(statement.path, shown(statement))


def _is_ours(statement: Statement, service: str) -> bool:
    return statement.narrowed or statement.narrowed_by(OWNER_KEYS) or _reads_layers(statement, service)


def _reads_layers(statement: Statement, service: str) -> bool:
    """Whether it allows to read layers of images where ECR keeps the endpoint's Region's, and nothing else.

    ECR's account signs for each of them (Amazon ECR interface VPC endpoints, ECR User Guide), so that no
    condition on our account could hold; and reading takes nothing away.
    """
    region = service.removeprefix("com.amazonaws.").removesuffix(".s3")
    layers = re.compile(rf"arn:aws[a-z-]*:s3:::prod-{re.escape(region)}-starport-layer-bucket/\*")
    return (
        set(statement.actions) == {"s3:getobject"}
        and not statement.all_actions_but
        and not statement.all_resources_but
        and bool(statement.resources)
        and all(layers.fullmatch(arn) for arn in statement.resources)
    )
