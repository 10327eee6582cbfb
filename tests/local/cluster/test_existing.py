"""An existing cluster: which one is chosen, what is refused before anything changes, what is made there."""

from __future__ import annotations

import json
import socket
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from local.cluster import existing
from local.cluster.existing import ExistingCluster, choose
from local.cluster.outpost import Outpost
from local.cluster.place import Place, asked_for, checked_address, source_address
from local.engine.kubernetes import kubeconfig
from local.engine.kubernetes.client import Client
from local.environment import Environment
from local.errors import LocalError
from local.images import BuiltImage, ImageName
from local.instance import EMULATOR_HOSTNAME, EMULATOR_PORT, Instance
from local.progress import Progress
from tests.local.engine.kubernetes.api_server import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator

REGISTRY = "registry.example.org:5000/team"
HERE = "192.0.2.7"
NAMESPACE = "/api/v1/namespaces/plinth-emulator"


def _node(*addresses: tuple[str, str], ready: str = "True") -> dict[str, Any]:
    listed = [{"type": kind, "address": address} for kind, address in addresses]
    return {"status": {"conditions": [{"type": "Ready", "status": ready}], "addresses": listed}}


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(name="test", checkout=tmp_path / "checkout", cache=tmp_path / "cache")


@pytest.fixture
def server() -> Iterator[ApiServer]:
    server = ApiServer()
    server.hooks["/version"] = lambda _: {"major": "1", "minor": "31+", "gitVersion": "v1.31.2-eks"}
    nodes = {"items": [_node(("InternalIP", "10.0.0.9"), ready="False"), _node(("InternalIP", "10.0.0.4"))]}
    server.hooks["/api/v1/nodes"] = lambda _: nodes
    server.kinds["/apis/discovery.k8s.io/v1"] = [("EndpointSlice", "endpointslices", True)]
    yield server
    server.close()


@pytest.fixture
def wishes(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(existing, "checked_address", lambda address: address)  # it is not this machine's
    file = tmp_path / "theirs.yaml"
    file.write_text(server.kubeconfig)
    return {"KUBECONFIG": str(file), "IMAGE_REGISTRY": REGISTRY, "EMULATOR_ADDRESS": HERE}


def _place(instance: Instance) -> Place:
    place = Place.read(instance)
    assert place is not None
    return place


def _client(server: ApiServer) -> Client:
    return Client(kubeconfig.load(server.kubeconfig))


# Which cluster


def test_without_kubeconfig_the_embedded_node_is_used(instance: Instance) -> None:
    choose(instance, {})
    assert Place.read(instance) is None
    environment = Environment(instance)
    assert environment.cluster is environment.node


def test_the_kubeconfig_of_make_shell_is_no_wish_for_an_existing_cluster(instance: Instance) -> None:
    assert asked_for(instance, {"KUBECONFIG": str(instance.kubeconfig)}) is None
    assert asked_for(instance, {"KUBECONFIG": ""}) is None
    assert asked_for(instance, {"KUBECONFIG": "/theirs"}) == "/theirs"


def test_the_chosen_cluster_is_known_to_later_commands_without_variables(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    choose(instance, wishes)
    assert _place(instance) == Place(server.url, "10.0.0.4", HERE, REGISTRY)
    environment = Environment(instance)
    assert isinstance(environment.cluster, ExistingCluster)
    assert environment.variables["AWS_ENDPOINT_URL"] == f"http://{HERE}:{EMULATOR_PORT}"
    assert environment.variables["KUBECONFIG"] == str(instance.kubeconfig)
    choose(instance, {})
    assert _place(instance).registry == REGISTRY


def test_a_later_change_of_the_persons_context_leads_nowhere_else(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    choose(instance, wishes)
    theirs = Path(wishes["KUBECONFIG"])
    theirs.write_text(server.kubeconfig.replace(server.url, "https://192.0.2.1"))
    assert kubeconfig.load(str(instance.kubeconfig)).url == server.url
    assert instance.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_certificates_named_relative_to_the_persons_file_are_still_found(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    theirs = Path(wishes["KUBECONFIG"])
    document = yaml.safe_load(server.kubeconfig)
    document["users"] = [{"name": "u", "user": {"tokenFile": "secret/token"}}]
    document["contexts"][0]["context"]["user"] = "u"
    theirs.write_text(yaml.safe_dump(document))
    (theirs.parent / "secret").mkdir()
    (theirs.parent / "secret" / "token").write_text("t0ken")
    choose(instance, wishes)
    credentials = kubeconfig.load(str(instance.kubeconfig)).credentials()
    assert credentials.headers == {"Authorization": "Bearer t0ken"}


# Refusals, each before anything is changed


def _refused(instance: Instance, wishes: dict[str, str], server: ApiServer) -> str:
    with pytest.raises(LocalError) as refusal:
        choose(instance, wishes)
    assert Place.read(instance) is None
    assert not instance.kubeconfig.exists()
    assert server.count("PATCH") == 0
    return str(refusal.value)


def test_without_a_registry_it_is_refused_with_both_remedies(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    text = _refused(instance, {**wishes, "IMAGE_REGISTRY": ""}, server)
    assert "IMAGE_REGISTRY=host" in text
    assert "make up KUBECONFIG=`" in text


def test_a_registry_with_a_scheme_is_refused(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    assert "without https://" in _refused(instance, {**wishes, "IMAGE_REGISTRY": "https://x.org"}, server)


@pytest.mark.parametrize(
    ("minor", "version"), [("29", "v1.29.9"), ("29+", "v1.29.9-gke.1"), ("", "nonsense")]
)
def test_an_old_cluster_is_refused_with_its_address_version_and_limit(
    instance: Instance, wishes: dict[str, str], server: ApiServer, minor: str, version: str
) -> None:
    server.hooks["/version"] = lambda _: {"major": "1", "minor": minor, "gitVersion": version}
    text = _refused(instance, wishes, server)
    assert server.url in text
    assert version in text
    assert "1.30" in text


def test_a_cluster_that_does_not_answer_is_named(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        Path(wishes["KUBECONFIG"]).write_text(server.kubeconfig.replace(server.url, url))
        assert url in _refused(instance, wishes, server)


def test_a_cluster_without_a_ready_node_is_refused(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    server.hooks["/api/v1/nodes"] = lambda _: {"items": [_node(("InternalIP", "10.0.0.9"), ready="Unknown")]}
    assert "None of the 1 nodes" in _refused(instance, wishes, server)


def test_an_environment_on_the_embedded_node_stays_there(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    (instance.state / "node").mkdir(parents=True)
    assert "make down" in _refused(instance, wishes, server)


def test_another_cluster_than_the_recorded_one_is_refused(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    choose(instance, wishes)
    Path(wishes["KUBECONFIG"]).write_text(server.kubeconfig.replace(server.url, "https://192.0.2.1"))
    with pytest.raises(LocalError, match="make down"):
        choose(instance, wishes)
    assert kubeconfig.load(str(instance.kubeconfig)).url == server.url


def test_a_cluster_that_holds_another_checkouts_environment_is_refused(
    instance: Instance, wishes: dict[str, str], server: ApiServer, tmp_path: Path
) -> None:
    other = Instance(name="other", checkout=tmp_path / "elsewhere", cache=tmp_path)
    Outpost(_client(server), other).ensure(HERE)
    server.requests.clear()
    assert str(other.checkout) in _refused(instance, wishes, server)


def test_a_damaged_record_is_named(instance: Instance) -> None:
    record = instance.state / "existing" / "place.json"
    record.parent.mkdir(parents=True)
    record.write_text("{")
    with pytest.raises(LocalError, match=r"place\.json"):
        Place.read(instance)


# Addresses


@pytest.mark.parametrize(
    "address", [str(IPv4Address(0)), "127.0.0.1", "::1", "169.254.1.1", "192.0.2.254", "host"]
)
def test_an_address_that_pods_cannot_use_or_everybody_could_is_refused(address: str) -> None:
    with pytest.raises(LocalError, match="EMULATOR_ADDRESS="):
        checked_address(address)


def test_the_address_is_the_one_this_machine_has_on_the_way_to_the_api() -> None:
    assert source_address("https://127.0.0.1:6443") == "127.0.0.1"


def test_a_node_without_an_internal_address_is_called_by_its_external_one(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    server.hooks["/api/v1/nodes"] = lambda _: {"items": [_node(("ExternalIP", "198.51.100.3"))]}
    choose(instance, wishes)
    assert Environment(instance).cluster.node_address == "198.51.100.3"


# What is made there


def test_pods_find_the_emulator_by_the_name_that_the_stack_config_has(
    instance: Instance, server: ApiServer
) -> None:
    Outpost(_client(server), instance).ensure(HERE)
    service = server.objects[f"{NAMESPACE}/services/aws-emulator"]
    (slice_,) = (thing for thing in server.objects.values() if thing["kind"] == "EndpointSlice")
    assert EMULATOR_HOSTNAME.startswith(
        f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc."
    )
    assert "selector" not in service["spec"]
    assert slice_["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
    assert slice_["endpoints"][0]["addresses"] == [HERE]
    assert slice_["ports"][0]["port"] == EMULATOR_PORT
    local = yaml.safe_load((Path(existing.__file__).parents[2] / "stacks" / "Pulumi.local.yaml").read_text())
    assert local["config"]["plinth:workloads"]["emulatorUrl"] == f"http://{EMULATOR_HOSTNAME}:{EMULATOR_PORT}"


def test_removal_takes_our_namespace_and_nothing_else(instance: Instance, server: ApiServer) -> None:
    client = _client(server)
    Outpost(client, instance).ensure(HERE)
    Outpost(client, instance).remove()
    assert list(server.deletions) == [NAMESPACE]
    Outpost(client, instance).remove()
    assert len(server.deletions) == 1


def test_removal_leaves_a_namespace_that_is_not_ours(
    instance: Instance, server: ApiServer, tmp_path: Path
) -> None:
    other = Instance(name="other", checkout=tmp_path / "elsewhere", cache=tmp_path)
    Outpost(_client(server), other).ensure(HERE)
    with pytest.raises(LocalError, match="belongs to"):
        Outpost(_client(server), instance).remove()
    assert server.deletions == {}


def test_only_pods_in_the_stacks_own_namespaces_count(
    instance: Instance, wishes: dict[str, str], server: ApiServer
) -> None:
    labels = {"app.kubernetes.io/part-of": "plinth", "app.kubernetes.io/managed-by": "pulumi"}
    for name, bears in (("plinth", labels), ("theirs", {})):
        path = f"/api/v1/namespaces/{name}"
        server.objects[path] = {"kind": "Namespace", "metadata": {"name": name, "labels": bears}}
        server.objects[f"{path}/pods/p"] = {"kind": "Pod", "metadata": {"name": "p", "namespace": name}}
    choose(instance, wishes)
    assert Environment(instance).cluster.workload_pods() == ["plinth/p"]


def test_images_are_pushed_and_named_as_the_registry_has_them(
    instance: Instance, wishes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(instance, wishes)
    calls: list[tuple[str, bool]] = []

    def push(images: Any, registry: str, _cache: Path, _progress: Progress, *, verify_tls: bool) -> Any:
        calls.append((registry, verify_tls))
        return {image.name: f"{registry}/{image.name.path}@sha256:{'b' * 64}" for image in images}

    monkeypatch.setattr(existing, "push", push)
    monkeypatch.setattr(existing, "prove_reach", lambda *_: None)
    image = BuiltImage(ImageName.SERVING, "plinth.internal/serving@sha256:a", Path("x"), "k", 1, ())
    references = Environment(instance).cluster.provide({ImageName.SERVING: image}, Progress())
    assert references == {ImageName.SERVING: f"{REGISTRY}/serving@sha256:{'b' * 64}"}
    choose(instance, {**wishes, "IMAGE_REGISTRY": "127.0.0.1:5000"})
    Environment(instance).cluster.provide({ImageName.SERVING: image}, Progress())
    assert calls == [(REGISTRY, True), ("127.0.0.1:5000", False)]


@pytest.mark.parametrize(
    ("answer", "pushes"),
    [(200, 1), (404, 2), (401, 2), (None, 2)],
    ids=["it has it", "it lost it", "it wants a login", "it is away"],
)
def test_an_image_that_the_registry_still_shows_is_not_pushed_again(
    instance: Instance,
    wishes: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    answer: int | None,
    pushes: int,
) -> None:
    choose(instance, wishes)
    calls = []

    def push(images: Any, registry: str, *_: object, **__: object) -> Any:
        calls.append([image.name for image in images])
        return {image.name: f"{registry}/{image.name.path}@sha256:{'b' * 64}" for image in images}

    def head(url: str, **_: object) -> httpx.Response:
        assert url == f"https://registry.example.org:5000/v2/team/serving/manifests/sha256:{'b' * 64}"
        if answer is None:
            raise httpx.ConnectError("refused")
        return httpx.Response(answer)

    monkeypatch.setattr(existing, "push", push)
    monkeypatch.setattr(existing, "prove_reach", lambda *_: None)
    monkeypatch.setattr("local.cluster.pushed.httpx.head", head)
    image = BuiltImage(ImageName.SERVING, "plinth.internal/serving@sha256:a", Path("x"), "k", 1, ())
    first = Environment(instance).cluster.provide({ImageName.SERVING: image}, Progress())
    assert Environment(instance).cluster.provide({ImageName.SERVING: image}, Progress()) == first
    assert len(calls) == pushes
    changed = BuiltImage(ImageName.SERVING, "plinth.internal/serving@sha256:c", Path("x"), "k", 1, ())
    Environment(instance).cluster.provide({ImageName.SERVING: changed}, Progress())
    assert len(calls) == pushes + 1


def test_a_stopped_emulator_is_unwell_and_the_cluster_is_not(
    instance: Instance, wishes: dict[str, str]
) -> None:
    choose(instance, wishes)
    health = {part.name: part for part in Environment(instance).cluster.health()}
    assert health["kubernetes"].healthy
    assert (health["emulator"].healthy, health["emulator"].detail) == (False, "not running")
    assert json.loads((instance.state / "existing" / "place.json").read_text())["registry"] == REGISTRY
