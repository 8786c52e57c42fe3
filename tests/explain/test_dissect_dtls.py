"""DTLS: records of both versions, handshake messages whole and in pieces, certificates, and opened records."""

from __future__ import annotations

import json

import pytest

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.core.tap import Tap
from rtcpy.dtls import Certificate, CipherSuite, DtlsConfig, Role
from rtcpy.dtls.alerts import Alert
from rtcpy.dtls.keys12 import SUITES
from rtcpy.dtls.messages import ServerHello
from rtcpy.dtls.record12 import Record
from rtcpy.dtls.record13 import Ack, RecordNumber, UnifiedHeader
from rtcpy.dtls.registries import EXTENSION_TYPES, HELLO_RETRY_REQUEST_RANDOM, is_grease, registered
from rtcpy.explain import Dissector, Explanation, KeyLog, explain
from rtcpy.explain.dissect_certificate import outline
from rtcpy.explain.known import RECORD_KEY
from tests.dtls.link import Link, certificate, make
from tests.explain.coverage import CAPTURES, DATA, captured
from tests.explain.sessions import TEXT, sent, trace


def record(content: bytes, kind: int = 22, epoch: int = 0, number: int = 1) -> bytes:
    return Record(
        content_type=kind, version=0xFEFD, epoch=epoch, sequence_number=number, fragment=content
    ).serialize()


def handshake(kind: int, body: bytes, *, seq: int = 0, first: int = 0, last: int | None = None) -> bytes:
    piece = body[first:last]
    head = bytes([kind]) + len(body).to_bytes(3, "big") + seq.to_bytes(2, "big")
    return head + first.to_bytes(3, "big") + len(piece).to_bytes(3, "big") + piece


def explained(stem: str) -> list[Explanation]:
    """All datagrams of a capture, in order, by one dissector."""
    [path] = [path for path in CAPTURES if path.stem == stem]
    dissector = Dissector()
    return [dissector.explain(data, source=a, destination=b) for a, b, data, _ in captured(path)]


def browser_hello(session: str) -> Explanation:
    """The ClientHello of a session of browsers, put together."""
    table = json.loads((DATA / "dtls" / "handshakes.json").read_text(encoding="utf-8"))
    dissector = Dissector()
    for who, data in table[session]:
        explanation = dissector.explain(bytes.fromhex(data), source=who)
        for _, inside in explanation.insides():
            if inside.root.name == "ClientHello":
                return inside
        if explanation.root.text.startswith("ClientHello:"):
            return explanation
    raise AssertionError(session)


def test_every_extension_of_a_browsers_hello_has_a_name_and_is_read() -> None:
    for session in ("aiortc-chromium", "aiortc-firefox"):
        hello = browser_hello(session)
        extensions = [node for node in hello.find("extensions").children if node.name != "length"]
        assert len(extensions) > 6
        for node in extensions:
            assert not node.name.startswith("extension 0x") and node.meaning and node.rfc
            body = node.children[-1]
            assert (
                body.name != "body" or body.children or node.name in ("session_ticket", "status_request")
            ), node
    groups = [leaf.text for leaf in browser_hello("aiortc-chromium").find("supported_groups/groups").leaves()]
    assert groups[1:3] == ["X25519MLKEM768 (0x11ec)", "x25519 (0x001d)"]
    shares = list(browser_hello("aiortc-chromium").find("key_share").find_all("group"))
    assert [share.text for share in shares] == ["X25519MLKEM768 (0x11ec)", "x25519 (0x001d)"]
    assert browser_hello("aiortc-firefox").find("application_layer_protocol_negotiation").text == (
        '"webrtc", "c-webrtc"'
    )


def test_the_names_of_a_hello() -> None:
    assert registered(EXTENSION_TYPES, 51) == "key_share (0x0033)"
    assert registered(EXTENSION_TYPES, 0x2A2A) == "GREASE (0x2a2a)"
    assert registered(EXTENSION_TYPES, 0x4444) == "0x4444"
    assert is_grease(0xFAFA) and not is_grease(0x0A1A) and not is_grease(0x1A2A)
    assert len(EXTENSION_TYPES) == 64


def test_a_server_hello_of_1_3_says_so() -> None:
    hellos = [e.root.text for e in explained("chromium-chromium-no-pqc") if "ServerHello" in e.root.text]
    assert hellos and all(text.startswith("ServerHello: DTLS 1.3, TLS_AES_128_GCM_SHA256") for text in hellos)


def test_records_of_1_3_stay_closed_but_their_parts_are_named() -> None:
    [first, *_] = [
        e for e in explained("firefox13only-chromium") if e.root.text.startswith("encrypted record")
    ]
    header = first.root.children[0]
    assert [leaf.name for leaf in header.children][:6] == [
        "fixed", "connection_id", "long_sequence", "has_length", "epoch", "sequence_number",
    ]  # fmt: skip
    assert [leaf.name for leaf in header.children][-2:] == ["ciphertext", "tag"]


def test_a_unified_header_that_lies_is_told() -> None:
    head = UnifiedHeader(epoch=3, sequence_number=1, length=40).serialize()
    short = explain(head + bytes(20))
    assert short.is_tiled and "length is 40, 20 bytes are left (RFC 9147 §4)" in short.problems[0].problem
    without = UnifiedHeader(epoch=3, sequence_number=1, has_length=False, length=None).serialize()
    assert explain(without + bytes(20)).find("tag").offset == 7 and not explain(without + bytes(20)).problems
    named = explain(bytes([head[0] | 0x10]) + head[1:] + bytes(40))
    assert named.is_tiled and "a connection id follows" in named.problems[0].problem


def test_a_retry_request_and_the_downgrade_mark_are_recognized() -> None:
    hello = ServerHello(
        server_version=0xFEFD, random=HELLO_RETRY_REQUEST_RANDOM, cipher_suite=0x1301, compression_method=0,
        extensions=[],
    )  # fmt: skip
    body = hello.serialize()[:-2] + bytes.fromhex("000c 0033 0002 0017 002b 0002 fefc")
    explanation = explain(record(handshake(2, body)))
    assert explanation.find("ServerHello").text == "ServerHello (a HelloRetryRequest): DTLS 1.3"
    assert explanation.find("selected_group").text == "secp256r1 (0x0017)"
    hello.random = bytes(24) + b"DOWNGRD\x01"
    marked = explain(record(handshake(2, hello.serialize())))
    assert "I speak 1.3" in marked.find("random").meaning


def test_a_message_in_pieces_is_put_together_in_the_piece_that_completes_it() -> None:
    body = bytes.fromhex("0403 0040") + bytes(64)
    pieces = [record(handshake(15, body, first=at, last=at + 30)) for at in (30, 0, 60)]
    dissector = Dissector()
    seen = [dissector.explain(piece, source="a", destination="b") for piece in pieces]
    assert [len(list(e.insides())) for e in seen] == [0, 0, 1]
    [(node, inside)] = seen[2].insides()
    assert node.text.endswith("the last that was missing")
    assert inside.find("scheme").text == "ecdsa_secp256r1_sha256 (0x0403)" and inside.is_tiled
    lone = Dissector()
    for piece in pieces[:2]:  # another sender's pieces do not count
        lone.explain(piece, source="a")
    assert not list(lone.explain(pieces[2], source="c").insides())


def test_certificates_are_outlined() -> None:
    ours = Certificate.generate(SeededEntropy(1), FixedClock(1_700_000_000))
    text = outline(ours.der)
    assert "self-signed, P-256 key, valid 2023-11-13 to 2023-12-14; sha-256 " in text
    assert outline(b"nonsense").startswith("not readable: ")
    assert ", RSA key of 2048 bits, " in outline(certificate("server", "rsa").der)
    insides = [inside for e in explained("firefox12-chromium") for _, inside in e.insides()]
    texts = [node.text for e in explained("firefox12-chromium") for node in e.find_all("certificate")]
    assert insides and len(texts) == 2 and all(", P-256 key, " in text for text in texts)


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (Alert(level=2, description=40).serialize(), 21, "Alert handshake_failure, fatal"),
        (b"\x01", 20, "ChangeCipherSpec"),
        (b"\x02", 20, "ChangeCipherSpec"),
        (Ack(record_numbers=[RecordNumber(epoch=2, sequence_number=1)]).serialize(), 26, "ACK"),
        (b"x", 24, "heartbeat"),
        (b"x", 28, "content type 28"),
        (b"x", 23, "application_data in the clear"),
        (b"x", 21, "broken alert"),
        (b"", 22, "handshake, empty"),
    ],
)
def test_other_content(content: bytes, kind: int, text: str) -> None:
    explanation = explain(record(content, kind))
    assert explanation.root.text == text and explanation.is_tiled
    assert bool(explanation.problems) is (
        content in (b"\x02",) or text in ("broken alert", "application_data in the clear")
    )


def test_several_records_share_a_datagram_and_a_broken_one_ends_it() -> None:
    two = explain(record(b"\x01", 20) + record(b"\x02\x28", 21))
    assert two.root.text == "ChangeCipherSpec + Alert handshake_failure, fatal"
    cut = explain(record(b"\x01", 20) + record(b"\x02\x28", 21)[:-1])
    assert cut.root.text == "ChangeCipherSpec + broken record" and cut.is_tiled
    assert "fragment needs 2 bytes by length, 1 left" in cut.problems[0].problem


def test_our_records_open_with_the_key_log_of_the_trace() -> None:
    dissector = Dissector(keys=trace().key_log())
    texts = []
    for entry in sent():
        explanation = dissector.explain(entry.data, source=entry.local, destination=entry.remote)
        texts += [inside.root.text for _, inside in explanation.insides()]
    assert "Finished" in texts and f'DATA: text "{TEXT}", stream 1' in texts
    assert any(text.startswith('COOKIE ECHO + DATA: DATA_CHANNEL_OPEN "chat"') for text in texts)
    assert "Alert close_notify, warning" in texts
    closed = Dissector()
    assert not [
        node
        for entry in sent()
        for node, _ in closed.explain(entry.data, source=entry.local, destination=entry.remote).insides()
        if node.name == "ciphertext"
    ]


def test_keys_may_come_late_and_wrong_keys_open_nothing() -> None:
    [(label, client_random, secret)] = list(KeyLog(trace().key_log()))
    for told in (secret, bytes(48)):
        dissector = Dissector()
        opened = []
        for number, entry in enumerate(sent()):
            if number == 20:
                dissector.keys.add(label, client_random, told)
            explanation = dissector.explain(entry.data, source=entry.local, destination=entry.remote)
            opened += [number for node, _ in explanation.insides() if node.name == "ciphertext"]
        assert bool(opened) is (told == secret) and min(opened, default=20) >= 20


def test_records_are_told_by_the_trace_without_any_keys() -> None:
    plaintexts = {entry.data[:RECORD_KEY]: entry.data[13:] for entry in sent("dtls-plaintext", "alice")}
    insides = [
        inside.root.text
        for entry in sent("udp", "alice")
        for _, inside in explain(entry.data, plaintexts=plaintexts).insides()
    ]
    assert f'DATA: text "{TEXT}", stream 1' in insides
    for entry in sent("dtls-plaintext"):
        explanation = Dissector().explain_layer("dtls-plaintext", entry.data)
        assert explanation.is_tiled and explanation.title.endswith(", in the clear")


class Secrets(Tap):
    """Keeps what a connection says about its keys."""

    def __init__(self) -> None:
        self.log = KeyLog()

    def secret(self, label: str, client_random: bytes, secret: bytes) -> None:
        self.log.add(label, client_random, secret)


@pytest.mark.parametrize("suite", list(CipherSuite), ids=lambda suite: suite.name)
def test_records_of_every_suite_open_in_both_directions(suite: CipherSuite) -> None:
    key_type = "rsa" if SUITES[suite].is_rsa else "ecdsa"
    config, secrets = DtlsConfig(cipher_suites=(suite,)), Secrets()
    client = make(Role.CLIENT, peer_key_type=key_type, config=config, tap=secrets)
    link = Link((client, make(Role.SERVER, key_type=key_type, config=config))).start()
    link.run(until=5.0)
    client.send(b"\x88to the server", now=link.now)
    link.ends[1].send(b"\x88to the client", now=link.now)
    link.run(until=10.0)
    dissector = Dissector(keys=secrets.log)
    opened = []
    for _, sender, data in link.sent:
        explanation = dissector.explain(data, source=sender, destination=1 - sender)
        assert explanation.is_tiled
        opened += [
            (sender, inside.data) for node, inside in explanation.insides() if node.name == "ciphertext"
        ]
    finished = [data for _, data in opened if data[0] == 20]
    assert len(finished) == 2 and (0, b"\x88to the server") in opened and (1, b"\x88to the client") in opened
