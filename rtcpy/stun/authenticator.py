"""A server's half of the long-term credential dance: challenge, nonces, and the checks in their order.

The nonce holds everything that the server must remember about it, so that challenging a million strangers costs no
memory:

    "obMatJos2" + features | base64( expiry, 4 bytes | HMAC-SHA256(secret, expiry, client address), 12 bytes )

It is good for one client address and port, and for `nonce_lifetime` seconds; then 438 hands out the next.

Owned here: `Authenticator` and its nonces. Used by the Binding server beside it, and meant for TURN. The client's
half, keys and the nonce cookie are in `credentials`.

Specs: RFC 8489 §9.2.4, §9.2.1, §16.1.3; RFC 7616 §5.4 (what makes a good nonce).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rtcpy.core.env import Entropy
from rtcpy.core.errors import CryptoError, RtcRangeError, RtcSyntaxError
from rtcpy.core.machine import Address, Instant
from rtcpy.core.serial import add32, diff32
from rtcpy.stun.attributes import (
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    REALM,
    USERHASH,
    USERNAME,
)
from rtcpy.stun.credentials import (
    NONCE_COOKIE_BYTES,
    SecurityFeature,
    long_term_key,
    nonce_cookie,
    security_features,
    userhash,
)
from rtcpy.stun.error_codes import ErrorCode, ErrorNumber
from rtcpy.stun.integrity import SHA256_BYTES, equal, hmac_sha256
from rtcpy.stun.message import Message
from rtcpy.stun.opaque import opaque_string
from rtcpy.stun.values import AttributeValue, PasswordAlgorithm, PasswordAlgorithmNumber

NONCE_LIFETIME = (
    600.0  # s; long enough for a TURN client to refresh within one nonce (RFC 8656 §7.1 says 10 min)
)
NONCE_TAG_BYTES = 12  # of HMAC-SHA256: 96 bits to guess per request
MAX_REALM_BYTES = 36  # keeps a 401 to a 20-byte request within six times its size
_PHRASE_REALM_BYTES = 20  # up to here a 401 may also carry its phrase

OFFERED_ALGORITHMS = (
    PasswordAlgorithm(PasswordAlgorithmNumber.SHA256),
    PasswordAlgorithm(PasswordAlgorithmNumber.MD5),
)
"""In order of preference. MD5 is for clients of RFC 5389 (RFC 8489 §18.5.1.1)."""


@dataclass(slots=True)
class Authenticated:
    """A request that proved to come from `username`; `key` and `sha256` are for signing the response."""

    username: str
    key: bytes
    sha256: bool


@dataclass(slots=True)
class Refused:
    """A request that did not; `response` is the unsigned error to answer it with."""

    response: Message


class Authenticator:
    """Checks requests against accounts. Keeps no state per client.

    Args:
        realm: names the provider, at best its domain; at most 36 **bytes**, since it rides in every 401.
        accounts: passwords by user name, or a function that returns the password of a name (or `None`).
        entropy: makes the secret behind the nonces.
        nonce_lifetime: **seconds** until a nonce is stale.
        anonymous: ask clients for USERHASH instead of USERNAME; needs `accounts` as a mapping.

    Raises:
        RtcRangeError: the realm is too long, or `anonymous` without a mapping.
        RtcSyntaxError: a name, password or the realm has no OpaqueString form.
    """

    __slots__ = ("_by_hash", "_features", "_lifetime", "_lookup", "_secret", "realm")

    def __init__(
        self,
        realm: str,
        accounts: Mapping[str, str] | Callable[[str], str | None],
        *,
        entropy: Entropy,
        nonce_lifetime: float = NONCE_LIFETIME,
        anonymous: bool = False,
    ) -> None:
        self.realm = opaque_string(realm)
        if len(self.realm.encode()) > MAX_REALM_BYTES:
            raise RtcRangeError(
                f"realm {realm!r} is longer than {MAX_REALM_BYTES} bytes: every 401 carries it"
            )
        self._by_hash: dict[bytes, str] = {}
        if isinstance(accounts, Mapping):
            passwords = {opaque_string(name): opaque_string(password) for name, password in accounts.items()}
            self._by_hash = {userhash(name, self.realm): name for name in passwords}
            self._lookup: Callable[[str], str | None] = passwords.get
        elif anonymous:
            raise RtcRangeError("anonymous user names need a list of accounts to compare hashes with")
        else:
            self._lookup = accounts
        self._lifetime = max(1, int(nonce_lifetime))
        self._secret = entropy.token(SHA256_BYTES)
        self._features = SecurityFeature.PASSWORD_ALGORITHMS
        if anonymous:
            self._features |= SecurityFeature.USERNAME_ANONYMITY

    # --- nonces ----------------------------------------------------------------------------------------------

    def nonce(self, client: Address, *, now: Instant) -> bytes:
        """A fresh nonce for `client`. Spec: RFC 8489 §9.2, §9.2.4 (never the same for two addresses)."""
        expiry = add32(int(now), self._lifetime).to_bytes(4, "big")
        return nonce_cookie(self._features) + base64.b64encode(expiry + self._tag(expiry, client)).rstrip(
            b"="
        )

    def _tag(self, expiry: bytes, client: Address) -> bytes:
        return hmac_sha256(self._secret, expiry + str(client).encode())[:NONCE_TAG_BYTES]

    def nonce_is_valid(self, nonce: bytes, client: Address, *, now: Instant) -> bool:
        """Whether `nonce` is one of ours, for this client, and not stale."""
        try:
            body = base64.b64decode(nonce[NONCE_COOKIE_BYTES:] + b"==", validate=True)
        except binascii.Error:
            return False
        expiry, tag = body[:4], body[4:]
        return (
            nonce[:NONCE_COOKIE_BYTES] == nonce_cookie(self._features)
            and equal(self._tag(expiry, client), tag)
            and 0 < diff32(int.from_bytes(expiry, "big"), int(now) & 0xFFFFFFFF) <= self._lifetime
        )

    # --- requests --------------------------------------------------------------------------------------------

    def check(self, request: Message, client: Address, *, now: Instant) -> Authenticated | Refused:
        """Who sent `request`, or the error that it deserves. The checks stand in the order of the section.

        Spec: RFC 8489 §9.2.4.
        """
        if request.integrity_algorithm is None:
            return self._challenge(request, ErrorNumber.UNAUTHENTICATED, client, now)
        name, name_hash, nonce = request.get(USERNAME), request.get(USERHASH), request.get(NONCE)
        if (name is None and name_hash is None) or nonce is None or REALM not in request:
            return Refused(request.error(ErrorCode.of(ErrorNumber.BAD_REQUEST)))
        offered, chosen = request.get(PASSWORD_ALGORITHMS), request.get(PASSWORD_ALGORITHM)
        number = PasswordAlgorithmNumber.MD5
        as_md5 = offered is None and chosen is None
        features = security_features(nonce)
        if not as_md5 and features is not None and SecurityFeature.PASSWORD_ALGORITHMS in features:
            if offered is None or tuple(offered) != OFFERED_ALGORITHMS or chosen not in OFFERED_ALGORITHMS:
                return Refused(request.error(ErrorCode.of(ErrorNumber.BAD_REQUEST)))
            number = PasswordAlgorithmNumber(chosen.number)
        if name is None:
            name = self._by_hash.get(name_hash or b"", "")
        password = self._lookup(name)
        try:
            # A stranger costs as much time as a wrong password, so that names cannot be found by the clock.
            key = long_term_key(name or "-", self.realm, password or "-", number)
            request.verify_integrity(key)
        except (CryptoError, RtcSyntaxError):
            return self._challenge(request, ErrorNumber.UNAUTHENTICATED, client, now)
        if password is None:
            return self._challenge(request, ErrorNumber.UNAUTHENTICATED, client, now)
        if not self.nonce_is_valid(nonce, client, now=now):
            return self._challenge(request, ErrorNumber.STALE_NONCE, client, now)
        return Authenticated(name, key, sha256=not as_md5)

    def _challenge(self, request: Message, number: ErrorNumber, client: Address, now: Instant) -> Refused:
        brief = len(self.realm.encode()) > _PHRASE_REALM_BYTES
        error = ErrorCode(int(number)) if brief else ErrorCode.of(number)
        attributes: list[AttributeValue] = [
            REALM(self.realm),
            NONCE(self.nonce(client, now=now)),
            PASSWORD_ALGORITHMS(OFFERED_ALGORITHMS),
        ]
        return Refused(request.error(error, attributes))
