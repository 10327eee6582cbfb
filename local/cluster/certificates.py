"""The node's own certificate authorities and what they sign.

Authorities persist as long as the instance does, because running pods and kubeconfigs trust them. What they
signed is renewed at a start when its end is near, when the clock has been set back to before its beginning,
or when the names in it are no longer the right ones.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.cluster.layout import API_SERVICE_ADDRESS, CLUSTER_DOMAIN
from local.storage import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.instance import Instance

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
RENEWAL_DAYS = 30
"""A certificate with less than this left is replaced at the next start."""
SIGNING_KEY_BITS = 2048
"""Of the service-account key: AWS verifies web identities with RS256."""
BACKDATED = dt.timedelta(minutes=5)
"""For clocks that jump back a little."""

CLUSTER_AUTHORITY = "ca"
FRONT_PROXY_AUTHORITY = "front-proxy-ca"
ETCD_AUTHORITY = "etcd-ca"


@dataclass(frozen=True)
class Leaf:
    """What a certificate has to say.

    Attributes:
        name: of its files.
        authority: who signs it.
        common_name: the user, as Kubernetes reads it.
        organisation: the group; empty for none.
        names: DNS names and addresses it is served under; empty for clients.
        client: whether it also authenticates a client.
    """

    name: str
    authority: str
    common_name: str
    organisation: str = ""
    names: tuple[str, ...] = ()
    client: bool = False


def leaves(instance: Instance) -> tuple[Leaf, ...]:
    """Every certificate of a node: one for each party, with no more groups than it needs."""
    api_names = (
        instance.node_address,
        API_SERVICE_ADDRESS,
        "127.0.0.1",
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
    )
    node = f"system:node:{instance.name}"

    def client(name: str, user: str, group: str = "", authority: str = CLUSTER_AUTHORITY) -> Leaf:
        return Leaf(name, authority, user, group, client=True)

    return (
        Leaf("apiserver", CLUSTER_AUTHORITY, "kube-apiserver", names=api_names),
        Leaf(
            "kubelet-server", CLUSTER_AUTHORITY, node, "system:nodes", (instance.name, instance.node_address)
        ),
        Leaf("etcd", ETCD_AUTHORITY, "etcd", names=("127.0.0.1", "localhost"), client=True),
        client("apiserver-etcd", "kube-apiserver", authority=ETCD_AUTHORITY),
        client("front-proxy", "front-proxy-client", authority=FRONT_PROXY_AUTHORITY),
        client("apiserver-kubelet", "plinth:apiserver-to-kubelet"),
        client("admin", "plinth:administrator", "system:masters"),
        client("controller-manager", "system:kube-controller-manager"),
        client("scheduler", "system:kube-scheduler"),
        client("kubelet", node, "system:nodes"),
        client("kube-proxy", "system:kube-proxy"),
        client("coredns", "plinth:coredns"),
    )


class Certificates:
    """The folder of one node's keys and certificates."""

    def __init__(self, folder: Path, now: dt.datetime | None = None) -> None:
        self._folder = folder
        self._now = now or dt.datetime.now(dt.UTC)

    def certificate(self, name: str) -> Path:
        """File of a certificate."""
        return self._folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """File of a private key."""
        return self._folder / f"{name}.key"

    @property
    def signing_key(self) -> Path:
        """Private key that signs service-account tokens."""
        return self.key("service-accounts")

    @property
    def verifying_key(self) -> Path:
        """Its public half."""
        return self._folder / "service-accounts.pub"

    def ensure(self, wanted: Sequence[Leaf]) -> list[str]:
        """Make what is missing, near its end or no longer right; keep everything else.

        Returns:
            Names of what was made.
        """
        made = []
        for authority in sorted({leaf.authority for leaf in wanted}):
            if self._authority_is_missing(authority):
                self._make_authority(authority)
                made.append(authority)
        for leaf in wanted:
            if leaf.authority in made or not self._is_right(leaf):
                self._make_leaf(leaf)
                made.append(leaf.name)
        if not (self.signing_key.exists() and self.verifying_key.exists()):
            self._make_signing_key()
            made.append("service-accounts")
        return made

    def _authority_is_missing(self, name: str) -> bool:
        certificate = self._read(name)
        return certificate is None or not self.key(name).exists() or self._is_out_of_time(certificate)

    def _is_out_of_time(self, certificate: x509.Certificate) -> bool:
        """Near its end, or not valid yet: the clock was ahead when it was made, and has been set back."""
        ends_soon = certificate.not_valid_after_utc - self._now < dt.timedelta(days=RENEWAL_DAYS)
        return ends_soon or certificate.not_valid_before_utc > self._now

    def _read(self, name: str) -> x509.Certificate | None:
        try:
            return x509.load_pem_x509_certificate(self.certificate(name).read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def _is_right(self, leaf: Leaf) -> bool:
        certificate, authority = self._read(leaf.name), self._read(leaf.authority)
        if certificate is None or authority is None or self._is_out_of_time(certificate):
            return False
        try:
            certificate.verify_directly_issued_by(authority)
            key = serialization.load_pem_private_key(self.key(leaf.name).read_bytes(), None)
        except Exception:  # noqa: BLE001 - a bad signature, a missing or a broken key: each means making it anew
            return False
        return (
            certificate.subject == _subject(leaf)
            and _names_of(certificate) == set(leaf.names)
            and certificate.public_key() == key.public_key()
        )

    def _make_authority(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"plinth {name}")])
        usage = _key_usage(signs_certificates=True)
        certificate = (
            self._builder(subject, subject, key.public_key(), AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._write(name, key, certificate)

    def _make_leaf(self, leaf: Leaf) -> None:
        authority = self._read(leaf.authority)
        signer = serialization.load_pem_private_key(self.key(leaf.authority).read_bytes(), None)
        if authority is None or not isinstance(signer, ec.EllipticCurvePrivateKey):
            message = f"{leaf.authority} in {self._folder} is not an authority of ours"
            raise ValueError(message)
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] if leaf.names else []
        usages += [ExtendedKeyUsageOID.CLIENT_AUTH] if leaf.client else []
        builder = (
            self._builder(_subject(leaf), authority.subject, key.public_key(), LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        )
        if leaf.names:
            names = x509.SubjectAlternativeName([_general_name(name) for name in leaf.names])
            builder = builder.add_extension(names, critical=False)
        self._write(leaf.name, key, builder.sign(signer, hashes.SHA256()))

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - BACKDATED)
            .not_valid_after(self._now + dt.timedelta(days=days))
        )

    def _make_signing_key(self) -> None:
        key = rsa.generate_private_key(65537, SIGNING_KEY_BITS)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_atomically(self.signing_key, _pem(key), mode=0o600)
        write_atomically(self.verifying_key, public.decode(), mode=0o600)

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        """Key first: a kill in between leaves a pair that doesn't match, which the next start replaces."""
        write_atomically(self.key(name), _pem(key), mode=0o600)
        text = certificate.public_bytes(serialization.Encoding.PEM).decode()
        write_atomically(self.certificate(name), text, mode=0o600)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _subject(leaf: Leaf) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.organisation)] if leaf.organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
