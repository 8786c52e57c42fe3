"""The answering machine: what it answers to what, what it never answers, and how much at most."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.env import SeededEntropy
from rtcpy.core.errors import RtcRangeError
from rtcpy.core.machine import Address, Datagram
from rtcpy.core.tap import Direction, Tap
from rtcpy.sim.nat import NatConfig
from rtcpy.sim.network import Network
from rtcpy.stun import (
    ERROR_CODE,
    ICE_CONTROLLING,
    MAPPED_ADDRESS,
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    PRIORITY,
    REALM,
    SOFTWARE,
    UNKNOWN_ATTRIBUTES,
    USERHASH,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    Answered,
    AttributeValue,
    Authenticator,
    Drop,
    ErrorCode,
    Integrity,
    LongTermClient,
    Message,
    MessageClass,
    Method,
    PasswordAlgorithm,
    PasswordAlgorithmNumber,
    RateLimiter,
    StunServer,
    long_term_key,
    parse_message,
    userhash,
)
from rtcpy.stun.authenticator import MAX_REALM_BYTES, OFFERED_ALGORITHMS
from rtcpy.stun.values import unknown_attribute
from rtcpy.testing.laws import Connection, check_machine
from tests.profile import scale
from tests.stun import strategies as s
from tests.stun.binding_client import BindingClient, Failed, Mapped

TID = bytes(range(12))
SERVER = Address("192.0.2.1", 3478)
CLIENT = Address("203.0.113.9", 40000)
BARE = bytes.fromhex("0001 0000 2112a442") + TID


def binding(*attributes: AttributeValue) -> Message:
    return Message(Method.BINDING, MessageClass.REQUEST, TID, list(attributes))


def ask(server: StunServer, data: bytes, *, client: Address = CLIENT, now: float = 0.0) -> Message | None:
    """The answer to `data`, if there is one; it must go back the way the request came."""
    server.receive(Datagram(data, SERVER, client), now=now)
    out = server.take_packets()
    if not out:
        return None
    (answer,) = out
    assert (answer.local, answer.remote) == (SERVER, client)
    return parse_message(answer.data)


# --- answers -------------------------------------------------------------------------------------------------


def test_the_answer_byte_by_byte() -> None:
    """20 bytes in, 32 out: RFC 8489 §6.3.1.1, and no SOFTWARE."""
    server = StunServer()
    server.receive(Datagram(BARE, SERVER, Address("192.0.2.1", 32853)), now=0.0)
    (answer,) = server.take_packets()
    assert answer.data == bytes.fromhex("0101 000c 2112a442") + TID + bytes.fromhex(
        "0020 0008 0001 a147 e112a643"
    )
    assert server.take_events() == [Answered(Address("192.0.2.1", 32853), SERVER, None)]
    assert server.answered == 1


def test_ipv6() -> None:
    client = Address("2001:db8::9", 5)
    answer = ask(StunServer(), BARE, client=client)
    assert answer is not None
    assert answer.get(XOR_MAPPED_ADDRESS) == client


@pytest.mark.parametrize(
    "attributes",
    [
        [],
        [SOFTWARE("x")],
        [USERNAME("a:b"), PRIORITY(1), ICE_CONTROLLING(2)],  # known but not expected: ignored, §6.3
        [unknown_attribute(0xC057)(b"\0\1\0\0"), unknown_attribute(0xFFFF)(b"")],
        [MAPPED_ADDRESS(CLIENT)],
    ],
)
def test_successes(attributes: list[AttributeValue]) -> None:
    answer = ask(StunServer(), binding(*attributes).serialize(fingerprint=False))
    assert answer is not None
    assert answer == binding().success([XOR_MAPPED_ADDRESS(CLIENT)])
    assert answer.fingerprint is None
    assert answer.integrity_algorithm is None


def test_fingerprint_for_fingerprint() -> None:
    """RFC 8489 §7: whoever sends it is multiplexing."""
    answer = ask(StunServer(), binding().serialize())
    assert answer is not None
    assert answer.fingerprint is not None


def test_a_signed_request_to_an_open_server() -> None:
    """It knows no keys, so it answers unsigned."""
    answer = ask(StunServer(), binding(USERNAME("a")).serialize(b"key"))
    assert answer is not None
    assert answer.message_class is MessageClass.SUCCESS_RESPONSE
    assert answer.integrity_algorithm is None


def test_unknown_attributes_are_named() -> None:
    """RFC 8489 §6.3.1: 420 with the list; CHANGE-REQUEST (RFC 5780) is one that we do not understand."""
    request = binding(unknown_attribute(0x0003)(bytes(4)), USERNAME("a"), unknown_attribute(0x7FFF)(b""))
    answer = ask(StunServer(), request.serialize(fingerprint=False))
    assert answer is not None
    assert answer.get(ERROR_CODE) == ErrorCode(420, "Unknown Attribute")
    assert answer.get(UNKNOWN_ATTRIBUTES) == (0x0003, 0x7FFF)
    assert XOR_MAPPED_ADDRESS not in answer


def test_the_list_of_unknown_attributes_is_bounded() -> None:
    request = binding(*[unknown_attribute(0x4000 + i)(b"") for i in range(200)])
    answer = ask(StunServer(), request.serialize(fingerprint=False))
    assert answer is not None
    assert answer.get(UNKNOWN_ATTRIBUTES) == tuple(range(0x4000, 0x4020))


@pytest.mark.parametrize(
    "tail", ["0024 0003 61626300", "0006 ffff 61626364", "0008 0004 61626364", "0020 0004 00010000"]
)
def test_malformed_attributes_are_a_bad_request(tail: str) -> None:
    """RFC 8489 §14.8."""
    body = bytes.fromhex(tail)
    server = StunServer()
    answer = ask(server, BARE[:2] + len(body).to_bytes(2, "big") + BARE[4:] + body)
    assert answer is not None
    assert answer == binding().error(ErrorCode(400, "Bad Request"))
    assert server.take_events() == [Answered(CLIENT, SERVER, 400)]


# --- silence -------------------------------------------------------------------------------------------------

GOOD_FINGERPRINT = binding().serialize()
SILENCE = {
    "nothing": (b"", Drop.NOT_STUN),
    "DTLS": (b"\x16\xfe\xfd" + bytes(30), Drop.NOT_STUN),
    "RFC 3489": (BARE[:4] + bytes(4) + BARE[8:], Drop.NOT_STUN),
    "truncated": (BARE[:19], Drop.NOT_STUN),
    "wrong length": (BARE + b"abcd", Drop.NOT_STUN),
    "indication": (b"\0\x11" + BARE[2:], Drop.NOT_A_REQUEST),
    "success response": (b"\1\1" + BARE[2:], Drop.NOT_A_REQUEST),  # two servers must not play ping-pong
    "error response": (b"\1\x11" + BARE[2:], Drop.NOT_A_REQUEST),
    "Allocate": (b"\0\3" + BARE[2:], Drop.UNSUPPORTED_METHOD),
    "unknown method": (b"\x3e\xef" + BARE[2:], Drop.UNSUPPORTED_METHOD),
    "wrong FINGERPRINT": (GOOD_FINGERPRINT[:-1] + bytes([GOOD_FINGERPRINT[-1] ^ 1]), Drop.MALFORMED),
    "too long": (
        binding(unknown_attribute(0xC000)(bytes(1480))).serialize(fingerprint=False),
        Drop.MALFORMED,
    ),
}


@pytest.mark.parametrize("what", SILENCE)
def test_silence(what: str) -> None:
    data, reason = SILENCE[what]
    server = StunServer()
    assert ask(server, data) is None
    assert server.dropped == {reason: 1}
    assert server.answered == 0
    assert server.take_events() == []


@pytest.mark.parametrize("client", [Address("203.0.113.9", 0), Address("not an address", 5)])
def test_sources_that_cannot_be_answered(client: Address) -> None:
    server = StunServer()
    assert ask(server, BARE, client=client) is None
    assert server.dropped == {Drop.UNANSWERABLE: 1}


def test_the_tap_hears_everything() -> None:
    heard: list[tuple[object, ...]] = []

    class Ear(Tap):
        def packet(self, layer: str, direction: Direction, data: bytes, **_: object) -> None:
            heard.append((layer, direction, len(data)))

        def drop(self, layer: str, data: bytes, reason: str, *, now: float) -> None:
            heard.append((layer, reason, now))

    server = StunServer(tap=Ear())
    ask(server, BARE, now=1.0)
    ask(server, b"x", now=2.0)
    assert heard == [
        ("stun", Direction.IN, 20),
        ("stun", Direction.OUT, 32),
        ("stun", Direction.IN, 1),
        ("stun", "not STUN (RFC 8489 §5)", 2.0),
    ]


# --- restraint -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [CLIENT, Address("2001:db8::9", 5)])
@pytest.mark.parametrize(
    "realm", [None, "rtcpy", "x" * MAX_REALM_BYTES, "é" * (MAX_REALM_BYTES // 2), "x" * 20, "x" * 21]
)
def test_no_lever(client: Address, realm: str | None) -> None:
    """A 20-byte request brings at most six times as much, challenge included; 28 bytes with FINGERPRINT as well."""
    authenticator = None if realm is None else Authenticator(realm, {"a": "b"}, entropy=SeededEntropy(1))
    for request in (BARE, binding().serialize()):
        server = StunServer(authenticator=authenticator)
        server.receive(Datagram(request, SERVER, client), now=1e9)
        (answer,) = server.take_packets()
        assert len(answer.data) <= 6 * len(request)
        assert b"\x80\x22" not in answer.data[20:24]
        assert SOFTWARE not in parse_message(answer.data)


@given(
    s.messages.map(lambda m: Message(Method.BINDING, MessageClass.REQUEST, m.transaction_id, m.attributes))
)
def test_no_lever_in_anything(message: Message) -> None:
    """Whatever is asked, by whatever attributes: at most six times as much comes back."""
    for server in (
        StunServer(),
        StunServer(authenticator=Authenticator("r", {"a": "b"}, entropy=SeededEntropy(1))),
    ):
        data = message.serialize(b"key")
        server.receive(Datagram(data, SERVER, CLIENT), now=0.0)
        assert sum(len(packet.data) for packet in server.take_packets()) <= 6 * len(data)


@given(
    st.binary(max_size=80)
    | st.binary(max_size=60).map(lambda tail: BARE[:3] + bytes([len(tail)]) + BARE[4:] + tail)
)
def test_any_bytes(data: bytes) -> None:
    """Law 5, and one answer at most."""
    server = StunServer()
    server.receive(Datagram(data, SERVER, CLIENT), now=0.0)
    assert len(server.take_packets()) + server.dropped.total() == 1


def test_a_flood_is_answered_at_a_bounded_rate() -> None:
    server = StunServer(limiter=RateLimiter(rate=16, burst=5))
    answered = sum(ask(server, BARE, now=i / 1024) is not None for i in range(1025))  # one second
    assert answered == 5 + 16
    assert server.dropped == {Drop.RATE_LIMITED: 1025 - 21}
    assert ask(server, BARE, client=Address("203.0.113.10", 1), now=1.0) is not None  # others do not suffer


def test_malformed_requests_count_against_the_rate() -> None:
    server = StunServer(limiter=RateLimiter(rate=1, burst=1))
    bad = BARE[:2] + b"\0\4" + BARE[4:] + b"\0\x24\0\1"
    assert ask(server, bad) is not None
    assert ask(server, bad) is None


def test_the_limiter_forgets_the_quietest_host() -> None:
    limiter = RateLimiter(rate=1, burst=1, max_hosts=3)
    for host in "abc":
        assert limiter.allow(host, now=0.0)
    assert not limiter.allow("a", now=0.0)  # heard again: now b is the quietest
    assert limiter.allow("d", now=0.0)
    assert len(limiter) == 3
    assert not limiter.allow("a", now=0.0)
    assert limiter.allow("b", now=0.0)  # forgotten, so fresh


def test_the_limiter_table_is_bounded() -> None:
    limiter = RateLimiter()
    for i in range(10_000):
        limiter.allow(f"192.0.{i >> 8}.{i & 255}", now=0.0)
    assert len(limiter) == 4096


def test_one_ipv6_subscriber_is_one_host() -> None:
    limiter = RateLimiter(rate=1, burst=2)
    assert limiter.allow("2001:db8:1:2::1", now=0.0)
    assert limiter.allow("2001:db8:1:2:ffff::2", now=0.0)
    assert not limiter.allow("2001:db8:1:2::3", now=0.0)
    assert limiter.allow("2001:db8:1:3::1", now=0.0)
    assert limiter.allow("not:an:address", now=0.0)


@given(st.lists(st.floats(0, 0.3), max_size=60), st.integers(1, 20), st.integers(1, 10))
def test_the_bucket_never_gives_more_than_it_has(gaps: list[float], rate: int, burst: int) -> None:
    limiter = RateLimiter(rate, burst)
    now, granted = 0.0, 0
    for gap in gaps:
        now += gap
        granted += limiter.allow("a", now=now)
    assert granted <= burst + rate * now + 1e-6


# --- long-term credentials -----------------------------------------------------------------------------------

ACCOUNTS = {"ann": "secret", "マトリックス": "TheMatrIX"}
KEY = long_term_key("ann", "example.org", "secret", PasswordAlgorithmNumber.SHA256)
MD5_KEY = long_term_key("ann", "example.org", "secret")


def guarded(**options: object) -> StunServer:
    return StunServer(
        authenticator=Authenticator("example.org", ACCOUNTS, entropy=SeededEntropy("nonce"), **options)  # type: ignore[arg-type]
    )


def challenge(server: StunServer, *, client: Address = CLIENT, now: float = 0.0) -> bytes:
    """The nonce of a fresh challenge."""
    answer = ask(server, BARE, client=client, now=now)
    assert answer is not None
    nonce = answer.get(NONCE)
    assert nonce is not None
    return nonce


def proof(nonce: bytes, *, without: Sequence[object] = (), **other: AttributeValue) -> Message:
    """A complete authenticated request for ann, with attributes left out or replaced by name."""
    parts = {
        "USERNAME": USERNAME("ann"),
        "REALM": REALM("example.org"),
        "NONCE": NONCE(nonce),
        "PASSWORD_ALGORITHMS": PASSWORD_ALGORITHMS(OFFERED_ALGORITHMS),
        "PASSWORD_ALGORITHM": PASSWORD_ALGORITHM(PasswordAlgorithm(2)),
    } | other
    return binding(*[part for name, part in parts.items() if name not in without])


def code(answer: Message | None) -> int | None:
    """The error code of an answer, `None` for a success."""
    assert answer is not None
    error = answer.get(ERROR_CODE)
    return None if error is None else error.code


def check_challenge(answer: Message | None, number: int) -> None:
    """RFC 8489 §9.2.4: REALM, NONCE, PASSWORD-ALGORITHMS, and nothing that names anybody."""
    assert code(answer) == number
    assert answer is not None
    assert answer.get(REALM) == "example.org"
    assert (
        answer.get(
            NONCE,
        )
        is not None
    )
    assert answer.get(PASSWORD_ALGORITHMS) == OFFERED_ALGORITHMS
    assert USERNAME not in answer
    assert answer.integrity_algorithm is None


def test_strangers_are_challenged() -> None:
    server = guarded()
    check_challenge(ask(server, BARE), 401)
    check_challenge(ask(server, binding(USERNAME("ann")).serialize()), 401)


def test_a_nonce_is_for_one_address() -> None:
    """RFC 8489 §9.2.4: never the same for two source addresses; and it begins with the cookie (§9.2)."""
    server = guarded()
    nonces = {
        challenge(server),
        challenge(server, client=Address(CLIENT.host, CLIENT.port + 1)),
        challenge(server, client=Address("203.0.113.10", CLIENT.port)),
    }
    assert len(nonces) == 3
    assert all(nonce.startswith(b"obMatJos2gAAA") for nonce in nonces)


@pytest.mark.parametrize("fingerprint", [False, True])
def test_proof_with_sha256(fingerprint: bool) -> None:
    server = guarded()
    answer = ask(server, proof(challenge(server)).serialize(KEY, sha256=True, fingerprint=fingerprint))
    assert code(answer) is None
    assert answer is not None
    assert answer.get(XOR_MAPPED_ADDRESS) == CLIENT
    answer.verify_integrity(KEY, algorithm=Integrity.SHA256)
    assert (answer.fingerprint is not None) == fingerprint
    assert USERNAME not in answer


def test_proof_with_md5_chosen() -> None:
    """The key is MD5's, the HMAC SHA-256's: RFC 8489 §9.2.4, end."""
    server = guarded()
    request = proof(challenge(server), PASSWORD_ALGORITHM=PASSWORD_ALGORITHM(PasswordAlgorithm(1)))
    answer = ask(server, request.serialize(MD5_KEY, sha256=True))
    assert code(answer) is None
    assert answer is not None
    answer.verify_integrity(MD5_KEY, algorithm=Integrity.SHA256)


def test_proof_of_an_old_client() -> None:
    """Neither PASSWORD-ALGORITHMS nor -ALGORITHM: as though MD5, answered with MESSAGE-INTEGRITY. §9.2.4."""
    server = guarded()
    request = proof(challenge(server), without=["PASSWORD_ALGORITHMS", "PASSWORD_ALGORITHM"])
    answer = ask(server, request.serialize(MD5_KEY))
    assert code(answer) is None
    assert answer is not None
    answer.verify_integrity(MD5_KEY, algorithm=Integrity.SHA1)


@pytest.mark.parametrize(
    ("without", "other"),
    [
        (["USERNAME"], {}),
        (["REALM"], {}),
        (["NONCE"], {}),
        (["PASSWORD_ALGORITHMS"], {}),
        (["PASSWORD_ALGORITHM"], {}),
        ([], {"PASSWORD_ALGORITHMS": PASSWORD_ALGORITHMS([PasswordAlgorithm(2)])}),
        ([], {"PASSWORD_ALGORITHMS": PASSWORD_ALGORITHMS([PasswordAlgorithm(1), PasswordAlgorithm(2)])}),
        ([], {"PASSWORD_ALGORITHM": PASSWORD_ALGORITHM(PasswordAlgorithm(3))}),
    ],
)
def test_incomplete_or_bent_requests(without: list[str], other: dict[str, AttributeValue]) -> None:
    """RFC 8489 §9.2.4: 400, with nothing that helps an attacker; the list must be the one we offered."""
    server = guarded()
    request = proof(challenge(server), without=without, **other)
    answer = ask(server, request.serialize(KEY, sha256=True))
    assert code(answer) == 400
    assert answer is not None
    assert len(answer.attributes) == 1
    assert answer.integrity_algorithm is None


def test_wrong_credentials() -> None:
    server = guarded()
    nonce = challenge(server)
    check_challenge(ask(server, proof(nonce).serialize(b"wrong", sha256=True)), 401)
    stranger = proof(nonce, USERNAME=USERNAME("bob"))
    key = long_term_key("bob", "example.org", "secret", PasswordAlgorithmNumber.SHA256)
    check_challenge(ask(server, stranger.serialize(key, sha256=True)), 401)
    # The key that stands in for an unknown name opens nothing.
    stand_in = long_term_key("bob", "example.org", "-", PasswordAlgorithmNumber.SHA256)
    check_challenge(ask(server, stranger.serialize(stand_in, sha256=True)), 401)
    nameless = proof(nonce, without=["USERNAME"], USERHASH=USERHASH(bytes(32)))
    stand_in = long_term_key("-", "example.org", "-", PasswordAlgorithmNumber.SHA256)
    check_challenge(ask(server, nameless.serialize(stand_in, sha256=True)), 401)
    tabbed = proof(nonce, USERNAME=USERNAME("a\tb"))
    check_challenge(ask(server, tabbed.serialize(KEY, sha256=True)), 401)


def test_truncated_hmacs_are_not_taken() -> None:
    """RFC 8489 §14.6: this usage does not allow them."""
    server = guarded()
    data = proof(challenge(server)).serialize(KEY, sha256=True, sha256_bytes=16)
    check_challenge(ask(server, data), 401)


def test_stale_nonces() -> None:
    """438 with a fresh nonce, which then works; not a second before it expires."""
    server = guarded(nonce_lifetime=60)
    nonce = challenge(server, now=100.0)
    data = proof(nonce).serialize(KEY, sha256=True)
    assert code(ask(server, data, now=159.9)) is None
    answer = ask(server, data, now=160.0)
    check_challenge(answer, 438)
    assert answer is not None
    fresh = answer.get(NONCE)
    assert fresh is not None
    assert fresh != nonce
    assert code(ask(server, proof(fresh).serialize(KEY, sha256=True), now=160.0)) is None


def test_a_captured_proof_is_worth_nothing_elsewhere() -> None:
    """Replay from another address or port: the nonce is not for it."""
    server = guarded()
    data = proof(challenge(server)).serialize(KEY, sha256=True)
    assert code(ask(server, data)) is None
    for thief in (Address(CLIENT.host, 40001), Address("203.0.113.10", CLIENT.port)):
        check_challenge(ask(server, data, client=thief), 438)


@pytest.mark.parametrize("nonce", [b"obMatJos2gAAA", b"obMatJos2gAAA****", b"obMatJos2gAAA" + b"A" * 22])
def test_invented_nonces(nonce: bytes) -> None:
    """Known password, unknown nonce: 438."""
    check_challenge(ask(guarded(), proof(nonce).serialize(KEY, sha256=True)), 438)


@pytest.mark.parametrize(
    "nonce", [b"", b"f//499k954d6OL34oL9FSTvy64sA", b"\xff" * 35, b"obMatJos2AAAA" + b"A" * 22]
)
def test_invented_nonces_without_our_cookie(nonce: bytes) -> None:
    request = proof(nonce, without=["PASSWORD_ALGORITHMS", "PASSWORD_ALGORITHM"])
    check_challenge(ask(guarded(), request.serialize(MD5_KEY)), 438)


@given(st.integers(0, 34), st.integers(0, 7))
def test_no_nonce_can_be_bent(at: int, bit: int) -> None:
    """Each of the 35 characters matters, but for spare bits of the last base64 digit."""
    authenticator = Authenticator("r", {}, entropy=SeededEntropy(1))
    nonce = authenticator.nonce(CLIENT, now=5.0)
    assert len(nonce) == 35
    bent = nonce[:at] + bytes([nonce[at] ^ 1 << bit]) + nonce[at + 1 :]
    if at < 34:
        assert not authenticator.nonce_is_valid(bent, CLIENT, now=5.0)
    assert authenticator.nonce_is_valid(nonce, CLIENT, now=5.0)


def test_nonces_of_the_future_are_refused() -> None:
    """A clock that restarted: what expires later than we ever hand out was not handed out by this run."""
    authenticator = Authenticator("r", {}, entropy=SeededEntropy(1), nonce_lifetime=60)
    assert not authenticator.nonce_is_valid(authenticator.nonce(CLIENT, now=1000.0), CLIENT, now=900.0)


def test_nonces_survive_the_wrap_of_their_clock() -> None:
    """Expiry is kept in 32 bits of seconds and compared as a serial number."""
    authenticator = Authenticator("r", {}, entropy=SeededEntropy(1), nonce_lifetime=60)
    now = float((1 << 32) - 30)
    nonce = authenticator.nonce(CLIENT, now=now)
    assert authenticator.nonce_is_valid(nonce, CLIENT, now=now + 59)
    assert not authenticator.nonce_is_valid(nonce, CLIENT, now=now + 60)


def test_unknown_attributes_after_proof() -> None:
    """RFC 8489 §6.3: authentication first; then the 420 is signed."""
    server = guarded()
    nonce = challenge(server)
    odd = unknown_attribute(0x4000)(b"")
    check_challenge(ask(server, binding(odd).serialize()), 401)
    request = proof(nonce)
    request.attributes.append(odd)
    answer = ask(server, request.serialize(KEY, sha256=True))
    assert code(answer) == 420
    assert answer is not None
    answer.verify_integrity(KEY)


def test_userhash() -> None:
    """RFC 8489 §9.2.4, §14.4: taken also when not asked for."""
    for options in ({}, {"anonymous": True}):
        server = guarded(**options)
        request = proof(
            challenge(server), without=["USERNAME"], USERHASH=USERHASH(userhash("ann", "example.org"))
        )
        assert code(ask(server, request.serialize(KEY, sha256=True))) is None


def test_accounts_by_function() -> None:
    authenticator = Authenticator("example.org", ACCOUNTS.get, entropy=SeededEntropy(1))
    server = StunServer(authenticator=authenticator)
    assert code(ask(server, proof(challenge(server)).serialize(KEY, sha256=True))) is None


def test_impossible_settings() -> None:
    entropy = SeededEntropy(1)
    with pytest.raises(RtcRangeError, match="longer than 36 bytes"):
        Authenticator("x" * 37, {}, entropy=entropy)
    with pytest.raises(RtcRangeError, match="a list of accounts"):
        Authenticator("r", ACCOUNTS.get, entropy=entropy, anonymous=True)


# --- server and client together ------------------------------------------------------------------------------


def build(seed: int, *, account: bool = False) -> Connection:
    """A client and a server with a clean path between them."""
    network = Network(seed=seed)
    authenticator = Authenticator("example.org", ACCOUNTS, entropy=SeededEntropy(seed)) if account else None
    server = StunServer(authenticator=authenticator)
    client = BindingClient(
        Address("198.51.100.7", 5000),
        SERVER,
        entropy=SeededEntropy(f"{seed}/client"),
        account=LongTermClient("ann", "secret") if account else None,
    )
    network.add_host("server", server, [SERVER.host])
    network.add_host("client", client, [client.local.host])
    return Connection(
        network,
        start=lambda: client.start(now=network.now),
        connected=lambda: client.address == client.local,
        wrap=lambda end, data: (
            Datagram(data, SERVER, client.local) if end == 0 else Datagram(data, client.local, SERVER)
        ),
    )


@pytest.mark.parametrize("account", [False, True])
def test_the_nine_laws(account: bool) -> None:
    check_machine(lambda seed: build(seed, account=account), seeds=scale(dev=2, ci=3, thorough=50))


def dance(
    account: LongTermClient | None,
    *,
    anonymous: bool = False,
    lifetime: float = 600,
    behind_nat: bool = False,
    loss: bool = False,
) -> tuple[BindingClient, Network]:
    network = Network(seed=1)
    authenticator = None
    if account is not None:
        authenticator = Authenticator(
            "example.org", ACCOUNTS, entropy=SeededEntropy(2), anonymous=anonymous, nonce_lifetime=lifetime
        )
    client = BindingClient(Address("10.0.0.2", 5000), SERVER, entropy=SeededEntropy(3), account=account)
    network.add_host("server", StunServer(authenticator=authenticator), [SERVER.host])
    if behind_nat:
        network.add_nat("home", "203.0.113.77", NatConfig())
    network.add_host("client", client, ["10.0.0.2"], behind="home" if behind_nat else "internet")
    if loss:
        network.outage(0.0, 2.0)
    client.start(now=0.0)
    network.drive(until=60.0)
    return client, network


def test_behind_a_nat_the_client_learns_its_outer_address() -> None:
    """What STUN is for."""
    client, network = dance(None, behind_nat=True)
    assert client.address is not None
    assert client.address.host == "203.0.113.77"
    assert network.events_of(1, Mapped) == [Mapped(client.address)]


@pytest.mark.parametrize("anonymous", [False, True])
def test_client_and_server_dance(anonymous: bool) -> None:
    client, network = dance(LongTermClient("ann", "secret"), anonymous=anonymous)
    assert client.address == client.local
    assert len(client.requests) == 2
    second = parse_message(client.requests[1])
    assert (USERHASH in second) == anonymous
    assert (USERNAME in second) != anonymous
    assert len(network.events_of(1, Mapped)) == 1


def test_a_name_in_another_script() -> None:
    client, _ = dance(LongTermClient("マトリックス", "TheMatrIX"))
    assert client.address == client.local


def test_a_wrong_password_is_told_once() -> None:
    client, network = dance(LongTermClient("ann", "wrong"))
    assert client.address is None
    assert len(client.requests) == 2
    (failed,) = network.events_of(1, Failed)
    assert failed.reason == "the server refused name or password"


def test_lost_requests_are_repeated() -> None:
    """All is lost for two seconds: the fourth transmission, at 3.5 s, gets through."""
    client, network = dance(None, loss=True)
    assert client.address == client.local
    log = network.log or []
    assert [at for at, end, _ in log if end == 1] == [0.0, 0.5, 1.5, 3.5]
