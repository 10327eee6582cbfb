"""What an environment costs in a month, estimated: its planned resources by a dated table of prices."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from local.errors import LocalError
from local.instance import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

TABLE = CHECKOUT / "data" / "aws-prices.yaml"

SIZES = {"nano": 1 / 16, "micro": 1 / 8, "small": 1 / 4, "medium": 1 / 2, "large": 1.0, "xlarge": 2.0}
"""Of an instance, in `large`: within a family AWS prices by size (EC2 and RDS price lists)."""

LOAD_BALANCER_MARK = "aws-load-balancer-type"
"""Annotation of a Service, for which the cluster's controller makes a load balancer outside of Pulumi."""

DEFAULT_NODE_DISK_GB = 20
"""What EKS gives a node that asks for nothing else."""


@dataclass(frozen=True)
class Item:
    """One line of the estimate.

    Attributes:
        what: in words.
        usd: a month, US dollars.
    """

    what: str
    usd: float


@dataclass(frozen=True)
class Estimate:
    """What a month costs.

    Attributes:
        items: the largest first.
        unpriced: types that the table neither prices nor calls free, with how many there are.
        table: the prices, with source, date and assumptions.
    """

    items: tuple[Item, ...]
    unpriced: Mapping[str, int]
    table: Mapping[str, Any]

    @property
    def usd(self) -> float:
        """The sum, US dollars a month."""
        return sum(item.usd for item in self.items)


class Prices:
    """The prices of one Region, and what is assumed of use."""

    def __init__(self, table: Mapping[str, Any], region: str) -> None:
        if region not in table["regions"]:
            raise LocalError(
                f"The price table has no prices of {region}; it knows {', '.join(table['regions'])}. "
                f"Add them to {TABLE.relative_to(CHECKOUT)}."
            )
        self._prices = table["regions"][region]
        self._hours = float(table["hours_per_month"])
        self.assumed: Mapping[str, float] = table["assumptions"]

    def month(self, name: str, quantity: float = 1.0) -> float:
        """So many of what is priced by the month, the gigabyte or the million."""
        return float(self._prices[name]) * quantity

    def hourly(self, name: str, quantity: float = 1.0) -> float:
        """So many, all month, of what is priced by the hour."""
        return float(self._prices[name]) * self._hours * quantity

    def instance(self, kind: str, table: str) -> float:
        """One instance, all month.

        Raises:
            LocalError: its family or size is not in the table.
        """
        family, _, size = kind.rpartition(".")
        multiple = re.fullmatch(r"(\d+)xlarge", size)
        factor = 2.0 * int(multiple[1]) if multiple else SIZES.get(size)
        price = self._prices[table].get(family)
        if factor is None or price is None:
            raise LocalError(
                f"The price table has no {kind} under {table}. Add its family, by the price of `large`, to "
                f"{TABLE.relative_to(CHECKOUT)}."
            )
        return float(price) * factor * self._hours


Inputs = dict[str, Any]


def _nodes(inputs: Inputs, prices: Prices) -> float:
    count = float((inputs.get("scalingConfig") or {}).get("desiredSize") or 1)
    kinds = inputs.get("instanceTypes") or ["t3.medium"]
    # A group may take any of its types; the dearest is what it may come to.
    instance = max(prices.instance(str(kind), "instance_large_hour") for kind in kinds)
    disk = prices.month("volume_gb_month", float(inputs.get("diskSize") or DEFAULT_NODE_DISK_GB))
    return count * (instance + disk)


def _database(inputs: Inputs, prices: Prices) -> float:
    copies = 2 if inputs.get("multiAz") else 1
    instance = prices.instance(str(inputs["instanceClass"]), "database_large_hour")
    return copies * (
        instance + prices.month("rds_storage_gb_month", float(inputs.get("allocatedStorage") or 20))
    )


def _endpoint(inputs: Inputs, prices: Prices) -> float:
    if inputs.get("vpcEndpointType") != "Interface":
        return 0.0
    subnets = inputs.get("subnetIds")
    zones = len(subnets) if isinstance(subnets, list) and subnets else prices.assumed["zones_per_endpoint"]
    return prices.hourly("interface_endpoint_zone_hour", zones)


def _table(inputs: Inputs, prices: Prices) -> float:
    assumed, size = prices.assumed, prices.assumed["gb_per_table"]
    copied = bool((inputs.get("pointInTimeRecovery") or {}).get("enabled"))
    return (
        prices.month("dynamodb_gb_month", size)
        + (prices.month("dynamodb_pitr_gb_month", size) if copied else 0.0)
        + prices.month("dynamodb_million_reads", assumed["million_reads_per_table"])
        + prices.month("dynamodb_million_writes", assumed["million_writes_per_table"])
    )


def _alarm(inputs: Inputs, prices: Prices) -> float:
    # An alarm on an expression is paid for by the metrics in it.
    metrics = sum("metric" in query for query in inputs.get("metricQueries") or [])
    return prices.month("alarm_month", metrics or 1)


def _log_group(inputs: Inputs, prices: Prices) -> float:
    size = prices.assumed["gb_logged_per_log_group"]
    months = float(inputs.get("retentionInDays") or 365) / 30
    return prices.month("log_gb_ingested", size) + prices.month("log_gb_month", size * months)


PRICED: Mapping[str, Callable[[Inputs, Prices], float]] = {
    "aws:kms/key:Key": lambda _inputs, prices: prices.month("kms_key_month"),
    "aws:kms/replicaKey:ReplicaKey": lambda _inputs, prices: prices.month("kms_key_month"),
    "aws:ec2/natGateway:NatGateway": lambda _inputs, prices: prices.hourly("nat_gateway_hour"),
    "aws:ec2/eip:Eip": lambda _inputs, prices: prices.hourly("public_address_hour"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:eks/cluster:Cluster": lambda _inputs, prices: prices.hourly("eks_cluster_hour"),
    "aws:eks/nodeGroup:NodeGroup": _nodes,
    "aws:rds/instance:Instance": _database,
    "aws:s3/bucket:Bucket": lambda _inputs, prices: prices.month(
        "s3_gb_month", prices.assumed["gb_per_bucket"]
    ),
    "aws:dynamodb/table:Table": _table,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/dashboard:Dashboard": lambda _inputs, prices: prices.month("dashboard_month"),
    "aws:cloudtrail/trail:Trail": lambda _inputs, prices: prices.month(
        "trail_100k_data_events", prices.assumed["trail_100k_data_events"]
    ),
    "aws:backup/vault:Vault": lambda _inputs, prices: prices.month(
        "backup_gb_month", prices.assumed["gb_backed_up"]
    ),
    "aws:secretsmanager/secret:Secret": lambda _inputs, prices: prices.month("secret_month"),
    "aws:ecr/repository:Repository": lambda _inputs, prices: prices.month(
        "registry_gb_month", prices.assumed["gb_per_repository"]
    ),
}
"""A month of one resource of a type."""


def load(path: Path = TABLE) -> dict[str, Any]:
    """The table."""
    return dict(yaml.safe_load(path.read_text()))


def estimate(plan: Mapping[str, Any], region: str, table: Mapping[str, Any]) -> Estimate:
    """What the resources of a plan cost.

    Args:
        plan: the engine's JSON of a preview from nothing, so that it names every resource.
        region: where they are.
        table: the prices.

    Raises:
        LocalError: the table has no price of the Region, or of an instance.
    """
    prices = Prices(table, region)
    planned = list(_planned(plan))
    counts = Counter(kind for kind, _ in planned)
    sums: dict[str, float] = {}
    for kind, inputs in planned:
        if kind in PRICED:
            sums[kind] = sums.get(kind, 0.0) + PRICED[kind](inputs, prices)
    items = [Item(f"{counts[kind]} of {kind}", usd) for kind, usd in sums.items()]
    balancers = sum(LOAD_BALANCER_MARK in str(inputs) for kind, inputs in planned if _is_kubernetes(kind))
    if balancers:
        usd = prices.hourly("load_balancer_hour", balancers)
        items.append(Item(f"{balancers} of network load balancer, which the cluster makes", usd))
    items.sort(key=lambda item: item.usd, reverse=True)
    return Estimate(tuple(items), _unpriced(counts, table["free"]), table)


def _planned(plan: Mapping[str, Any]) -> Iterator[tuple[str, Inputs]]:
    for step in plan.get("steps") or []:
        state = step.get("newState") or {}
        if state.get("custom"):
            yield state["type"], state.get("inputs") or {}


def _is_kubernetes(kind: str) -> bool:
    return kind.startswith("kubernetes:")


def _unpriced(counts: Mapping[str, int], free: Sequence[str]) -> dict[str, int]:
    return {
        kind: count
        for kind, count in sorted(counts.items())
        if kind.startswith("aws:") and kind not in PRICED and not kind.startswith(tuple(free))
    }
