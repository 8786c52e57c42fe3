"""The key schedule of a recorded connection, held against the keys that the connection used."""

from __future__ import annotations

import pytest

from rtcpy.core.errors import InvalidAccessError
from rtcpy.core.tap import Direction
from rtcpy.dtls.events import CipherSuite, KeyingMaterial
from rtcpy.dtls.keys12 import prf
from rtcpy.dtls.record12 import Record, protection_for
from rtcpy.explain import Trace, TraceTap, key_tree
from rtcpy.explain.keys import KeyNode, draw
from rtcpy.explain.trace import DrawEntry, PacketEntry, SecretEntry
from rtcpy.sim.session import Session
from tests.dtls import link
from tests.explain.sheets import check_sheet, words


@pytest.fixture(scope="module")
def session() -> Session:
    made = Session(seed=3)
    made.connect()
    made.alice.send("chat", "for your eyes only")
    made.run(0.3)
    return made


def value(node: KeyNode) -> bytes:
    assert node.value is not None
    return node.value


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_every_value_is_known_and_hangs_together(session: Session, who: str) -> None:
    tree = session.trace.key_tree(who)
    assert [node.label for node in tree if node.value is None] == []
    derived = prf(
        "sha256",
        value(tree.find("pre_master_secret")),
        b"extended master secret",
        value(tree.find("session_hash")),
        48,
    )
    assert derived == value(tree.find("master_secret"))
    assert tree.find("master_secret").note == "derived here, and equal to what the connection told"
    block = tree.find("key_block")
    assert b"".join(value(node) for node in block.children) == value(block)
    exported = tree.find("EXTRACTOR-dtls_srtp")
    assert b"".join(value(node) for node in exported.children) == value(exported)


def test_both_ends_have_the_same_keys(session: Session) -> None:
    alice, bob = session.trace.key_tree("alice"), session.trace.key_tree("bob")
    assert [(n.label, n.value) for n in alice] == [(n.label, n.value) for n in bob]


def test_the_write_key_opens_the_record(session: Session) -> None:
    tree = session.trace.key_tree("bob")
    client = "bob"  # who answers is active (RFC 8842 §5.3)
    for side, who in (("client", client), ("server", "alice")):
        key = value(tree.find(f"{side}_write_key"))
        iv = value(tree.find(f"{side}_write_IV"))
        protection = protection_for(CipherSuite.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, key, iv)
        sent = session.trace.packets("dtls", who=who, direction=Direction.OUT)
        opened = 0
        for entry in sent:
            record = Record.parse(entry.data)
            if record.epoch == 1 and record.content_type == 23:
                number = record.epoch << 48 | record.sequence_number
                protection.open(number, 23, entry.data, 13, len(entry.data))
                opened += 1
        assert opened > 2


def test_finished_is_what_the_tree_says(session: Session) -> None:
    tree = session.trace.key_tree("alice")
    for who, side in (("alice", "client"), ("bob", "server")):  # each saw the other's in the clear
        heard = [
            entry.data[13:]
            for entry in session.trace.packets("dtls-plaintext", who=who, direction=Direction.IN)
            if entry.data[0] == 22
        ]
        assert heard[0][12:] == tree.find(f"verify_data of the {side}").value


@pytest.mark.parametrize("seed", range(3))
def test_srtp_keys_are_those_that_dtls_hands_out(seed: int) -> None:
    trace = Trace()
    client = link.make(link.Role.CLIENT, seed=seed, tap=TraceTap(trace, "client"))
    server = link.make(link.Role.SERVER, seed=seed)
    pipe = link.Link((client, server))
    pipe.start()
    pipe.run(until=5.0)
    material = next(e for e in pipe.events[link.CLIENT] if isinstance(e, KeyingMaterial))
    tree = key_tree(trace)
    assert tree.find("client_write_SRTP_master_key").value == material.local_key
    assert tree.find("server_write_SRTP_master_salt").value == material.remote_salt
    # A tap sees no random draws: the pre-master secret is out of reach, and that is said.
    node = tree.find("pre_master_secret")
    assert node.value is None and "neither private key is in the trace" in node.note
    assert "unknown" in str(tree)


def test_what_is_missing_is_said(session: Session) -> None:
    part = Trace()
    for entry in session.trace:
        is_certificate = (
            isinstance(entry, PacketEntry) and entry.layer == "dtls" and entry.data[13:14] == b"\x0b"
        )
        if not is_certificate and not isinstance(entry, DrawEntry):
            part.append(entry)
    tree = key_tree(part, "alice")
    assert tree.find("session_hash").note == "a message of the handshake is missing in the trace"
    assert tree.find("verify_data of the client").value is None
    assert tree.find("client_write_key").value is not None
    check_sheet(draw(tree))


def test_a_trace_of_two_connections_that_were_mixed_up_is_found_out(session: Session) -> None:
    mixed = Trace()
    for entry in session.trace:
        if isinstance(entry, SecretEntry):
            entry = SecretEntry(entry.at, entry.who, entry.label, entry.client_random, bytes(48))
        mixed.append(entry)
    assert "does not belong together" in key_tree(mixed).find("master_secret").note


def test_without_secrets_there_is_no_tree(session: Session) -> None:
    with pytest.raises(
        InvalidAccessError, match="no DTLS secret: DTLS did not get so far, or the trace was saved"
    ):
        key_tree(session.trace.redacted())
    with pytest.raises(InvalidAccessError, match="no DTLS secret of carol"):
        key_tree(session.trace, "carol")
    with pytest.raises(InvalidAccessError, match="the tree has no 'nonce', but client_random, server_random"):
        key_tree(session.trace).find("nonce")
    only = Trace()
    for entry in session.trace.of(SecretEntry):
        only.append(entry)
    with pytest.raises(InvalidAccessError, match="not the ClientHello and ServerHello"):
        key_tree(only)


def test_the_picture_shows_every_node(session: Session) -> None:
    tree = session.trace.key_tree()
    shown = words(check_sheet(draw(tree)))
    text = str(tree)
    for node in tree:
        assert node.label in shown
        assert node.label in text and node.rfc in text
    assert value(tree.find("client_write_key")).hex(" ") in shown
