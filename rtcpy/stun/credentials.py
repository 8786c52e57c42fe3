"""Keys from names and passwords, and a client's half of the long-term credential dance.

*Short-term* credentials (ICE): both ends learnt a password through signalling; the key is that password.
*Long-term* credentials (TURN): an account. The server challenges the first request with a realm and a nonce (401),
the client answers with its name and an HMAC whose key is a hash of name, realm and password; when the nonce has
expired the server hands out another (438).

    client                                  server
      | Allocate ------------------------------> |
      | <------------- 401 REALM NONCE [PASSWORD-ALGORITHMS]
      | Allocate USERNAME REALM NONCE … HMAC --> |
      | <----------------------- success + HMAC  |

A nonce that begins with "obMatJos2" says that the server speaks RFC 8489, and the 24 bits after that say which
protections it offered, so that nobody in the middle can strike the better ones from the list unnoticed (§9.2.1).

Owned here: keys, USERHASH, the nonce cookie, `LongTermClient`. The server's half is in `server`.

Specs: RFC 8489 §9.1, §9.2, §14.4, §18.1, §18.5.1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from enum import Enum, IntFlag

from rtcpy.core.errors import CryptoError, UsageError
from rtcpy.stun.attributes import (
    ERROR_CODE,
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    REALM,
    USERHASH,
    USERNAME,
)
from rtcpy.stun.error_codes import ErrorNumber
from rtcpy.stun.integrity import Integrity
from rtcpy.stun.message import Message, MessageClass
from rtcpy.stun.opaque import opaque_string
from rtcpy.stun.values import PasswordAlgorithm, PasswordAlgorithmNumber

NONCE_COOKIE = b"obMatJos2"  # followed by 4 base64 characters of feature bits, RFC 8489 §9.2
NONCE_COOKIE_BYTES = len(NONCE_COOKIE) + 4
MAX_ECHO_BYTES = 256  # of PASSWORD-ALGORITHMS: every request must repeat them, and the registry has two
MAX_STALE_NONCES = 3  # 438s in a row until we give up; the RFC sets no limit, a broken server would loop us


def short_term_key(password: str) -> bytes:
    """The HMAC key of a short-term credential: the password itself. Spec: RFC 8489 §9.1.1."""
    return opaque_string(password).encode()


def long_term_key(
    username: str, realm: str, password: str, algorithm: PasswordAlgorithmNumber = PasswordAlgorithmNumber.MD5
) -> bytes:
    """The HMAC key of an account: a hash of ``username:realm:password``, 16 **bytes** for MD5, 32 for SHA-256.

    Quotes around and NULs behind name and realm, which SIP databases may hold, are removed first.

    Raises:
        RtcSyntaxError: one of the three has no OpaqueString form.

    Spec: RFC 8489 §9.2.2, §18.5.1.
    """
    name = opaque_string(_unquoted(username))
    text = ":".join((name, opaque_string(_unquoted(realm)), opaque_string(password.rstrip("\0")))).encode()
    if algorithm is PasswordAlgorithmNumber.SHA256:
        return hashlib.sha256(text).digest()
    return hashlib.md5(text, usedforsecurity=False).digest()


def _unquoted(text: str) -> str:
    text = text.rstrip("\0")
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def userhash(username: str, realm: str) -> bytes:
    """The 32 **bytes** of USERHASH, which name an account without showing it. Spec: RFC 8489 §14.4."""
    return hashlib.sha256(f"{opaque_string(username)}:{opaque_string(realm)}".encode()).digest()


class SecurityFeature(IntFlag):
    """The bits in the nonce cookie; bit 0 of the registry is the most significant of 24. Spec: RFC 8489 §18.1."""

    NONE = 0
    PASSWORD_ALGORITHMS = 1 << 23
    USERNAME_ANONYMITY = 1 << 22


def nonce_cookie(features: SecurityFeature) -> bytes:
    """The 13 **bytes** that an RFC 8489 server puts before its nonce. Spec: RFC 8489 §9.2."""
    return NONCE_COOKIE + base64.b64encode(int(features).to_bytes(3, "big"))


def security_features(nonce: bytes) -> SecurityFeature | None:
    """What a NONCE says the server offered, or `None` when it has no cookie (an RFC 5389 server).

    Spec: RFC 8489 §9.2.
    """
    if not nonce.startswith(NONCE_COOKIE) or len(nonce) < NONCE_COOKIE_BYTES:
        return None
    try:
        bits = base64.b64decode(nonce[len(NONCE_COOKIE) : NONCE_COOKIE_BYTES], validate=True)
    except binascii.Error:
        return None
    return SecurityFeature(int.from_bytes(bits, "big")) if len(bits) == 3 else None


def supported_algorithm(offered: Sequence[PasswordAlgorithm]) -> PasswordAlgorithm | None:
    """The first offered algorithm that we have; both of ours take no parameters. Spec: RFC 8489 §9.2.5, §18.5.1."""
    known = frozenset(int(number) for number in PasswordAlgorithmNumber)
    return next((entry for entry in offered if entry.number in known and not entry.parameters), None)


class Verdict(Enum):
    """What to do with a response."""

    ACCEPT = "accept"  # authentic, or no authentication was asked for: hand it to the application
    RETRY = "retry"  # build the request again with a new transaction id, and sign it again
    DISCARD = "discard"  # as if it had never arrived; retransmissions go on
    FAIL = "fail"  # the transaction is over: these credentials will not do


class LongTermClient:
    """One account at one server: signs requests, checks responses, follows 401 and 438.

    Invariant: once the server has listed PASSWORD-ALGORITHMS, every request carries MESSAGE-INTEGRITY-SHA256 only
    (RFC 8489 §9.2.5, last paragraph).

    Args:
        username: the account; brought into OpaqueString form here.
        password: its password.

    Raises:
        RtcSyntaxError: one of the two has no OpaqueString form.
    """

    __slots__ = (
        "_algorithm",
        "_algorithms",
        "_anonymous",
        "_key",
        "_nonce",
        "_password",
        "_realm",
        "_stale",
        "_username",
        "failure",
        "integrity_violated",
    )

    def __init__(self, username: str, password: str) -> None:
        self._username, self._password = opaque_string(username), opaque_string(password)
        self._realm: str | None = None
        self._nonce = b""
        self._algorithms: Sequence[PasswordAlgorithm] | None = None
        self._algorithm: PasswordAlgorithm | None = None
        self._anonymous = False
        self._key: bytes | None = None
        self._stale = 0
        self.integrity_violated = False
        """A response was discarded for its HMAC. If the transaction then times out, say so instead of "timeout"
        (RFC 8489 §9.2.5)."""
        self.failure = ""
        """Why the last verdict was `FAIL`, in words."""

    @property
    def key(self) -> bytes | None:
        """The HMAC key in use; `None` before the first challenge."""
        return self._key

    @property
    def realm(self) -> str | None:
        """The server's realm; `None` before the first challenge."""
        return self._realm

    @property
    def integrity(self) -> Integrity:
        """The HMAC that we send and expect back."""
        return Integrity.SHA1 if self._algorithms is None else Integrity.SHA256

    def sign(self, request: Message, *, fingerprint: bool = False) -> bytes:
        """`request` as **bytes**; after a challenge, with credentials and HMAC. `request` is not changed.

        Spec: RFC 8489 §9.2.3, §9.2.5.
        """
        if self._key is None or self._realm is None:
            return request.serialize(fingerprint=fingerprint)
        name = (
            USERHASH(userhash(self._username, self._realm)) if self._anonymous else USERNAME(self._username)
        )
        attributes = [*request.attributes, name, REALM(self._realm), NONCE(self._nonce)]
        if self._algorithms is not None and self._algorithm is not None:
            attributes += [PASSWORD_ALGORITHMS(self._algorithms), PASSWORD_ALGORITHM(self._algorithm)]
        signed = Message(request.method, request.message_class, request.transaction_id, attributes)
        return signed.serialize(self._key, sha256=self.integrity is Integrity.SHA256, fingerprint=fingerprint)

    def handle_response(self, response: Message) -> Verdict:
        """Judge a response whose transaction id was found to be ours.

        Spec: RFC 8489 §9.2.5.
        """
        error = response.get(ERROR_CODE) if response.message_class is MessageClass.ERROR_RESPONSE else None
        nonce = response.get(NONCE)
        features = None if nonce is None else security_features(nonce)
        struck = (
            features is not None
            and SecurityFeature.PASSWORD_ALGORITHMS in features
            and PASSWORD_ALGORITHMS not in response
        )
        if error is not None and error.code in (ErrorNumber.UNAUTHENTICATED, ErrorNumber.STALE_NONCE):
            if struck:
                return self._fail("the nonce promises PASSWORD-ALGORITHMS, but somebody removed them")
            return self._handle_challenge(response, stale=error.code == ErrorNumber.STALE_NONCE)
        if struck:
            return Verdict.DISCARD
        if (
            error is not None
            and error.code == ErrorNumber.BAD_REQUEST
            and response.integrity_algorithm is None
        ):
            return Verdict.DISCARD
        if self._key is not None:
            try:
                response.verify_integrity(self._key, algorithm=self.integrity)
            except CryptoError:
                self.integrity_violated = True
                return Verdict.DISCARD
            self._stale = 0
        return Verdict.ACCEPT

    def _handle_challenge(self, response: Message, *, stale: bool) -> Verdict:
        realm, nonce = response.get(REALM), response.get(NONCE)
        if realm is None or nonce is None:
            return self._fail("the challenge lacks REALM or NONCE")
        if stale:
            self._stale += 1
            if self._stale > MAX_STALE_NONCES:
                return self._fail(f"the server called {self._stale} nonces in a row stale")
        elif self._key is not None and realm == self._realm:
            return self._fail("the server refused name or password")  # nothing to change: §9.2.5, 401
        features = security_features(nonce) or SecurityFeature.NONE
        algorithms = response.get(PASSWORD_ALGORITHMS)
        algorithm = None
        if algorithms is not None:
            if sum(4 + len(entry.parameters) for entry in algorithms) > MAX_ECHO_BYTES:
                return self._fail("the server's list of password algorithms is unreasonably long")
            algorithm = supported_algorithm(algorithms)
            if algorithm is None:
                return self._fail("the server offers no password algorithm that we have")
        elif self._algorithms is not None:
            return self._fail("the server offered PASSWORD-ALGORITHMS before and does no longer")  # bid-down
        number = (
            PasswordAlgorithmNumber.MD5 if algorithm is None else PasswordAlgorithmNumber(algorithm.number)
        )
        try:
            REALM.encode(realm, b"")  # what may be received is longer than what may be sent
            key = long_term_key(self._username, realm, self._password, number)
        except UsageError as refused:
            return self._fail(f"the server's realm cannot be used: {refused}")
        self._realm, self._nonce, self._key = realm, nonce, key
        self._algorithms, self._algorithm = algorithms, algorithm
        self._anonymous = SecurityFeature.USERNAME_ANONYMITY in features
        return Verdict.RETRY

    def _fail(self, why: str) -> Verdict:
        self.failure = why
        return Verdict.FAIL
