"""The arguments of a peer's commands as JSON, and back.

Numbers, texts, booleans, null and lists stand for themselves. Everything else is an object with one member, whose name
says what it is:

==================================  ==========================================================================
``{"bytes": "00ff"}``               bytes
``{"tuple": [1, 2]}``               a tuple
``{"channel": 1}``                  the first data channel of that endpoint, in the order in which it saw them
``{"SdpType": "OFFER"}``            a member of an enum, by name
``{"IceCandidate": {…}}``           a record, by its fields
``{"Certificate": {…}}``            own certificate, with its private key
``{"unrecorded": "<function …>"}``  what JSON cannot hold; a trace with it cannot be replayed past that call
==================================  ==========================================================================

Reading (`Reader`) makes objects of the classes listed in this file and no others: a file can choose values, not code.

Specs: none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from rtcpy.core.machine import Address
from rtcpy.dtls import Certificate, CipherSuite, DtlsConfig, NamedGroup, SrtpProfile
from rtcpy.ice import IceConfig, LocalAddress, TransportPolicy
from rtcpy.peer import (
    BundlePolicy,
    Channel,
    IceCandidate,
    IceServer,
    IceTransportPolicy,
    PeerConfiguration,
    RtcpMuxPolicy,
    SdpType,
    ServerEndpoint,
    SessionDescription,
)
from rtcpy.sctp import SctpConfig

_RECORDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        DtlsConfig,
        IceCandidate,
        IceConfig,
        IceServer,
        LocalAddress,
        PeerConfiguration,
        SctpConfig,
        ServerEndpoint,
        SessionDescription,
    )
}
_ENUMS: dict[str, type[Enum]] = {
    kind.__name__: kind
    for kind in (
        BundlePolicy,
        CipherSuite,
        IceTransportPolicy,
        NamedGroup,
        RtcpMuxPolicy,
        SdpType,
        SrtpProfile,
        TransportPolicy,
    )
}
UNRECORDED = "unrecorded"
SHOWN = 80  # characters of what cannot be recorded
REMOVED = "removed"
_SECRET_MEMBERS = ("key", "credential")


def to_json(value: object, number_of: Callable[[Channel], int]) -> object:
    """`value` as JSON has it. Never raises: what JSON cannot hold becomes ``{"unrecorded": …}``.

    Args:
        value: an argument or a result of a command.
        number_of: the number of a channel; 0 for one that is not known.
    """
    if isinstance(value, Enum):
        if type(value).__name__ in _ENUMS:
            return {type(value).__name__: value.name}
    elif value is None or isinstance(value, (bool, int, str)):
        return value
    elif isinstance(value, float):
        if math.isfinite(value):
            return value
    elif isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": bytes(value).hex()}
    elif isinstance(value, Address):
        return {"Address": [value.host, value.port]}
    elif isinstance(value, tuple):
        return {"tuple": [to_json(item, number_of) for item in value]}
    elif isinstance(value, list):
        return [to_json(item, number_of) for item in value]
    elif isinstance(value, Channel):
        return {"channel": number_of(value)}
    elif isinstance(value, Certificate):
        return {"Certificate": _certificate_to_json(value)}
    elif is_dataclass(value) and type(value).__name__ in _RECORDS:
        members = {each.name: to_json(getattr(value, each.name), number_of) for each in fields(value)}
        return {type(value).__name__: members}
    return {UNRECORDED: repr(value)[:SHOWN]}


class Reader:
    """Reads what `to_json` wrote.

    Args:
        channel_of: finds the channel with a number; raises ValueError if there is none.
    """

    __slots__ = ("_certificates", "_channel_of")

    def __init__(self, channel_of: Callable[[int], Channel]) -> None:
        self._channel_of = channel_of
        self._certificates: dict[tuple[str, str], Certificate] = {}

    def read(self, value: object) -> object:
        """The value that was written.

        Raises:
            ValueError: it is none that `to_json` writes; the message says what.
        """
        if isinstance(value, list):
            return [self.read(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) != 1:
            raise ValueError(f"an object with {len(value)} members, expected one that says what it is")
        ((name, content),) = value.items()
        if name == UNRECORDED:
            raise ValueError(f"{content} could not be recorded")
        if isinstance(content, str):
            if name == "bytes":
                return bytes.fromhex(content)
            if name in _ENUMS:
                return _member(name, content)
        elif isinstance(content, int):
            if name == "channel":
                return self._channel_of(content)
        elif isinstance(content, list):
            if name == "tuple":
                return tuple([self.read(item) for item in content])
            if name == "Address":
                return _address(content)
        elif isinstance(content, dict):
            if name == "Certificate":
                return self._certificate(content)
            if name in _RECORDS:
                return self._record(name, content)
        raise ValueError(f"{name!r} is nothing that an argument can be")

    def _record(self, name: str, content: dict[str, object]) -> object:
        members = {key: self.read(item) for key, item in content.items()}
        try:
            return _RECORDS[name](**members)
        except TypeError as error:
            raise ValueError(f"not the members of {name}: {error}") from None

    def _certificate(self, content: dict[str, object]) -> Certificate:
        """The same object for the same certificate, as peers compare them."""
        key, der, expires = content.get("key"), content.get("der"), content.get("expires")
        if not isinstance(key, str) or not isinstance(der, str) or not isinstance(expires, (int, float)):
            raise ValueError("a certificate without key, der or expires")
        found = self._certificates.get((key, der))
        if found is None:
            private_key = load_der_private_key(bytes.fromhex(key), None)
            if not isinstance(private_key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
                raise ValueError("the private key is neither ECDSA nor RSA")
            found = Certificate(private_key, bytes.fromhex(der), float(expires))
            self._certificates[key, der] = found
        return found


def without_secrets(value: object) -> object:
    """A copy of what `to_json` wrote without private keys and server passwords."""
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: REMOVED if name in _SECRET_MEMBERS and item is not None else without_secrets(item)
        for name, item in value.items()
    }


def _member(name: str, content: str) -> Enum:
    try:
        return _ENUMS[name][content]
    except KeyError:
        raise ValueError(f"{content!r} is no {name}") from None


def _address(content: list[object]) -> Address:
    host, port = content
    if not isinstance(host, str) or isinstance(port, bool) or not isinstance(port, int):
        raise ValueError("an address is not a host and a port")
    return Address(host, port)


def _certificate_to_json(certificate: Certificate) -> dict[str, object]:
    key = certificate.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return {"key": key.hex(), "der": certificate.der.hex(), "expires": certificate.expires}
