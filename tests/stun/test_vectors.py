"""Messages that others made: the RFCs' vectors, the WebRTC project's fuzz seeds, and what eight real stacks sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtcpy.core.errors import CryptoError, RtcSyntaxError
from rtcpy.core.machine import Address
from rtcpy.stun import (
    ICE_CONTROLLED,
    ICE_CONTROLLING,
    NONCE,
    PRIORITY,
    REALM,
    SOFTWARE,
    USERHASH,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    ErrorCode,
    Integrity,
    Message,
    MessageClass,
    Method,
    PasswordAlgorithmNumber,
    StunError,
    long_term_key,
    opaque_string,
    parse_message,
    short_term_key,
    userhash,
)
from rtcpy.stun.attributes import (
    ERROR_CODE,
    MAPPED_ADDRESS,
)
from rtcpy.stun.declared import explain_message
from rtcpy.stun.values import unknown_attribute

DATA = Path(__file__).parent.parent / "data" / "stun"


def load(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


RFC5769 = {vector["section"]: vector for vector in load("rfc5769-stun.json")["vectors"]}
B1 = load("rfc8489-b1-stun.json")["vectors"][0]
CORPUS = load("webrtc-corpus.json")["inputs"]
CAPTURED = load("captured.json")["messages"]


def test_rfc5769_request() -> None:
    """RFC 5769 §2.1."""
    vector = RFC5769["2.1"]
    message = parse_message(bytes.fromhex(vector["message"]), require_fingerprint=True)
    assert (message.method, message.message_class) == (Method.BINDING, MessageClass.REQUEST)
    assert message.transaction_id.hex() == "b7e7a701bc34d686fa87dfae"
    assert message.get(SOFTWARE) == vector["software"]
    assert message.get(USERNAME) == vector["username"]
    assert message.get(PRIORITY) == vector["priority"]
    assert message.get(ICE_CONTROLLED) == int(vector["ice_controlled"], 16)
    assert message.get(ICE_CONTROLLING) is None
    message.verify_integrity(short_term_key(vector["password"]))
    with pytest.raises(CryptoError):
        message.verify_integrity(short_term_key(vector["password"] + "x"))


@pytest.mark.parametrize("section", ["2.2", "2.3"])
def test_rfc5769_responses(section: str) -> None:
    """RFC 5769 §2.2 (IPv4) and §2.3 (IPv6)."""
    vector = RFC5769[section]
    message = parse_message(bytes.fromhex(vector["message"]), require_fingerprint=True)
    assert (message.method, message.message_class) == (Method.BINDING, MessageClass.SUCCESS_RESPONSE)
    assert message.get(SOFTWARE) == vector["software"]
    assert message.get(XOR_MAPPED_ADDRESS) == Address(vector["mapped_address"], vector["mapped_port"])
    message.verify_integrity(short_term_key(vector["password"]))


@pytest.mark.parametrize("section", ["2.1", "2.2", "2.3"])
def test_rfc5769_rebuilt(section: str) -> None:
    """Built by us, the vectors differ from the print in nothing but the padding (the RFC pads with spaces, as
    RFC 5389 allowed; RFC 8489 §14 asks for zeros) and what is computed over it."""
    printed = bytes.fromhex(RFC5769[section]["message"])
    message = parse_message(printed)
    ours = message.serialize(short_term_key(RFC5769[section]["password"]))
    assert len(ours) == len(printed)
    covered = len(printed) - 8 - 24
    assert [i for i in range(covered) if ours[i] != printed[i]] == [
        i for i in range(covered) if printed[i] == 0x20 and ours[i] == 0
    ]
    parse_message(ours).verify_integrity(short_term_key(RFC5769[section]["password"]))


def test_rfc5769_long_term() -> None:
    """RFC 5769 §2.4, to the byte. Its password is given before SASLprep; the key is that of "TheMatrIX"."""
    vector = RFC5769["2.4"]
    printed = bytes.fromhex(vector["message"])
    message = parse_message(printed)
    assert message.get(USERNAME) == vector["username"]
    assert message.get(NONCE) == vector["nonce"].encode()
    assert message.get(REALM) == vector["realm"]
    assert message.fingerprint is None
    key = long_term_key(vector["username"], vector["realm"], vector["password"])
    assert key.hex() == vector["key_md5"]
    message.verify_integrity(key)
    assert message.serialize(key, fingerprint=False) == printed


def test_rfc8489_b1_as_printed_is_refused() -> None:
    """The header printed in Appendix B.1 says 156 bytes where 136 follow."""
    with pytest.raises(StunError, match="length field says 156, 136 bytes follow"):
        parse_message(bytes.fromhex(B1["message_as_printed"]))


def test_rfc8489_b1_with_its_length_corrected() -> None:
    """RFC 8489 Appendix B.1: USERHASH and MESSAGE-INTEGRITY-SHA256."""
    data = bytes.fromhex(B1["message_length_corrected"])
    message = parse_message(data)
    assert message.get(USERHASH) == bytes.fromhex(B1["userhash"]) == userhash(B1["username"], B1["realm"])
    assert message.get(NONCE) == B1["nonce"].encode()
    assert message.get(REALM) == B1["realm"]
    key = long_term_key(B1["username"], B1["realm"], B1["password"], PasswordAlgorithmNumber.SHA256)
    assert key.hex() == B1["key_sha256"]
    assert message.integrity_algorithm is Integrity.SHA256
    message.verify_integrity(key)
    assert message.serialize(key, sha256=True, fingerprint=False) == data


def test_rfc8489_b1_hmac_as_printed() -> None:
    """The printed HMAC is right for the printed (wrong) header length: our HMAC gives it, too."""
    from rtcpy.stun.integrity import hmac_sha256

    data = bytes.fromhex(B1["message_as_printed"])
    assert hmac_sha256(bytes.fromhex(B1["key_sha256"]), data[:-36]) == data[-32:]


def test_the_rfc8489_password_is_no_opaque_string() -> None:
    """B.1 gives a password with a SOFT HYPHEN and calls "TheMatrIX" its OpaqueString form. That is what SASLprep
    made of it; PRECIS refuses the invisible character (RFC 8264 §9.13) and does not fold Ⅸ (RFC 8265 §4.2.2)."""
    with pytest.raises(RtcSyntaxError, match="U\\+00AD"):
        opaque_string(B1["password_before_opaquestring"])


CORPUS_MEANING: dict[str, Any] = {
    "0.stun": (MAPPED_ADDRESS, Address("172.23.68.230", 40444)),
    "1.stun": (XOR_MAPPED_ADDRESS, Address("172.23.68.230", 56743)),
    "2.stun": (MAPPED_ADDRESS, Address("2401:fa00:4:1000:be30:5bff:fee5:c3", 47233)),
    "3.stun": (MAPPED_ADDRESS, Address("2401:fa00:4:1000:be30:5bff:fee5:c3", 47233)),
    "4.stun": (XOR_MAPPED_ADDRESS, Address("2401:fa00:4:1000:be30:5bff:fee5:c3", 59977)),
    "5.stun": (USERNAME, "evtj:h6vY"),
    "6.stun": (XOR_MAPPED_ADDRESS, Address("192.0.2.1", 32853)),
    "7.stun": (XOR_MAPPED_ADDRESS, Address("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    "8.stun": (REALM, "example.org"),
    "9.stun": "magic cookie",
    "10.stun": (XOR_MAPPED_ADDRESS, Address("2401:fa00:4:1000:be30:5bff:fee5:c3", 59977)),
    "11.stun": (XOR_MAPPED_ADDRESS, Address("172.23.68.230", 56743)),
    "12.stun": (USERNAME, "abcdefgh"),
    "13.stun": (USERNAME, "abc"),
    "14.stun": (ERROR_CODE, ErrorCode(401, "Unauthorized")),
    "16.stun": (unknown_attribute(0x00AA), b"abcdefg"),
    "17.stun": (unknown_attribute(0x802F), b"http://example.com"),
    "validator-crash-1.stun": "RESERVATION-TOKEN has 18 bytes",
}


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_webrtc_corpus(name: str) -> None:
    data = bytes.fromhex(CORPUS[name])
    expected = CORPUS_MEANING.get(name)
    if isinstance(expected, str):
        with pytest.raises(StunError, match=expected):
            parse_message(data)
        return
    message = parse_message(data)
    again = parse_message(message.serialize(fingerprint=False))
    assert again == message
    if expected is not None:
        attribute, value = expected
        assert message.get(attribute) == value


@pytest.mark.parametrize("entry", CAPTURED, ids=lambda entry: f"{entry['session']}-{entry['message'][:4]}")
def test_captured(entry: dict[str, Any]) -> None:
    """Every message of every stack parses; where the password is known, its HMAC holds; what counts survives."""
    message = parse_message(bytes.fromhex(entry["message"]), require_fingerprint=True)
    assert [attribute.name for attribute, _ in message.attributes] == entry["attributes"]
    assert message.unknown_required == []
    key = short_term_key(entry["password"] or "a password we do not know")
    if entry["password"]:
        message.verify_integrity(key, algorithm=Integrity.SHA1)
    again: Message = parse_message(message.serialize(key))
    again.verify_integrity(key)
    assert again == message


def test_captured_covers_what_we_must_be_ready_for() -> None:
    """The private attributes of libwebrtc are there (network info, DTLS in STUN), and so are most passwords."""
    names = {name for entry in CAPTURED for name in entry["attributes"]}
    assert {"UNKNOWN-0xC057", "UNKNOWN-0xC070", "UNKNOWN-0xC071", "USE-CANDIDATE"} <= names
    assert sum(entry["password"] is not None for entry in CAPTURED) >= 40


@pytest.mark.parametrize("entry", [e for e in CAPTURED if e["password"]], ids=lambda e: e["session"])
def test_captured_rebuilt(entry: dict[str, Any]) -> None:
    """Signed again by us, a message is the same bytes; only what others put into padding may differ (§14)."""
    data = bytes.fromhex(entry["message"])
    ours = parse_message(data).serialize(short_term_key(entry["password"]))
    covered = len(data) - 32  # up to MESSAGE-INTEGRITY and FINGERPRINT
    different = [i for i in range(covered) if ours[i] != data[i]]
    if not different:
        assert ours == data
    else:
        padding = {
            span.offset + i
            for span in explain_message(data)
            for i in range(span.width // 8)
            if "_padding" in span.name
        }
        assert set(different) <= padding
        assert entry["session"].startswith("node-datachannel") or "node-datachannel" in entry["session"]
