"""The node's own authorities and certificates."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from local.cluster.certificates import CLUSTER_AUTHORITY, Certificates, Leaf, leaves

if TYPE_CHECKING:
    from pathlib import Path

    from local.instance import Instance

SERVER = Leaf("server", CLUSTER_AUTHORITY, "server", names=("127.0.0.1", "localhost"))
CLIENT = Leaf("client", CLUSTER_AUTHORITY, "someone", "some-group", client=True)
NOW = dt.datetime.now(dt.UTC)


def later(days: int) -> dt.datetime:
    return NOW + dt.timedelta(days=days)


def handshake(
    certificates: Certificates, client: str, server: str = "server", name: str = "localhost"
) -> str:
    """A real mutual TLS handshake on a socket pair; gives the user that the server sees."""
    authority = str(certificates.certificate(CLUSTER_AUTHORITY))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_cert_chain(certificates.certificate(server), certificates.key(server))
    asking = ssl.create_default_context(cafile=authority)
    asking.load_cert_chain(certificates.certificate(client), certificates.key(client))
    here, there = socket.socketpair()
    seen: dict[str, str] = {}

    def serve() -> None:
        try:
            with serving.wrap_socket(there, server_side=True) as connection:
                subject = connection.getpeercert()["subject"]  # type: ignore[index]
                seen.update({key: value for part in subject for key, value in part})
                connection.send(b".")
        except OSError:
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with asking.wrap_socket(here, server_hostname=name) as connection:
            connection.recv(1)
    finally:
        thread.join()
    return f"{seen['commonName']}/{seen.get('organizationName', '')}"


def test_server_and_client_trust_each_other(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificates.ensure([SERVER, CLIENT])
    assert handshake(certificates, "client") == "someone/some-group"
    assert handshake(certificates, "client", name="127.0.0.1") == "someone/some-group"


def test_a_name_that_is_not_in_the_certificate_is_refused(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificates.ensure([SERVER, CLIENT])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(certificates, "client", name="elsewhere")


def test_a_client_certificate_can_not_serve(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificates.ensure([SERVER, CLIENT])
    with pytest.raises(ssl.SSLError):
        handshake(certificates, "client", server="client")


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    assert sorted(Certificates(tmp_path).ensure([SERVER])) == ["ca", "server", "service-accounts"]
    assert Certificates(tmp_path).ensure([SERVER]) == []


def test_a_certificate_is_renewed_when_its_end_is_near_and_its_authority_stays(tmp_path: Path) -> None:
    Certificates(tmp_path).ensure([SERVER, CLIENT])
    authority = (tmp_path / "ca.crt").read_bytes()
    assert Certificates(tmp_path, later(330)).ensure([SERVER, CLIENT]) == []
    assert Certificates(tmp_path, later(336)).ensure([SERVER, CLIENT]) == ["server", "client"]
    assert (tmp_path / "ca.crt").read_bytes() == authority
    ends = x509.load_pem_x509_certificate((tmp_path / "server.crt").read_bytes()).not_valid_after_utc
    assert ends > later(690)


def test_what_is_not_valid_yet_because_the_clock_was_set_back_is_made_anew(tmp_path: Path) -> None:
    Certificates(tmp_path, later(3)).ensure([SERVER, CLIENT])
    certificates = Certificates(tmp_path)
    with pytest.raises(ssl.SSLError, match="not yet valid"):
        handshake(certificates, "client")
    assert certificates.ensure([SERVER, CLIENT]) == ["ca", "server", "client"]
    assert handshake(certificates, "client") == "someone/some-group"


def test_what_ended_while_the_clock_jumped_ahead_is_made_anew(tmp_path: Path) -> None:
    Certificates(tmp_path, later(-400)).ensure([SERVER, CLIENT])
    assert Certificates(tmp_path).ensure([SERVER, CLIENT]) == ["server", "client"]


def test_a_new_authority_signs_everything_anew(tmp_path: Path) -> None:
    Certificates(tmp_path).ensure([SERVER])
    assert Certificates(tmp_path, later(3640)).ensure([SERVER]) == ["ca", "server"]


def test_new_names_make_that_certificate_anew_and_no_other(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificates.ensure([SERVER, CLIENT])
    moved = Leaf("server", CLUSTER_AUTHORITY, "server", names=("127.0.0.2", "localhost"))
    assert certificates.ensure([moved, CLIENT]) == ["server"]


@pytest.mark.parametrize("damage", ["no key", "another key", "half a certificate"])
def test_a_damaged_pair_is_replaced(tmp_path: Path, damage: str) -> None:
    certificates = Certificates(tmp_path)
    certificates.ensure([SERVER, CLIENT])
    if damage == "no key":
        (tmp_path / "server.key").unlink()
    elif damage == "another key":
        (tmp_path / "server.key").write_bytes((tmp_path / "client.key").read_bytes())
    else:
        content = (tmp_path / "server.crt").read_bytes()
        (tmp_path / "server.crt").write_bytes(content[: len(content) // 2])
    assert certificates.ensure([SERVER, CLIENT]) == ["server"]
    handshake(certificates, "client")


def test_only_the_owner_reads_keys(tmp_path: Path) -> None:
    Certificates(tmp_path).ensure([SERVER, CLIENT])
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_the_api_server_is_known_by_the_node_and_by_the_service(instance: Instance, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificates.ensure(leaves(instance))
    for name in (instance.node_address, "10.96.0.1", "kubernetes.default.svc"):
        assert handshake(certificates, "scheduler", server="apiserver", name=name) == "system:kube-scheduler/"


def test_only_the_administrator_is_all_powerful(instance: Instance) -> None:
    assert [leaf.name for leaf in leaves(instance) if leaf.organisation == "system:masters"] == ["admin"]
