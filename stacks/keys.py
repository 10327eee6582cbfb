"""Which keys an environment needs, for which data, and which AWS services use them for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components import cluster, model_registry
from components.audit import trail_arn
from components.encryption import KeyDomain, ServiceUse
from components.key_services import log_groups, node_disks, publisher, trail
from components.monitoring import PUBLISHER
from components.tags import DataClass

if TYPE_CHECKING:
    from components.tags import Tags
    from stacks.schema import Settings


def key_domains(settings: Settings) -> dict[KeyDomain, DataClass]:
    """The domains in use, with the most sensitive data of each."""
    records = settings.data.classification
    wanted = {
        KeyDomain.DATA: (records, True),
        KeyDomain.ARTIFACTS: (DataClass.CONFIDENTIAL, True),
        KeyDomain.RECORDS: (records, True),
        KeyDomain.LOGS: (
            DataClass.CONFIDENTIAL,
            settings.audit or settings.monitoring or settings.network,
        ),
        KeyDomain.MESSAGES: (records, settings.monitoring or settings.oversight),
        KeyDomain.BACKUPS: (records, settings.recovery),
        KeyDomain.CLUSTER: (records, settings.cluster),
        KeyDomain.REGISTRY: (DataClass.CONFIDENTIAL, settings.model_registry),
    }
    return {domain: data_class for domain, (data_class, section) in wanted.items() if section}


def service_uses(settings: Settings, tags: Tags) -> dict[KeyDomain, list[ServiceUse]]:
    """The services, each bound to this environment's own resources."""
    prefixes = [tags.log_prefix]
    if settings.cluster:
        prefixes += cluster.log_group_names(tags)
    if settings.model_registry:
        prefixes += model_registry.log_group_names(tags)
    logs = [log_groups(settings.account_id, settings.region, *prefixes)]
    if settings.audit:
        logs.append(trail(trail_arn(tags, settings.account_id, settings.region)))
    return {
        KeyDomain.LOGS: logs,
        KeyDomain.MESSAGES: [publisher(PUBLISHER, settings.account_id)],
        KeyDomain.CLUSTER: node_disks(settings.account_id),
    }


def grantors(settings: Settings) -> dict[KeyDomain, list[str]]:
    """Who may give grants on a key not only to AWS services: whoever makes the cluster, on the cluster's."""
    return {KeyDomain.CLUSTER: settings.cluster.administrators} if settings.cluster else {}
