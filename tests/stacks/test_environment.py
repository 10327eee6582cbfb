from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import pytest
from iam import Request, allowed
from recording import record, statements

from components.grants import ACTION
from stacks.environment import Environment
from stacks.release import Images, Release
from stacks.settings import load_file

if TYPE_CHECKING:
    from recording import Recording

DIGESTS = {name: f"sha256:{letter * 64}" for name, letter in zip(Images.model_fields, "1234", strict=True)}
IMAGES = Images(**{name: f"localhost/{name}@{digest}" for name, digest in DIGESTS.items()})
RELEASE = Release(model="support2-mortality", version="0123456789ab", artifact_sha256="b" * 64)


OTHERS = ("dev", "staging", "prod", "recovery")


@functools.cache
def declare(release: Release | None, stack: str = "local") -> Recording:
    """What a program declares; seconds each, so that tests share it and change nothing of it."""
    settings = load_file(stack)
    return record(lambda: Environment(settings, IMAGES, release).exports(), stack=stack)


@pytest.fixture(scope="module")
def released() -> Recording:
    return declare(RELEASE)


@pytest.fixture(scope="module")
def unreleased() -> Recording:
    return declare(None)


def test_without_a_release_there_is_no_inference_service(unreleased: Recording) -> None:
    assert not unreleased.of("InferenceService")
    assert not unreleased.of("Deployment")
    assert unreleased.result["served_version"] is None
    assert unreleased.result["served_artifact_sha256"] is None


def test_without_a_release_everything_else_is_there(unreleased: Recording, released: Recording) -> None:
    before = {(resource.type, resource.name) for resource in unreleased.resources}
    after = {(resource.type, resource.name) for resource in released.resources}
    assert before < after
    assert all(name.startswith("serving") for _, name in after - before)


def test_what_is_served_is_what_was_released(released: Recording) -> None:
    (container,) = released.one("Deployment").inputs["spec"]["template"]["spec"]["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert variables["PLINTH_ARTIFACT_SHA256"] == RELEASE.artifact_sha256
    assert variables["PLINTH_MODEL_VERSION"] == RELEASE.version
    assert container["image"].endswith(DIGESTS["serving"])
    assert released.result["served_version"] == RELEASE.version
    assert released.result["served_artifact_sha256"] == RELEASE.artifact_sha256


def test_a_release_may_pin_the_image_that_was_tested_with_it() -> None:
    image = f"registry.example.org/serving@sha256:{'9' * 64}"
    recording = declare(RELEASE.model_copy(update={"image": image}))
    (container,) = recording.one("Deployment").inputs["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image


def test_another_version_changes_the_inference_service_and_nothing_else(released: Recording) -> None:
    other = declare(RELEASE.model_copy(update={"version": "ffffffffffff", "artifact_sha256": "c" * 64}))
    before = {(resource.type, resource.name): resource.inputs for resource in released.resources}
    after = {(resource.type, resource.name): resource.inputs for resource in other.resources}
    assert {key for key in before if before[key] != after[key]} == {
        ("kubernetes:apps/v1:Deployment", "serving-deployment")
    }


def test_the_exports_are_the_ones_that_commands_rely_on(released: Recording) -> None:
    assert {
        "namespace",
        "raw_bucket",
        "artifact_bucket",
        "dataset_key",
        "training_job",
        "training_version",
        "gateway_node_port",
        "served_version",
        "served_artifact_sha256",
    } <= set(released.result)
    assert released.result["gateway_node_port"] == 30080
    assert released.result["training_job"] == f"train-{released.result['training_version']}"


def test_the_job_writes_where_the_service_may_read(released: Recording) -> None:
    service = released.one("RolePolicy", "serving-identity-grants").inputs["policy"]
    job = released.one("RolePolicy", "training-identity-grants").inputs["policy"]
    bucket = f"arn:aws:s3:::{released.result['artifact_bucket']}"
    assert f"{bucket}/models/support2-mortality/*" in service
    assert f"{bucket}/models/support2-mortality/{released.result['training_version']}/*" in job


def test_no_workload_has_a_wildcard_action(released: Recording) -> None:
    for policy in released.of("RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            assert all(ACTION.fullmatch(action) for action in statement["Action"])


def test_all_aws_resources_that_take_tags_bear_the_environment(released: Recording) -> None:
    tagged = [resource for resource in released.resources if "tags" in resource.inputs]
    assert len(tagged) > 10
    assert all(resource.inputs["tags"]["environment"] == "local" for resource in tagged)


def test_nothing_of_the_local_environment_is_kept_after_destroy(released: Recording) -> None:
    assert not [resource.name for resource in released.resources if resource.protect or resource.retain]


def test_every_namespace_admits_restricted_pods_only(released: Recording) -> None:
    for namespace in released.of("Namespace"):
        labels = namespace.inputs["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_resource_belongs_to_a_component(released: Recording) -> None:
    strays = [r.name for r in released.resources if not r.type.startswith("plinth:") and not r.parent]
    assert strays == []


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest) -> Recording:
    return declare(RELEASE, request.param)


def test_every_environment_on_aws_is_whole(other: Recording) -> None:
    for component in (
        "Network",
        "Cluster",
        "FeatureStore",
        "ModelRegistry",
        "Audit",
        "Oversight",
        "Monitoring",
        "Recovery",
        "Budget",
        "InferenceService",
    ):
        assert len(other.of(f"plinth:index:{component}")) == 1


def test_every_store_of_an_environment_is_backed_up(other: Recording) -> None:
    saved = set(other.one("Selection", "recovery-selection").inputs["resources"])
    tables = {table.inputs["arn"] for table in other.of("aws:dynamodb/table:Table")}
    buckets = {
        bucket.inputs["arn"]
        for bucket in other.of("aws:s3/bucket:Bucket")
        if bucket.name.startswith(("data-", "features-")) and "access-logs" not in bucket.name
    }
    (database,) = (instance.inputs["arn"] for instance in other.of("aws:rds/instance:Instance"))
    assert saved == tables | buckets | {database}


def test_images_of_every_environment_with_repositories_can_be_signed_and_none_of_its_roles_signs(
    other: Recording,
) -> None:
    profile = other.one("signer/signingProfile:SigningProfile")
    assert profile.inputs["namePrefix"] == f"plinth_{profile.inputs['tags']['environment']}_images_"
    assert "/signing-profiles/" in other.result["signing_profile_arn"]
    assert other.result["signing_profile_version_arn"].startswith(other.result["signing_profile_arn"])
    assert not [p.name for p in other.of("RolePolicy") if "signer:" in p.inputs["policy"]]


def test_where_no_images_are_kept_none_are_signed(released: Recording) -> None:
    assert not released.of("ecr/repository:Repository")
    assert not released.of("signer/signingProfile:SigningProfile")
    assert released.result["signing_profile_arn"] is None


def test_the_trail_watches_every_store(other: Recording) -> None:
    selectors = other.one("Trail").inputs["advancedEventSelectors"]
    (watched,) = [
        field["startsWiths"]
        for selector in selectors
        for field in selector["fieldSelectors"]
        if field["field"] == "resources.ARN"
    ]
    assert len(watched) == 5


def test_every_key_admits_the_services_that_encrypt_with_it(other: Recording) -> None:
    policies = {key.name: key.inputs["policy"] for key in other.of("aws:kms/key:Key")}
    assert "cloudtrail.amazonaws.com" in policies["encryption-logs"]
    assert "logs." in policies["encryption-logs"]
    assert "cloudwatch.amazonaws.com" in policies["encryption-messages"]
    assert '"Service":' not in policies["encryption-data"]


def test_whoever_administers_the_cluster_can_give_eks_its_grant_on_the_cluster_s_key_alone(
    other: Recording,
) -> None:
    named = {
        key.name: set(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"])
        for key in other.of("aws:kms/key:Key")
        for statement in statements(key.inputs["policy"])
        if "kms:CreateGrant" in statement["Action"] and "ArnEquals" in statement["Condition"]
    }
    entries = other.of("eks/accessEntry:AccessEntry")
    assert named == {"encryption-cluster": {entry.inputs["principalArn"] for entry in entries}}


def test_what_dials_the_api_server_may_reach_it_before_and_after_its_address_is_translated(
    other: Recording,
) -> None:
    services = other.one("aws:eks/cluster:Cluster").inputs["kubernetesNetworkConfig"]["serviceIpv4Cidr"]
    vpc = other.one("aws:ec2/vpc:Vpc").inputs["cidrBlock"]
    dialling = {
        policy.name: {peer["ipBlock"]["cidr"] for peer in rule["to"]}
        for policy in other.of("NetworkPolicy")
        for rule in policy.inputs["spec"].get("egress") or []
        if 6443 in {port["port"] for port in rule["ports"]}
    }
    assert services == "172.20.0.0/16"
    assert all(networks == {vpc, "172.20.0.1/32"} for networks in dialling.values())
    assert {"platform-controller", "platform-certificates"} < set(dialling)


def test_the_proxies_have_a_way_to_the_keys_of_the_token_issuer_in_every_zone(other: Recording) -> None:
    (provider,) = other.custom("SecurityPolicy")["spec"]["jwt"]["providers"]
    assert provider["remoteJWKS"]["uri"].startswith("https://")
    private = {
        table.inputs["tags"]["Name"].rpartition("private-")[2]: f"{table.name}-id"
        for table in other.of("aws:ec2/routeTable:RouteTable")
        if "private-" in table.inputs["tags"]["Name"]
    }
    ways = {
        route.inputs["routeTableId"]: route.inputs["natGatewayId"]
        for route in other.of("aws:ec2/route:Route")
        if route.inputs["destinationCidrBlock"] == "0.0.0.0/0" and "natGatewayId" in route.inputs
    }
    assert ways == {table: f"network-nat-{zone}-gateway-id" for zone, table in private.items()}
    assert len(ways) == len(other.of("natGateway:NatGateway")) >= 2


def test_the_load_balancer_controller_opens_the_clusters_group_and_none_that_it_did_not_make(
    other: Recording,
) -> None:
    cluster = other.one("aws:eks/cluster:Cluster").inputs
    policy = statements(other.one("RolePolicy", "load-balancers-grants").inputs["policy"])
    network = next(r for s in policy for r in s["Resource"] if ":vpc/" in r)
    groups = network.partition(":vpc/")[0] + ":security-group"

    def may(group: str, owner: str | None) -> set[bool]:
        tags = {"aws:ResourceTag/elbv2.k8s.aws/cluster": owner} if owner else {}
        actions = ("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress")
        return {allowed(policy, Request(action, f"{groups}/{group}", tags)) for action in actions}

    assert may(cluster["vpcConfig"]["clusterSecurityGroupId"], None) == {True}
    assert may("sg-of-its-own", cluster["name"]) == {True}
    assert may("sg-of-another", "another") == {False}
    assert may("sg-of-nobody", None) == {False}


def test_the_trail_is_the_one_that_its_key_admits(other: Recording) -> None:
    policy = json.loads(other.one("aws:kms/key:Key", "encryption-logs").inputs["policy"])
    (admitted,) = [
        s for s in policy["Statement"] if s["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
    ]
    trail = other.one("Trail").inputs["name"]
    assert admitted["Condition"]["StringEquals"]["aws:SourceArn"].endswith(f":trail/{trail}")


@pytest.mark.parametrize("stack", ["staging", "prod", "recovery"])
def test_data_that_can_not_be_made_again_is_protected_and_retained(stack: str) -> None:
    stateful = (
        "aws:s3/bucket:Bucket",
        "aws:dynamodb/table:Table",
        "aws:kms/key:Key",
        "aws:backup/vault:Vault",
        "aws:signer/signingProfile:SigningProfile",
    )
    kept = [resource for resource in declare(RELEASE, stack).resources if resource.type in stateful]
    assert len(kept) > 10
    assert all(resource.protect and resource.retain for resource in kept)
