"""Keys, the nonce cookie, and a client's half of the long-term dance, response by response."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import RtcSyntaxError
from rtcpy.stun import (
    ERROR_CODE,
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    REALM,
    USERHASH,
    USERNAME,
    ErrorCode,
    Integrity,
    LongTermClient,
    Message,
    MessageClass,
    Method,
    PasswordAlgorithm,
    PasswordAlgorithmNumber,
    Verdict,
    long_term_key,
    parse_message,
    short_term_key,
    userhash,
)
from rtcpy.stun.credentials import (
    MAX_STALE_NONCES,
    SecurityFeature,
    nonce_cookie,
    security_features,
    supported_algorithm,
)
from rtcpy.stun.values import AttributeValue

TID = bytes(range(12))
REQUEST = Message(Method.ALLOCATE, MessageClass.REQUEST, TID)
SHA256 = PasswordAlgorithm(PasswordAlgorithmNumber.SHA256)
MD5 = PasswordAlgorithm(PasswordAlgorithmNumber.MD5)
COOKIE = nonce_cookie(SecurityFeature.PASSWORD_ALGORITHMS)
ANONYMOUS = nonce_cookie(SecurityFeature.PASSWORD_ALGORITHMS | SecurityFeature.USERNAME_ANONYMITY)


def error(code: int, *attributes: AttributeValue) -> Message:
    return Message(
        Method.ALLOCATE, MessageClass.ERROR_RESPONSE, TID, [ERROR_CODE(ErrorCode(code)), *attributes]
    )


def received(message: Message, key: bytes | None = None, *, sha256: bool = False) -> Message:
    """`message` as it comes off the wire."""
    return parse_message(message.serialize(key, sha256=sha256))


OLD_CHALLENGE = error(401, REALM("example.org"), NONCE(b"old"))
NEW_CHALLENGE = error(401, REALM("example.org"), NONCE(COOKIE + b"1"), PASSWORD_ALGORITHMS([SHA256, MD5]))
SUCCESS = Message(Method.ALLOCATE, MessageClass.SUCCESS_RESPONSE, TID)


# --- keys ----------------------------------------------------------------------------------------------------


def test_the_example_of_the_rfc() -> None:
    """RFC 8489 §9.2.2."""
    assert long_term_key("user", "realm", "pass").hex() == "8493fbc53ba582fb4c044c456bdc40eb"


def test_sha256_key() -> None:
    """RFC 8489 §18.5.1.2."""
    key = long_term_key("user", "realm", "pass", PasswordAlgorithmNumber.SHA256)
    assert key == hashlib.sha256(b"user:realm:pass").digest()


def test_quotes_and_nuls_of_old_databases() -> None:
    """RFC 8489 §9.2.2: "with any quotes and trailing nulls removed"."""
    assert long_term_key('"user"', '"realm"\0', "pass\0\0") == long_term_key("user", "realm", "pass")
    assert long_term_key("user", "realm", '"pass"') != long_term_key("user", "realm", "pass")


def test_short_term_key_is_the_password() -> None:
    assert short_term_key("VOkJxbRl1RmTxUk/WvJxBt") == b"VOkJxbRl1RmTxUk/WvJxBt"
    assert short_term_key("e\u0301") == "é".encode()
    with pytest.raises(RtcSyntaxError):
        short_term_key("")


def test_userhash() -> None:
    """RFC 8489 §14.4."""
    assert userhash("user", "realm") == hashlib.sha256(b"user:realm").digest()


# --- the nonce cookie ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "cookie"),
    [
        (SecurityFeature.NONE, b"obMatJos2AAAA"),
        (SecurityFeature.PASSWORD_ALGORITHMS, b"obMatJos2gAAA"),
        (SecurityFeature.USERNAME_ANONYMITY, b"obMatJos2QAAA"),
        (SecurityFeature.PASSWORD_ALGORITHMS | SecurityFeature.USERNAME_ANONYMITY, b"obMatJos2wAAA"),
    ],
)
def test_nonce_cookie(features: SecurityFeature, cookie: bytes) -> None:
    """RFC 8489 §9.2, §18.1: bit 0 is the most significant of 24."""
    assert nonce_cookie(features) == cookie
    assert security_features(cookie + b"anything") == features


@pytest.mark.parametrize(
    "nonce", [b"", b"obMatJos2", b"obMatJos2AAA", b"xbMatJos2AAAA1", b"obMatJos2AA*A1", b"obMatJos2AA==1"]
)
def test_nonces_without_cookie(nonce: bytes) -> None:
    assert security_features(nonce) is None


def test_bits_of_the_future_are_kept() -> None:
    """RFC 8489 Appendix B.1 has "AAAC": an unassigned bit (or one counted from the other end)."""
    features = security_features(b"obMatJos2AAACf")
    assert features is not None
    assert int(features) == 2
    assert SecurityFeature.PASSWORD_ALGORITHMS not in features


@given(st.integers(0, (1 << 24) - 1))
def test_every_feature_set_survives(bits: int) -> None:
    assert int(security_features(nonce_cookie(SecurityFeature(bits))) or 0) == bits


def test_the_first_supported_algorithm_is_taken() -> None:
    """RFC 8489 §9.2.5."""
    unknown, with_parameters = PasswordAlgorithm(77), PasswordAlgorithm(2, b"x")
    assert supported_algorithm([unknown, with_parameters, MD5, SHA256]) == MD5
    assert supported_algorithm([SHA256, MD5]) == SHA256
    assert supported_algorithm([unknown, with_parameters]) is None


# --- LongTermClient ------------------------------------------------------------------------------------------


def challenged(challenge: Message = NEW_CHALLENGE) -> LongTermClient:
    client = LongTermClient("ann", "secret")
    assert client.handle_response(received(challenge)) is Verdict.RETRY
    return client


def test_the_first_request_is_bare() -> None:
    """RFC 8489 §9.2.3.1."""
    client = LongTermClient("ann", "secret")
    assert client.sign(REQUEST) == REQUEST.serialize(fingerprint=False)
    assert client.key is None
    assert client.realm is None


def test_after_a_challenge_of_an_old_server() -> None:
    """RFC 8489 §9.2.5: USERNAME, REALM, NONCE, MESSAGE-INTEGRITY with the MD5 key."""
    client = challenged(OLD_CHALLENGE)
    request = parse_message(client.sign(REQUEST, fingerprint=True), require_fingerprint=True)
    assert [kind.name for kind, _ in request.attributes] == ["USERNAME", "REALM", "NONCE"]
    assert request.get(USERNAME) == "ann"
    assert request.get(NONCE) == b"old"
    request.verify_integrity(long_term_key("ann", "example.org", "secret"), algorithm=Integrity.SHA1)
    assert REQUEST.attributes == []


def test_after_a_challenge_of_a_new_server() -> None:
    """RFC 8489 §9.2.5: PASSWORD-ALGORITHMS comes back unchanged, the first known one is chosen, only -SHA256."""
    client = challenged()
    request = parse_message(client.sign(REQUEST))
    assert tuple(request.get(PASSWORD_ALGORITHMS) or ()) == (SHA256, MD5)
    assert request.get(PASSWORD_ALGORITHM) == SHA256
    assert request.integrity is None
    key = long_term_key("ann", "example.org", "secret", PasswordAlgorithmNumber.SHA256)
    request.verify_integrity(key, algorithm=Integrity.SHA256)
    assert client.key == key
    assert client.realm == "example.org"


def test_md5_when_the_server_prefers_it_still_means_sha256_integrity() -> None:
    client = challenged(error(401, REALM("r"), NONCE(COOKIE + b"1"), PASSWORD_ALGORITHMS([MD5])))
    request = parse_message(client.sign(REQUEST))
    request.verify_integrity(long_term_key("ann", "r", "secret"), algorithm=Integrity.SHA256)


def test_anonymous() -> None:
    """RFC 8489 §9.2.5: with the anonymity bit, USERHASH and no USERNAME."""
    client = challenged(error(401, REALM("r"), NONCE(ANONYMOUS + b"1"), PASSWORD_ALGORITHMS([SHA256])))
    request = parse_message(client.sign(REQUEST))
    assert USERNAME not in request
    assert request.get(USERHASH) == userhash("ann", "r")


def test_the_same_refusal_twice_ends_it() -> None:
    """RFC 8489 §9.2.5: no retry without a change of name, realm or password."""
    client = challenged()
    assert client.handle_response(received(NEW_CHALLENGE)) is Verdict.FAIL
    assert client.failure == "the server refused name or password"


def test_another_realm_is_another_chance() -> None:
    client = challenged()
    other = error(401, REALM("other"), NONCE(COOKIE + b"2"), PASSWORD_ALGORITHMS([SHA256]))
    assert client.handle_response(received(other)) is Verdict.RETRY
    assert client.realm == "other"


def stale(nonce: bytes) -> Message:
    return error(438, REALM("example.org"), NONCE(nonce), PASSWORD_ALGORITHMS([SHA256, MD5]))


def test_stale_nonces() -> None:
    """RFC 8489 §9.2.5: 438 MUST be retried with the new nonce; we do so a bounded number of times in a row."""
    client = challenged()
    for i in range(MAX_STALE_NONCES):
        assert client.handle_response(received(stale(COOKIE + b"n%d" % i))) is Verdict.RETRY
        assert parse_message(client.sign(REQUEST)).get(NONCE) == COOKIE + b"n%d" % i
    assert client.handle_response(received(stale(COOKIE + b"x"))) is Verdict.FAIL
    assert "in a row stale" in client.failure


def test_a_success_between_stale_nonces_starts_the_count_anew() -> None:
    client = challenged()
    for _ in range(3 * MAX_STALE_NONCES):
        assert client.handle_response(received(stale(COOKIE + b"n"))) is Verdict.RETRY
        assert client.handle_response(received(SUCCESS, client.key, sha256=True)) is Verdict.ACCEPT


@pytest.mark.parametrize("code", [401, 438])
@pytest.mark.parametrize(
    "attributes",
    [
        [],
        [REALM("r")],
        [NONCE(b"n")],
        [REALM("r"), NONCE(COOKIE + b"1")],  # the promised PASSWORD-ALGORITHMS was struck out: §9.2.1
        [REALM("r"), NONCE(COOKIE + b"1"), PASSWORD_ALGORITHMS([PasswordAlgorithm(77)])],
        [REALM("r"), NONCE(COOKIE + b"1"), PASSWORD_ALGORITHMS([])],
        [REALM("r"), NONCE(COOKIE + b"1"), PASSWORD_ALGORITHMS([SHA256, PasswordAlgorithm(9, bytes(300))])],
        [REALM("\u200b"), NONCE(b"n")],  # no OpaqueString
    ],
    ids=[
        "bare",
        "no nonce",
        "no realm",
        "bid-down",
        "unknown algorithm",
        "no algorithm",
        "huge list",
        "bad realm",
    ],
)
def test_challenges_that_lead_nowhere(code: int, attributes: list[AttributeValue]) -> None:
    client = LongTermClient("ann", "secret")
    assert client.handle_response(received(error(code, *attributes))) is Verdict.FAIL
    assert client.failure
    assert client.key is None


def test_a_realm_too_long_to_repeat() -> None:
    """What may be received (763 bytes) is more than what may be sent (127 characters)."""
    challenge = error(401, NONCE(b"n"))
    data = challenge.serialize(fingerprint=False)
    realm = b"\x00\x14\x02\x00" + b"r" * 512
    data = data[:2] + (len(data) - 20 + len(realm)).to_bytes(2, "big") + data[4:] + realm
    client = LongTermClient("ann", "secret")
    assert client.handle_response(parse_message(data)) is Verdict.FAIL
    assert "realm cannot be used" in client.failure


def test_a_server_that_stops_offering_algorithms() -> None:
    """Bid-down by somebody who also forges the nonce: once -SHA256, always -SHA256 (RFC 8489 §9.2.5)."""
    client = challenged()
    assert (
        client.handle_response(received(error(438, REALM("example.org"), NONCE(b"no cookie"))))
        is Verdict.FAIL
    )
    assert "no longer" in client.failure


def other_key(_: LongTermClient) -> bytes:
    return b"other"


def own_key(client: LongTermClient) -> bytes:
    assert client.key is not None
    return client.key


@pytest.mark.parametrize(
    ("response", "key", "sha256", "verdict", "violated"),
    [
        (SUCCESS, own_key, True, Verdict.ACCEPT, False),
        (SUCCESS, own_key, False, Verdict.DISCARD, True),  # the other algorithm, §9.2.5 and §9.1.4
        (SUCCESS, other_key, True, Verdict.DISCARD, True),
        (SUCCESS, None, False, Verdict.DISCARD, True),
        (error(486), own_key, True, Verdict.ACCEPT, False),
        (error(486), None, False, Verdict.DISCARD, True),
        (error(400), None, False, Verdict.DISCARD, False),  # §9.2.5: as if never received
        (error(400), own_key, True, Verdict.ACCEPT, False),
        (error(508, NONCE(COOKIE + b"1")), own_key, True, Verdict.DISCARD, False),  # bid-down
        (error(508, NONCE(COOKIE), PASSWORD_ALGORITHMS([SHA256])), own_key, True, Verdict.ACCEPT, False),
    ],
)
def test_responses_to_signed_requests(
    response: Message, key: object, sha256: bool, verdict: Verdict, violated: bool
) -> None:
    client = challenged()
    raw = received(response, key(client) if callable(key) else None, sha256=sha256)
    assert client.handle_response(raw) is verdict
    assert client.integrity_violated is violated


def test_responses_to_bare_requests() -> None:
    """A server that asks for nothing is believed; its 400 without HMAC is not (RFC 8489 §9.2.5)."""
    client = LongTermClient("ann", "secret")
    assert client.handle_response(received(SUCCESS)) is Verdict.ACCEPT
    assert client.handle_response(received(error(500))) is Verdict.ACCEPT
    assert client.handle_response(received(error(400))) is Verdict.DISCARD


def test_names_are_brought_into_form() -> None:
    client = LongTermClient("e\u0301", "p\u00a0w")
    assert client.handle_response(received(OLD_CHALLENGE)) is Verdict.RETRY
    assert parse_message(client.sign(REQUEST)).get(USERNAME) == "é"
    assert client.key == long_term_key("é", "example.org", "p w")
    with pytest.raises(RtcSyntaxError):
        LongTermClient("", "x")
