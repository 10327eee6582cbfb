"""Pickle for what moto's models hold beyond plain data: locks, keys, certificates, closures."""

from __future__ import annotations

import io
import pickle
import sys
import threading
import types
import weakref
from collections import OrderedDict, defaultdict
from typing import Any

import dill
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

LOCK = type(threading.Lock())
REENTRANT_LOCK = type(threading.RLock())
PRIVATE_KEYS = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)
PUBLIC_KEYS = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)
CODE = (types.FunctionType, types.CellType, types.CodeType)


def dump(value: object) -> bytes:
    """Bytes from which `pickle.loads` makes an equal value."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """The fast C pickler; only what it refuses is looked at here."""

    def reducer_override(self, obj: Any) -> Any:  # noqa: ANN401, PLR0911 - pickle's signature; one line for each kind
        # A lock that somebody holds belongs to a request, and no request survives a restart.
        if isinstance(obj, LOCK):
            return threading.Lock, ()
        if isinstance(obj, REENTRANT_LOCK):
            return threading.RLock, ()
        if isinstance(obj, PRIVATE_KEYS):
            return _private_key, (_private_bytes(obj),)
        if isinstance(obj, PUBLIC_KEYS):
            return _public_key, (_public_bytes(obj),)
        if isinstance(obj, x509.Certificate):
            return _certificate, (obj.public_bytes(serialization.Encoding.DER),)
        if isinstance(obj, weakref.WeakValueDictionary):
            return weakref.WeakValueDictionary, (), None, None, iter(list(obj.items()))
        if isinstance(obj, dict) and type(obj).__module__.startswith("moto."):
            return type(obj).__new__, (type(obj),), _mapping_state(obj), None, None, _fill
        if isinstance(obj, CODE) and not _importable(obj):
            return dill.loads, (dill.dumps(obj, recurse=True),)
        return NotImplemented


def _private_bytes(key: Any) -> bytes:  # noqa: ANN401 - the three kinds share this method, not a type
    result: bytes = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return result


def _public_bytes(key: Any) -> bytes:  # noqa: ANN401 - as above
    result: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return result


def _private_key(data: bytes) -> Any:  # noqa: ANN401 - as above
    return serialization.load_der_private_key(data, password=None)


def _public_key(data: bytes) -> Any:  # noqa: ANN401 - as above
    return serialization.load_der_public_key(data)


def _certificate(data: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(data)


def _mapping_state(mapping: dict[Any, Any]) -> tuple[list[tuple[Any, Any]], dict[str, Any], Any]:
    """The real entries of a mapping whose class redefines what its entries look like.

    Plain pickling asks the object itself, and S3's store of versions answers with the newest ones only.
    """
    items = OrderedDict.items(mapping) if isinstance(mapping, OrderedDict) else dict.items(mapping)
    return list(items), vars(mapping), getattr(mapping, "default_factory", None)


def _fill(mapping: dict[Any, Any], state: tuple[list[tuple[Any, Any]], dict[str, Any], Any]) -> None:
    entries, attributes, factory = state
    put = OrderedDict.__setitem__ if isinstance(mapping, OrderedDict) else dict.__setitem__
    for key, value in entries:
        put(mapping, key, value)
    vars(mapping).update(attributes)
    if isinstance(mapping, defaultdict):
        mapping.default_factory = factory


def _importable(obj: Any) -> bool:  # noqa: ANN401 - anything that may have a name
    found: Any = sys.modules.get(getattr(obj, "__module__", None) or "")
    for part in getattr(obj, "__qualname__", "<none>").split("."):
        found = getattr(found, part, None)
    return found is obj
