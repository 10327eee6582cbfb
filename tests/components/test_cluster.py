from __future__ import annotations

import json
from typing import Any

import pytest
from factories import ACCOUNT, KEY_ARN, NODES, cluster, cluster_args, tags
from recording import record, statements

from components.add_ons import AddOnsArgs
from components.cluster import log_group_names
from components.node_group import Nodes


def eks(**overrides: Any) -> dict[str, Any]:
    return record(lambda: cluster(**overrides)).one("aws:eks/cluster:Cluster").inputs


def test_the_api_server_answers_inside_the_network_only() -> None:
    access = eks()["vpcConfig"]
    assert access["endpointPrivateAccess"] is True
    assert access["endpointPublicAccess"] is False


def test_who_may_use_the_cluster_is_said_by_access_entries_alone() -> None:
    recording = record(cluster)
    assert recording.one("aws:eks/cluster:Cluster").inputs["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    entry = recording.one("AccessEntry").inputs
    policy = recording.one("AccessPolicyAssociation").inputs
    assert entry["principalArn"] == policy["principalArn"] == f"arn:aws:iam::{ACCOUNT}:role/deploy"


def test_it_names_the_group_that_eks_makes_for_nodes_and_pods() -> None:
    assert record(lambda: {"group": cluster().group_id}).result == {"group": "sg-plinth-test"}


def test_addresses_of_services_are_known_beforehand() -> None:
    assert eks()["kubernetesNetworkConfig"] == {"serviceIpv4Cidr": "172.20.0.0/16"}


def test_secrets_are_sealed_under_our_key() -> None:
    assert eks()["encryptionConfig"] == {"provider": {"keyArn": KEY_ARN}, "resources": ["secrets"]}


def test_the_control_plane_logs_all_it_can_into_groups_that_are_encrypted_and_end() -> None:
    recording = record(cluster)
    assert len(recording.one("aws:eks/cluster:Cluster").inputs["enabledClusterLogTypes"]) == 5
    groups = {group.inputs["name"]: group.inputs for group in recording.of("logGroup:LogGroup")}
    assert set(groups) == set(log_group_names(tags()))
    assert all(group["kmsKeyId"] == KEY_ARN for group in groups.values())
    assert all(group["retentionInDays"] == 365 for group in groups.values())


def test_only_bearers_of_the_access_group_and_named_networks_reach_the_api_server() -> None:
    recording = record(lambda: cluster(access_networks=["10.99.0.0/24"]))
    rules = [rule.inputs for rule in recording.of("SecurityGroupIngressRule")]
    sources = {rule.get("referencedSecurityGroupId") or rule.get("cidrIpv4") for rule in rules}
    assert sources == {"cluster-access-group-id", "10.99.0.0/24"}
    assert {(rule["fromPort"], rule["toPort"], rule["ipProtocol"]) for rule in rules} == {(443, 443, "tcp")}


def test_nodes_give_no_credentials_to_pods_and_nobody_logs_in() -> None:
    recording = record(cluster)
    template = recording.one("LaunchTemplate").inputs
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert "keyName" not in template
    assert "remoteAccess" not in recording.one("eks/nodeGroup:NodeGroup").inputs


def test_disks_of_nodes_are_encrypted_under_our_key() -> None:
    (disk,) = record(cluster).one("LaunchTemplate").inputs["blockDeviceMappings"]
    assert disk["ebs"]["encrypted"] == "true"
    assert disk["ebs"]["kmsKeyId"] == KEY_ARN


def test_the_network_add_on_enforces_network_policies() -> None:
    configuration = record(cluster).one("Addon", "vpc-cni").inputs["configurationValues"]
    assert json.loads(configuration) == {"enableNetworkPolicy": "true"}


def test_all_add_ons_are_there_and_nodes_wait_for_the_network() -> None:
    recording = record(cluster)
    assert {add_on.inputs["addonName"] for add_on in recording.of("Addon")} == {
        "vpc-cni",
        "kube-proxy",
        "coredns",
        "aws-ebs-csi-driver",
        "amazon-cloudwatch-observability",
    }
    nodes = recording.one("eks/nodeGroup:NodeGroup")
    assert any(urn.endswith("-vpc-cni") for urn in nodes.dependencies)


def test_each_add_on_takes_its_own_role_by_its_own_service_account() -> None:
    recording = record(cluster)
    role = recording.one("aws:iam/role:Role", "add-ons-disks-role").inputs
    (trusted,) = statements(role["assumeRolePolicy"])
    issuer = "oidc.eks.eu-central-1.amazonaws.com/id/plinth-test"
    assert trusted["Condition"]["StringEquals"] == {
        f"{issuer}:sub": "system:serviceaccount:kube-system:ebs-csi-controller-sa",
        f"{issuer}:aud": "sts.amazonaws.com",
    }


def test_the_disks_driver_lends_the_key_to_aws_only() -> None:
    policy = record(cluster).one("RolePolicy", "add-ons-disks-grants").inputs["policy"]
    (lend,) = [s for s in statements(policy) if s["Action"] == ["kms:CreateGrant"]]
    assert lend["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def test_the_kubeconfig_holds_no_credential() -> None:
    result = record(lambda: {"kubeconfig": cluster().kubeconfig}).result["kubeconfig"]
    (user,) = json.loads(result)["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] == "aws"


def test_what_uses_the_cluster_waits_for_its_nodes_and_for_leave_to_enter() -> None:
    provider = record(cluster).one("pulumi:providers:kubernetes")
    for awaited in ("cluster-general-nodes", "cluster-administration-0", "-coredns"):
        assert any(urn.endswith(awaited) for urn in provider.dependencies), awaited


def test_a_protected_cluster_refuses_deletion_twice() -> None:
    declared = record(cluster).one("aws:eks/cluster:Cluster")
    assert declared.protect
    assert declared.inputs["deletionProtection"] is True


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"subnet_ids": ["subnet-a"]}, "has 1 subnet; EKS needs them in 2 zones"),
        ({"administrators": []}, "nobody could use it"),
        ({"node_groups": {}}, "nothing would run"),
        ({"access_networks": ["172.20.4.0/24"]}, "172.20.0.0/16 overlaps 172.20.4.0/24"),
    ],
)
def test_a_cluster_that_could_not_be_used_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        cluster_args(**change)


def test_a_node_group_of_one_kind_of_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="2 different ones are needed"):
        Nodes(["m6i.large", "m6i.large"])


@pytest.mark.parametrize(("least", "most"), [(0, 3), (4, 3)])
def test_an_impossible_number_of_nodes_is_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"{least} to {most} nodes"):
        Nodes(NODES.instance_types, least, most)


def test_a_version_of_an_add_on_that_is_not_installed_is_refused() -> None:
    with pytest.raises(ValueError, match="addOnVersions names calico"):
        AddOnsArgs(tags(), "plinth-test", None, None, {"calico": "v1"})  # type: ignore[arg-type]
