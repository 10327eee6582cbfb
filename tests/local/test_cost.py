from __future__ import annotations

from typing import Any

import pytest

from local.cost import estimate, load
from local.errors import LocalError

TABLE = load()
REGION = "eu-central-1"


def plan(*resources: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "steps": [
            {"op": "create", "newState": {"type": kind, "custom": True, "inputs": inputs}}
            for kind, inputs in resources
        ]
    }


def test_every_region_has_the_same_prices_in_it() -> None:
    names = [set(prices) for prices in TABLE["regions"].values()]
    assert all(found == names[0] for found in names)


def test_a_key_costs_what_the_table_says() -> None:
    found = estimate(plan(("aws:kms/key:Key", {}), ("aws:kms/key:Key", {})), REGION, TABLE)
    assert found.usd == 2 * TABLE["regions"][REGION]["kms_key_month"]
    assert [item.what for item in found.items] == ["2 of aws:kms/key:Key"]


def test_an_interface_endpoint_costs_in_every_zone_and_a_gateway_one_nothing() -> None:
    interface = {"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]}
    one = estimate(
        plan(("aws:ec2/vpcEndpoint:VpcEndpoint", {**interface, "subnetIds": ["a"]})), REGION, TABLE
    )
    three = estimate(plan(("aws:ec2/vpcEndpoint:VpcEndpoint", interface)), REGION, TABLE)
    gateway = estimate(
        plan(("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Gateway"})), REGION, TABLE
    )
    assert three.usd == pytest.approx(3 * one.usd)
    assert gateway.usd == 0


@pytest.mark.parametrize(("size", "factor"), [("large", 1), ("xlarge", 2), ("4xlarge", 8), ("medium", 0.5)])
def test_nodes_are_priced_by_their_size(size: str, factor: float) -> None:
    def nodes(kind: str) -> float:
        group = {"scalingConfig": {"desiredSize": 1}, "instanceTypes": [kind], "diskSize": 1}
        return estimate(plan(("aws:eks/nodeGroup:NodeGroup", group)), REGION, TABLE).usd

    disk = TABLE["regions"][REGION]["volume_gb_month"]
    assert nodes(f"m6i.{size}") - disk == pytest.approx(factor * (nodes("m6i.large") - disk))


def test_a_second_database_in_another_zone_costs_as_much_again() -> None:
    def database(*, both: bool) -> float:
        inputs = {"instanceClass": "db.t4g.medium", "allocatedStorage": 50, "multiAz": both}
        return estimate(plan(("aws:rds/instance:Instance", inputs)), REGION, TABLE).usd

    assert database(both=True) == pytest.approx(2 * database(both=False))


def test_an_alarm_on_several_metrics_costs_as_much_as_one_on_each() -> None:
    def alarm(*queries: dict[str, Any]) -> float:
        inputs = {"metricQueries": list(queries)} if queries else {"metricName": "Errors"}
        return estimate(plan(("aws:cloudwatch/metricAlarm:MetricAlarm", inputs)), REGION, TABLE).usd

    metric = {"metric": {"metricName": "Errors"}}
    assert alarm(metric, metric, {"expression": "m0 + m1"}) == pytest.approx(2 * alarm())


def test_a_load_balancer_that_the_cluster_makes_is_counted() -> None:
    proxy = {"spec": {"annotations": {"service.beta.kubernetes.io/aws-load-balancer-type": "external"}}}
    found = estimate(plan(("kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy", proxy)), REGION, TABLE)
    assert found.usd > 0


def test_a_type_that_nobody_priced_is_named_and_one_that_is_free_is_not() -> None:
    found = estimate(plan(("aws:redshift/cluster:Cluster", {}), ("aws:iam/role:Role", {})), REGION, TABLE)
    assert found.unpriced == {"aws:redshift/cluster:Cluster": 1}


def test_an_instance_without_a_price_is_refused_with_the_remedy() -> None:
    group = {"instanceTypes": ["x9.large"]}
    with pytest.raises(LocalError, match=r"x9\.large.*aws-prices"):
        estimate(plan(("aws:eks/nodeGroup:NodeGroup", group)), REGION, TABLE)


def test_a_region_without_prices_is_refused_with_those_that_have_some() -> None:
    with pytest.raises(LocalError, match=r"mars-north-1.*eu-central-1"):
        estimate(plan(), "mars-north-1", TABLE)
