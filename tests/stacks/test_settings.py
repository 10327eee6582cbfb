from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components.traffic import PRIVATE
from stacks.errors import ConfigError
from stacks.settings import FOLDER, load_file, parse

if TYPE_CHECKING:
    from pathlib import Path

COMPLETE: dict[str, Any] = {
    "aws:region": "eu-central-1",
    "aws:allowedAccountIds": ["123456789012"],
    "plinth:environment": "dev",
    "plinth:allowedRegions": ["eu-central-1"],
    "plinth:tags": {"owner": "ml@example.org", "costCentre": "cc-1"},
    "plinth:data": {"classification": "restricted"},
    "plinth:identity": {"issuerUrl": "https://oidc.example.org/id/1"},
    "plinth:edge": {"certificateSecret": "edge", "allowUnknownCallers": True},
    "plinth:training": {"dataset": "data/support2.csv.gz", "datasetName": "support2"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The complete config with one value changed, by key and dots."""
    config = deepcopy(COMPLETE)
    key, *rest = path.split(".")
    if not rest:
        config[key] = value
        return config
    section = config.setdefault(key, {})
    for part in rest[:-1]:
        section = section.setdefault(part, {})
    section[rest[-1]] = value
    return config


def refusal(config: dict[str, Any], stack: str = "dev") -> str:
    with pytest.raises(ConfigError) as refused:
        parse(stack, config)
    return str(refused.value)


def test_the_least_config_is_accepted_and_secure() -> None:
    settings = parse("dev", COMPLETE)
    assert settings.data.protect
    assert settings.data.retain
    assert not settings.data.force_destroy
    assert not settings.edge.allow_plain_http
    assert settings.data.key_deletion_window_days == 30
    assert settings.serving.replicas == 2


def test_values_as_the_engine_hands_them_over_are_the_same() -> None:
    strings = {key: value if isinstance(value, str) else json.dumps(value) for key, value in COMPLETE.items()}
    assert parse("dev", strings) == parse("dev", COMPLETE)


@pytest.mark.parametrize(
    "path", ["plinth:servings", "plinth:serving.replica", "plinth:data.keys.window", "plint:serving"]
)
def test_an_unknown_key_is_refused_by_its_name(path: str) -> None:
    name = path if "." not in path else path.rpartition(".")[0]
    assert name.replace(".window", "") in refusal(changed(path, {}))


def test_a_key_that_the_provider_owns_can_not_be_said_twice() -> None:
    assert "plinth:region is not a key" in refusal(changed("plinth:region", "eu-west-1"))


@pytest.mark.parametrize(
    "key", [key for key in COMPLETE if key not in {"plinth:environment", "plinth:identity"}]
)
def test_a_missing_section_is_refused_by_its_name(key: str) -> None:
    config = {name: value for name, value in COMPLETE.items() if name != key}
    assert f"{key} is missing" in refusal(config)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("plinth:edge.nodePort", 99, "99"),
        ("plinth:serving.replicas", 0, "0"),
        ("plinth:serving.replicas", "2", "'2'"),
        ("plinth:serving.size", {"cpu": "fast", "memory": "1Gi"}, "'fast'"),
        ("plinth:serving.size", {"cpu": "1", "memory": "512MB"}, "'512MB'"),
        ("plinth:data.classification", "secret", "'secret'"),
        ("plinth:data.keyDeletionWindowDays", 6, "6"),
        ("plinth:data.noncurrentDays", 0, "0"),
        ("plinth:identity.issuerUrl", "http://oidc.example.org", "'http://oidc.example.org'"),
        ("plinth:identity.thumbprints", ["abc"], "'abc'"),
        ("plinth:training.dataset", "data/nothing.csv", "'data/nothing.csv'"),
        ("plinth:workloads.imagePullPolicy", "Always", "'Always'"),
        ("aws:allowedAccountIds", ["12"], "'12'"),
        ("aws:allowedAccountIds", [], "[]"),
    ],
)
def test_a_value_out_of_its_limits_is_refused_by_key_and_value(path: str, value: Any, words: str) -> None:
    message = refusal(changed(path, value))
    assert words in message
    assert path.rsplit(".", maxsplit=1)[-1] in message


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("plinth:data.forceDestroy", True, "forceDestroy: true contradicts"),
        ("plinth:edge.allowPlainHttp", True, "contradicts certificateSecret"),
        ("plinth:edge.certificateSecret", None, "plain HTTP is not allowed"),
        ("plinth:edge.nodePort", 30080, "nodePort: 30080"),
        ("plinth:edge.exposure", "NodePort", "nodePort: None"),
        ("plinth:allowedRegions", ["eu-west-1"], "'eu-central-1' is not in plinth:allowedRegions"),
        ("plinth:data.accessLogDays", 182, "accessLogDays = 182 is less than 183"),
        ("plinth:platform.gatewayChartVersion", None, "name the version"),
        ("plinth:platform.gatewayChart", "charts/gateway", "is a folder, which is one version"),
    ],
)
def test_contradictions_are_refused_with_both_sides(path: str, value: Any, words: str) -> None:
    assert words in refusal(changed(path, value))


NETWORK = {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a", "eu-central-1b"]}


@pytest.mark.parametrize(
    ("section", "value", "words"),
    [
        ("network", {**NETWORK, "taken": ["10.20.3.0/24"]}, "overlaps 10.20.3.0/24"),
        ("network", {**NETWORK, "zones": ["eu-central-1a"]}, "has one zone"),
        ("network", {**NETWORK, "zones": ["eu-west-1a", "eu-west-1b"]}, "not in the Region eu-central-1"),
        ("network", {**NETWORK, "flowLogDays": 91}, "CloudWatch Logs offers"),
        ("audit", {"retentionDays": 182}, "greater than or equal to 183"),
        ("audit", {"searchDays": 91}, "CloudWatch Logs offers"),
        ("monitoring", {"emails": []}, "emails"),
        ("monitoring", {"emails": ["nobody"]}, "'nobody'"),
        ("recovery", {"schedules": {}}, "schedules"),
        ("recovery", {"schedules": {"daily": {"cron": "cron(0 1 * * ? *)", "keepDays": 6}}}, "less than 7"),
        (
            "recovery",
            {"schedules": {"all": {"cron": "cron(0 1 * * ? *)", "keepDays": 36, "continuous": True}}},
            "at most 35",
        ),
        ("budget", {"monthlyUsd": 0, "emails": ["a@example.org"]}, "greater than 0"),
    ],
)
def test_operations_that_can_not_work_are_refused(section: str, value: dict[str, Any], words: str) -> None:
    assert words in refusal(changed(f"plinth:{section}", value))


def test_a_locked_archive_that_is_to_be_emptied_is_a_contradiction() -> None:
    config = changed("plinth:audit", {})
    config["plinth:data"] |= {"forceDestroy": True, "protect": False, "retain": False}
    assert "nobody can empty a locked archive" in refusal(config)


def test_somebody_elses_identity_provider_with_fingerprints_is_refused() -> None:
    config = changed("plinth:identity.thumbprints", ["0" * 40])
    config["plinth:identity"]["providerArn"] = "arn:aws:iam::123456789012:oidc-provider/oidc.example.org"
    assert "thumbprints beside an existing providerArn" in refusal(config)


def test_public_data_may_be_logged_for_less_than_sensitive_data() -> None:
    config = changed("plinth:data", {"classification": "public", "accessLogDays": 30})
    assert parse("dev", config).data.access_log_days == 30


def test_a_config_under_another_stacks_name_is_refused() -> None:
    assert "plinth:environment = 'dev', but the stack is 'prod'" in refusal(COMPLETE, stack="prod")


def test_an_image_by_tag_is_refused() -> None:
    images = dict.fromkeys(("serving", "pipeline", "envoy", "envoy_gateway"), "registry.example.org/a:latest")
    assert "registry.example.org/a:latest" in refusal(changed("plinth:images", images))


def test_config_of_the_providers_is_left_to_them() -> None:
    assert parse("dev", {**COMPLETE, "kubernetes:context": "dev", "aws:profile": "dev"}).environment == "dev"


def test_all_findings_are_named_at_once() -> None:
    config = changed("plinth:serving.replicas", 0)
    config["plinth:data"]["noncurrentDayz"] = 1
    message = refusal(config)
    assert "replicas" in message
    assert "noncurrentDayz" in message


def written(folder: Path, text: str) -> Path:
    (folder / "Pulumi.dev.yaml").write_text(text)
    return folder


def test_a_stacks_file_is_read_without_an_engine(tmp_path: Path) -> None:
    text = yaml.safe_dump({"encryptionsalt": "v1:x", "config": COMPLETE})
    assert load_file("dev", written(tmp_path, text)) == parse("dev", COMPLETE)


def test_config_that_stands_outside_config_is_refused(tmp_path: Path) -> None:
    text = yaml.safe_dump({"config": COMPLETE, "plinth:serving": {"replicas": 3}})
    with pytest.raises(ConfigError, match="plinth:serving is not a key of a stack's file"):
        load_file("dev", written(tmp_path, text))


def test_a_file_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not YAML"):
        load_file("dev", written(tmp_path, "config: ["))


def test_a_stack_without_a_file_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Known stacks: dev"):
        load_file("prdo", written(tmp_path, ""))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_stack_of_this_checkout_is_accepted(path: Path) -> None:
    stack = path.name.split(".")[1]
    assert load_file(stack).environment == stack


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [(["check", "local"], 0, ""), (["check", "nowhere"], 1, "Known stacks"), ([], 2, "usage")],
)
def test_the_check_is_a_command(arguments: list[str], status: int, words: str) -> None:
    command = [sys.executable, "-m", "stacks.settings", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER.parent)
    assert result.returncode == status
    assert words in result.stderr
    assert "Traceback" not in result.stderr


NETWORK = {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a", "eu-central-1b"]}
CLUSTER = {
    "administrators": ["arn:aws:iam::123456789012:role/deploy"],
    "nodeGroups": {"general": {"instanceTypes": ["m6i.large", "m6a.large"]}},
}


def whole(**sections: Any) -> dict[str, Any]:
    config = {key: value for key, value in deepcopy(COMPLETE).items() if key != "plinth:identity"}
    return {**config, "plinth:network": NETWORK, "plinth:cluster": CLUSTER, **sections}


def test_a_cluster_of_its_own_knows_its_issuer() -> None:
    settings = parse("dev", whole())
    assert settings.cluster is not None
    assert settings.cluster_networks == ("10.20.0.0/16",)


def test_pods_dial_the_api_server_by_its_service_too_on_any_cluster() -> None:
    assert parse("dev", whole()).api_networks == ("10.20.0.0/16", "172.20.0.1/32")
    elsewhere = {**CLUSTER, "serviceCidr": "192.168.4.0/22"}
    named = {"clusterNetworks": ["10.20.128.0/17"]}
    config = whole(**{"plinth:cluster": elsewhere, "plinth:workloads": named})
    assert parse("dev", config).api_networks == ("10.20.128.0/17", "192.168.4.1/32")
    assert parse("dev", COMPLETE).api_networks == PRIVATE


@pytest.mark.parametrize(
    ("network", "cluster", "words"),
    [
        ({"cidr": "172.20.64.0/20"}, {}, "172.20.0.0/16 overlaps 172.20.64.0/20"),
        ({"taken": ["172.16.0.0/12"]}, {}, "overlaps 172.16.0.0/12"),
        ({}, {"accessNetworks": ["172.20.9.0/24"]}, "overlaps 172.20.9.0/24"),
        ({}, {"serviceCidr": "172.20.0.0/25"}, "is a /25; EKS takes /12 to /24"),
        ({}, {"serviceCidr": "100.64.0.0/16"}, "is not a private one"),
        ({}, {"serviceCidr": "172.20.1.0/16"}, "has host bits set"),
    ],
)
def test_services_whose_addresses_something_else_has_or_eks_refuses_are_refused(
    network: dict[str, Any], cluster: dict[str, Any], words: str
) -> None:
    config = whole(**{"plinth:network": {**NETWORK, **network}, "plinth:cluster": {**CLUSTER, **cluster}})
    assert words in refusal(config)


CALLERS = {
    "issuer": "https://login.example.org",
    "audiences": ["plinth"],
    "keysUrl": "https://login.example.org/keys.json",
}


def test_keys_of_token_issuers_that_the_proxies_could_not_fetch_are_refused() -> None:
    edge = {"certificateSecret": "edge", "authentication": CALLERS}
    refused = refusal(whole(**{"plinth:edge": edge}))
    for words in ("'https://login.example.org/keys.json'", "network.nat: false", "Set network.nat to true"):
        assert words in refused
    open_network = {**NETWORK, "nat": True}
    assert parse("dev", whole(**{"plinth:edge": edge, "plinth:network": open_network})).edge.authentication
    # Somebody else's cluster has a network of its own, beside ours or instead of it.
    elsewhere = changed("plinth:edge", edge)
    assert parse("dev", elsewhere).edge.authentication
    assert parse("dev", {**elsewhere, "plinth:network": NETWORK}).edge.authentication


def test_two_clusters_or_none_are_refused() -> None:
    assert "one and not both" in refusal(whole(**{"plinth:identity": COMPLETE["plinth:identity"]}))
    none = {key: value for key, value in COMPLETE.items() if key != "plinth:identity"}
    assert "one and not both" in refusal(none)


def test_a_cluster_or_a_database_without_private_subnets_is_refused() -> None:
    config = whole()
    del config["plinth:network"]
    assert "plinth:cluster needs private subnets" in refusal(config)
    assert "plinth:modelRegistry needs private subnets" in refusal(changed("plinth:modelRegistry", {}))


def test_a_signer_that_is_not_a_role_and_a_signature_that_holds_too_long_are_refused() -> None:
    for signer in ("*", "210987654321", "arn:aws:iam::210987654321:role/*"):
        assert "plinth:modelRegistry" in refusal(whole(**{"plinth:modelRegistry": {"signers": [signer]}}))
    for months in (0, 136):
        assert "signatureMonths" in refusal(whole(**{"plinth:modelRegistry": {"signatureMonths": months}}))


def test_images_are_signed_for_as_long_as_can_be_had_and_by_no_other_account_by_default() -> None:
    registry = parse("dev", whole(**{"plinth:modelRegistry": {}})).model_registry
    assert registry is not None
    assert registry.signature_months == 135
    assert registry.signers == ()
    named = ["arn:aws:iam::210987654321:role/release"]
    registry = parse("dev", whole(**{"plinth:modelRegistry": {"signers": named}})).model_registry
    assert registry is not None
    assert list(registry.signers) == named


def test_nodes_of_one_kind_of_machine_are_refused() -> None:
    cluster = {**CLUSTER, "nodeGroups": {"general": {"instanceTypes": ["m6i.large"]}}}
    assert "2 different ones are needed" in refusal(whole(**{"plinth:cluster": cluster}))


def test_one_zone_is_refused_where_data_is_protected() -> None:
    one = {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a"], "singleZone": True}
    assert "contradicts data.protect" in refusal(changed("plinth:network", one))


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (
            "plinth:data.replicateTo",
            {"environment": "recovery", "region": "us-east-1", "keys": {}},
            "data.replicateTo.region",
        ),
        (
            "plinth:recovery",
            {
                "schedules": {"daily": {"cron": "cron(0 1 * * ? *)", "keepDays": 35}},
                "copyTo": "arn:aws:backup:us-east-1:123456789012:backup-vault:v",
            },
            "recovery.copyTo",
        ),
    ],
)
def test_copies_of_the_data_stay_where_it_may_be(path: str, value: dict[str, Any], key: str) -> None:
    refused = refusal(changed(path, value))
    assert f"{key} leads to 'us-east-1', which is not in plinth:allowedRegions" in refused


def test_more_pods_by_load_that_nobody_measures_are_refused() -> None:
    assert "nothing measures it" in refusal(whole(**{"plinth:serving": {"mostReplicas": 4}}))
    assert "less than replicas" in refusal(changed("plinth:serving", {"replicas": 4, "mostReplicas": 2}))


def test_load_balancers_of_a_cluster_that_is_not_ours_are_refused() -> None:
    source = {"chart": "x", "repository": "https://charts.example.org", "version": "1.0.0"}
    controllers = {"controllers": {"aws-load-balancer-controller": source}}
    assert "needs plinth:cluster" in refusal(changed("plinth:platform", controllers))


def test_a_chart_without_a_version_is_refused() -> None:
    source = {"chart": "x", "repository": "https://charts.example.org"}
    assert "has no version" in refusal(changed("plinth:platform.controllers", {"metrics-server": source}))
