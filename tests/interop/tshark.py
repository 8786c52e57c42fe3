"""tshark as a second opinion: its fields, and where each of them stands in an explanation of ours.

`FIELDS` maps tshark's names to places in our trees; `LEFT_OUT` says why the others are not compared. A name that is in
neither makes the test fail: somebody has to decide.

A place is a path of node names without numbers, read from the end: ``attributes/PRIORITY/value``; ``*`` stands for one
name. Values are compared as lists, in the order of the packet, so that one too many or too few is seen, too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as tree
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import pytest

from rtcpy.explain import Explanation, Node
from rtcpy.rtp.feedback import NackEntry
from rtcpy.stun.message import split_message_type

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark (Debian: tshark)")

PROTOCOLS = {"stun", "dtls", "sctp", "rtcdc", "rtp", "rtcp", "srtp", "srtcp"}
REASSEMBLY_FAILED = "_ws.malformed.reassembly"


@dataclass(slots=True)
class Theirs:
    """One field of tshark: `show` is its text, `raw` its bits as hexadecimal text where there are any."""

    name: str
    show: str
    raw: str


@dataclass(slots=True)
class Ours:
    """One node of an explanation, with its path."""

    path: str
    explanation: Explanation
    node: Node

    @property
    def bits(self) -> int:
        """Its bits as a number."""
        return self.explanation.bits_of(self.node)

    @property
    def octets(self) -> bytes:
        """Its bytes."""
        return self.explanation.bytes_of(self.node)


def dissect(path: Path, *ports: int) -> list[list[Theirs]]:
    """What tshark says of every packet in a file. `ports`: those of RTP, where nothing announces it."""
    command = ["tshark", "-r", str(path), "-T", "pdml", "-o", "udp.try_heuristic_first:TRUE", "-n"]
    for port in ports:
        command += ["-d", f"udp.port=={port},rtp"]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return [list(_fields(packet)) for packet in tree.fromstring(ran.stdout)]


def _fields(packet: tree.Element) -> Iterator[Theirs]:
    for protocol in packet:
        if protocol.get("name") in ("geninfo", "frame", "sll", "eth", "ip", "ipv6", "udp", "raw"):
            continue
        for one in protocol.iter("field"):
            found = Theirs(one.get("name") or "", one.get("show") or "", one.get("value") or "")
            if found.name and (found.show or found.raw):  # a field of no bits is no field here
                yield found


_NUMBER = re.compile(r"\[\d+\]")


def flatten(explanation: Explanation, above: str = "") -> Iterator[Ours]:
    """All nodes in order, and those of what is inside; ``>`` in a path leads inside."""

    def walk(node: Node, path: str) -> Iterator[Ours]:
        path = f"{path}/{_NUMBER.sub('', node.name)}" if path else _NUMBER.sub("", node.name)
        yield Ours(path, explanation, node)
        for child in node.children:
            yield from walk(child, path)
        if node.inside is not None:
            yield from flatten(node.inside, f"{path}/>")

    yield from walk(explanation.root, above)


# --- how values are read --------------------------------------------------------------------------------------------

Read = Callable[[Ours], object]
Show = Callable[[Theirs], object]


def number(theirs: Theirs) -> int:
    """tshark's text as a number: 17, 0x11, True."""
    return int(theirs.show, 0) if theirs.show not in ("True", "False") else int(theirs.show == "True")


def octets(theirs: Theirs) -> bytes:
    """``0a:0b`` as bytes."""
    return bytes.fromhex(theirs.show.replace(":", ""))


def text(theirs: Theirs) -> str:
    """As it is."""
    return theirs.show


def raw(theirs: Theirs) -> bytes:
    """The bits, as whole bytes."""
    return bytes.fromhex(theirs.raw)


def bits(ours: Ours) -> int:
    """The bits of the node."""
    return ours.bits


def value(ours: Ours) -> object:
    """What we read it as."""
    found = ours.node.value
    return int(found) if isinstance(found, int) else found


def own_octets(ours: Ours) -> bytes:
    """The bytes of the node."""
    return ours.octets


def own_text(ours: Ours) -> str:
    """The bytes of the node as text."""
    return ours.octets.decode("utf-8", "replace")


def address(ours: Ours) -> str:
    """An address, the XOR taken off."""
    assert isinstance(ours.node.value, bytes)
    return str(ip_address(ours.node.value))


def part(first: int, last: int | None = None) -> Read:
    """Some bytes of the node."""
    return lambda ours: ours.octets[first:last]


def is_ipv4(ours: Ours) -> bool:
    """Whether an address has four bytes."""
    return ours.node.width == 32


def is_ipv6(ours: Ours) -> bool:
    """Whether an address has sixteen bytes."""
    return ours.node.width == 128


def gap_tsn(ours: Ours) -> int:
    """The TSN that the end of a gap block stands for: its offset beyond the cumulative TSN of its SACK."""
    return ours.explanation.find("SACK/cumulative_tsn").value + ours.bits  # type: ignore[operator]


def lost(ours: Ours) -> list[int]:
    """All packets that an entry of a NACK names; tshark lists them, too."""
    return NackEntry.parse(ours.octets).sequence_numbers


def class_of_stun(theirs: Theirs) -> int:
    """The two bits of the class, which tshark leaves where they stand: three bits between them."""
    shown = int(theirs.show, 0)
    return (shown & 0x10) >> 3 | shown & 1


def value_of_length(ours: Ours) -> int:
    """Length of an extension element: bytes, as the one-byte form has one less on the wire."""
    return ours.bits + (ours.node.width == 4)


@dataclass(slots=True, frozen=True)
class Place:
    """Where a field of tshark stands in our trees.

    Attributes:
        paths: read from the end; any of them.
        ours: how our node is read; a list stands for several values.
        theirs: how tshark's field is read.
        when: which of the nodes found there.
    """

    paths: tuple[str, ...]
    ours: Read = bits
    theirs: Show = number
    when: Callable[[Ours], bool] = lambda ours: True


def at(*paths: str) -> Place:
    """A number."""
    return Place(paths)


def octets_at(*paths: str) -> Place:
    """Bytes."""
    return Place(paths, own_octets, octets)


def raw_at(*paths: str) -> Place:
    """Bytes, where tshark shows something else than its field holds."""
    return Place(paths, own_octets, raw)


def text_at(*paths: str) -> Place:
    """Text."""
    return Place(paths, own_text, text)


@cache
def pattern(path: str) -> re.Pattern[str]:
    """The regular expression of a path."""
    parts = (re.escape(part).replace(r"\*", "[^/]*") for part in path.split("/"))
    return re.compile(f"(?:.*/)?{'/'.join(parts)}")


def matching(ours: Sequence[Ours], place: Place) -> list[Ours]:
    """Our nodes at a place, in order."""
    found = (one for one in ours if any(pattern(path).fullmatch(one.path) for path in place.paths))
    return [one for one in found if place.when(one)]


# --- the table ------------------------------------------------------------------------------------------------------

_TYPE = "STUN message/message type"
_ATTRIBUTES = "STUN message/attributes"
_CHUNK, _PARAMETER = "SCTP packet/*", "parameters/*"
_HELLO_BODY, _EXTENSION = "*/body", "body/extensions/*"
_HEADER = "record/fragment/*"
_OPENED = "ciphertext/>/handshake/*"  # of a record that the key log opened
_RTCP = (
    "sender report", "receiver report", "source description", "goodbye", "application defined", "feedback packet",
    "extended report",
)  # fmt: skip


def _each(name: str) -> tuple[str, ...]:
    """This field in every RTCP packet."""
    return (*(f"{packet}/{name}" for packet in _RTCP), f"SRTCP packet/{name}")


FIELDS: dict[str, Place] = {
    # STUN: RFC 8489 §5, §14
    "stun.type": at(_TYPE),
    "stun.type.class": Place((_TYPE,), lambda ours: int(split_message_type(ours.bits)[1]), class_of_stun),
    "stun.type.method": Place((_TYPE,), lambda ours: int(split_message_type(ours.bits)[0])),
    "stun.length": at("STUN message/length"),
    "stun.cookie": octets_at("STUN message/magic cookie"),
    "stun.id": octets_at("STUN message/transaction_id"),
    "stun.attribute": raw_at(f"{_ATTRIBUTES}/*"),
    "stun.att.type": at(f"{_ATTRIBUTES}/*/type"),
    "stun.att.length": at(f"{_ATTRIBUTES}/*/length"),
    "stun.att.padding": raw_at(f"{_ATTRIBUTES}/*/padding"),
    "stun.att.username": text_at(f"{_ATTRIBUTES}/USERNAME/value"),
    "stun.att.realm": text_at(f"{_ATTRIBUTES}/REALM/value"),
    "stun.att.nonce": text_at(f"{_ATTRIBUTES}/NONCE/value"),
    "stun.att.software": text_at(f"{_ATTRIBUTES}/SOFTWARE/value"),
    "stun.att.google.network_id": at(f"{_ATTRIBUTES}/*/value/network_id"),
    "stun.att.google.network_cost": at(f"{_ATTRIBUTES}/*/value/network_cost"),
    "stun.att.tie-breaker": octets_at(f"{_ATTRIBUTES}/*/value/tie_breaker"),
    "stun.att.priority": at(f"{_ATTRIBUTES}/PRIORITY/value"),
    "stun.att.hmac": octets_at(f"{_ATTRIBUTES}/MESSAGE-INTEGRITY/value/hmac"),
    "stun.att.crc32": at(f"{_ATTRIBUTES}/FINGERPRINT/value/crc"),
    "stun.att.family": at(f"{_ATTRIBUTES}/*/value/family"),
    "stun.att.port-xord": octets_at(f"{_ATTRIBUTES}/XOR-MAPPED-ADDRESS/value/port"),
    "stun.att.port": Place((f"{_ATTRIBUTES}/*/value/port",), value),
    "stun.att.ipv4-xord": Place(
        (f"{_ATTRIBUTES}/XOR-MAPPED-ADDRESS/value/address",), own_octets, octets, is_ipv4
    ),
    "stun.att.ipv4": Place((f"{_ATTRIBUTES}/*/value/address",), address, text, is_ipv4),
    "stun.att.ipv6-xord": Place(
        (f"{_ATTRIBUTES}/XOR-MAPPED-ADDRESS/value/address",), own_octets, octets, is_ipv6
    ),
    "stun.att.ipv6": Place((f"{_ATTRIBUTES}/*/value/address",), address, text, is_ipv6),
    "stun.att.error.class": at(f"{_ATTRIBUTES}/ERROR-CODE/value/hundreds"),
    "stun.att.error": at(f"{_ATTRIBUTES}/ERROR-CODE/value/number"),
    "stun.att.error.reason": text_at(f"{_ATTRIBUTES}/ERROR-CODE/value/reason"),
    # DTLS: RFC 6347 §4.1, §4.2; RFC 5246 §7.4
    "dtls.record.content_type": at("record/content_type"),
    "dtls.record.version": at("record/version"),
    "dtls.record.epoch": at("record/epoch"),
    "dtls.record.sequence_number": at("record/sequence_number"),
    "dtls.record.length": at("record/length"),
    "dtls.app_data": Place(("record",), part(13), octets, lambda ours: ours.octets[0] == 23),
    "dtls.alert_message.level": at("record/fragment/level", "ciphertext/>/alert/level"),
    "dtls.alert_message.desc": at("record/fragment/description", "ciphertext/>/alert/description"),
    "dtls.handshake.type": at(f"{_HEADER}/type", f"{_OPENED}/type"),
    "dtls.handshake.length": at(f"{_HEADER}/length", f"{_OPENED}/length"),
    "dtls.handshake.message_seq": at(f"{_HEADER}/message_seq", f"{_OPENED}/message_seq"),
    "dtls.handshake.fragment_offset": at(f"{_HEADER}/fragment_offset", f"{_OPENED}/fragment_offset"),
    "dtls.handshake.fragment_length": at(f"{_HEADER}/fragment_length", f"{_OPENED}/fragment_length"),
    "dtls.handshake.version": at("body/client_version", "body/server_version"),
    "dtls.handshake.random": octets_at("body/random"),
    "dtls.handshake.random_time": Place(("body/random",), part(0, 4), raw),
    "dtls.handshake.random_bytes": Place(("body/random",), part(4), octets),
    "dtls.handshake.session_id_length": at("body/session_id/length"),
    "dtls.handshake.session_id": octets_at("body/session_id/session_id"),
    "dtls.handshake.cookie_length": at("body/cookie/length"),
    "dtls.handshake.cookie": octets_at("body/cookie/cookie"),
    "dtls.handshake.cipher_suites_length": at("body/cipher_suites/length"),
    "dtls.handshake.ciphersuite": at("body/cipher_suites/cipher_suites", "body/cipher_suite"),
    "dtls.handshake.comp_methods_length": at("body/compression_methods/length"),
    "dtls.handshake.comp_method": at(
        "body/compression_methods/compression_methods", "body/compression_method"
    ),
    "dtls.handshake.extensions_length": at("body/extensions/length"),
    "dtls.handshake.extension.type": at("body/extensions/*/type"),
    "dtls.handshake.extension.len": at("body/extensions/*/length"),
    "dtls.use_srtp.protection_profiles_length": at("use_srtp/body/profiles/length"),
    "dtls.use_srtp.protection_profile": at("use_srtp/body/profiles/profiles"),
    "dtls.use_srtp.mki_length": at("use_srtp/body/mki/length"),
    "dtls.handshake.extensions.supported_versions_len": at("supported_versions/body/versions/length"),
    "dtls.handshake.extensions.supported_version": at(
        "supported_versions/body/versions/versions", "supported_versions/body/selected_version"
    ),
    "dtls.extension.psk_ke_modes_length": at("psk_key_exchange_modes/body/modes/length"),
    "dtls.extension.psk_ke_mode": at("psk_key_exchange_modes/body/modes/modes"),
    "dtls.handshake.extensions_ec_point_formats_length": at("ec_point_formats/body/formats/length"),
    "dtls.handshake.extensions_ec_point_format": at("ec_point_formats/body/formats/formats"),
    "dtls.handshake.extensions_key_share_client_length": at("key_share/body/client_shares/length"),
    "dtls.handshake.extensions_key_share_group": at(
        "key_share/body/client_shares/client_shares/group", "key_share/body/group"
    ),
    "dtls.handshake.extensions_key_share_key_exchange_length": at("key_exchange/length"),
    "dtls.handshake.extensions_key_share_key_exchange": octets_at("key_exchange/key_exchange"),
    "dtls.handshake.extensions_reneg_info_len": at("renegotiation_info/body/renegotiated_connection/length"),
    "dtls.handshake.extensions_supported_groups_length": at("supported_groups/body/groups/length"),
    "dtls.handshake.extensions_supported_group": at("supported_groups/body/groups/groups"),
    "dtls.handshake.extensions_alpn_len": at("application_layer_protocol_negotiation/body/protocols/length"),
    "dtls.handshake.extensions_alpn_str_len": at("protocols/protocols/name/length"),
    "dtls.handshake.extensions_alpn_str": text_at("protocols/protocols/name/name"),
    "dtls.record_size_limit": at("record_size_limit/body/size"),
    "dtls.handshake.sig_hash_alg_len": at("body/schemes/length"),
    "dtls.handshake.sig_hash_alg": at("body/schemes/schemes", "*/body/scheme"),
    "dtls.handshake.sig_hash_hash": Place(
        ("body/schemes/schemes", "*/body/scheme"), lambda ours: ours.octets[0]
    ),
    "dtls.handshake.sig_hash_sig": Place(
        ("body/schemes/schemes", "*/body/scheme"), lambda ours: ours.octets[1]
    ),
    "dtls.handshake.certificates_length": at("Certificate/body/certificates/length"),
    "dtls.handshake.certificate_length": at("certificates/certificate/der/length"),
    "dtls.handshake.certificate": octets_at("certificates/certificate/der/der"),
    "dtls.handshake.server_curve_type": at("ServerKeyExchange/body/curve_type"),
    "dtls.handshake.server_named_curve": at("ServerKeyExchange/body/group"),
    "dtls.handshake.server_point_len": at("ServerKeyExchange/body/public/length"),
    "dtls.handshake.server_point": octets_at("ServerKeyExchange/body/public/public"),
    "dtls.handshake.sig_len": at("ServerKeyExchange/body/signature/length"),
    "dtls.handshake.sig": octets_at("ServerKeyExchange/body/signature/signature"),
    "dtls.handshake.cert_types_count": at("CertificateRequest/body/types/length"),
    "dtls.handshake.cert_type": at("CertificateRequest/body/types/types"),
    "dtls.handshake.dnames_len": at("CertificateRequest/body/authorities/length"),
    "dtls.handshake.client_point_len": at("ClientKeyExchange/body/public/length"),
    "dtls.handshake.client_point": octets_at("ClientKeyExchange/body/public/public"),
    "dtls.handshake.client_cert_vrfy.sig_len": at("CertificateVerify/body/signature/length"),
    "dtls.handshake.client_cert_vrfy.sig": octets_at("CertificateVerify/body/signature/signature"),
    # SCTP: RFC 9260 §3
    "sctp.srcport": at("SCTP packet/common header/source_port"),
    "sctp.dstport": at("SCTP packet/common header/destination_port"),
    "sctp.verification_tag": at("SCTP packet/common header/verification_tag"),
    "sctp.checksum": at("SCTP packet/common header/checksum"),
    "sctp.chunk_type": at(f"{_CHUNK}/type"),
    "sctp.chunk_length": at(f"{_CHUNK}/length"),
    "sctp.chunk_padding": octets_at(f"{_CHUNK}/padding"),
    "sctp.init_initiate_tag": at("INIT/initiate_tag"),
    "sctp.initack_initiate_tag": at("INIT ACK/initiate_tag"),
    "sctp.initiate_tag": at("INIT/initiate_tag", "INIT ACK/initiate_tag"),
    "sctp.init_credit": at("INIT/a_rwnd"),
    "sctp.initack_credit": at("INIT ACK/a_rwnd"),
    "sctp.init_nr_out_streams": at("INIT/outbound_streams"),
    "sctp.initack_nr_out_streams": at("INIT ACK/outbound_streams"),
    "sctp.init_nr_in_streams": at("INIT/inbound_streams"),
    "sctp.initack_nr_in_streams": at("INIT ACK/inbound_streams"),
    "sctp.init_initial_tsn": at("INIT/initial_tsn"),
    "sctp.initack_initial_tsn": at("INIT ACK/initial_tsn"),
    "sctp.parameter_type": at(f"{_PARAMETER}/type"),
    "sctp.parameter_length": at(f"{_PARAMETER}/length"),
    "sctp.parameter_padding": octets_at(f"{_PARAMETER}/padding"),
    "sctp.supported_chunk_type": at("Supported Extensions/value/chunk_types/chunk_types"),
    "sctp.parameter_state_cookie": octets_at("State Cookie/value/cookie"),
    "sctp.cookie": octets_at("COOKIE ECHO/cookie"),
    "sctp.data_i_bit": at("DATA/immediate"),
    "sctp.data_u_bit": at("DATA/unordered"),
    "sctp.data_b_bit": at("DATA/beginning"),
    "sctp.data_e_bit": at("DATA/ending"),
    "sctp.data_tsn_raw": at("DATA/tsn"),
    "sctp.data_sid": at("DATA/stream_id"),
    "sctp.data_ssn": at("DATA/stream_seq"),
    "sctp.data_payload_proto_id": at("DATA/ppid"),
    "sctp.sack_cumulative_tsn_ack_raw": at("SACK/cumulative_tsn"),
    "sctp.sack_a_rwnd": at("SACK/a_rwnd"),
    "sctp.sack_number_of_gap_blocks": at("SACK/gap_count"),
    "sctp.sack_number_of_duplicated_tsns": at("SACK/duplicate_count"),
    "sctp.sack_gap_block_start": at("gaps/gaps/start"),
    "sctp.sack_gap_block_end": at("gaps/gaps/end"),
    "sctp.sack_duplicate_tsn": at("duplicates/duplicates"),
    "sctp.parameter_reconfig_request_sequence_number": at("value/request_seq"),
    "sctp.parameter_reconfig_response_sequence_number": at("value/response_seq"),
    "sctp.parameter_senders_last_assigned_tsn": at("value/last_tsn"),
    "sctp.parameter_reconfig_sid": at("value/stream_ids/stream_ids"),
    "sctp.parameter_reconfig_response_result": at("Reconfig Response/value/result"),
    "sctp.abort_t_bit": at("ABORT/reflected"),
    "sctp.cause_code": at("causes/*/code"),
    "sctp.cause_length": at("causes/*/length"),
    "sctp.cause_information": octets_at("causes/User Initiated Abort/info/reason"),
    # DCEP: RFC 8832 §5
    "rtcdc.message_type": at("DATA_CHANNEL_OPEN/message_type", "DATA_CHANNEL_ACK/message_type"),
    "rtcdc.channel_type": at("DATA_CHANNEL_OPEN/channel_type"),
    "rtcdc.priority": at("DATA_CHANNEL_OPEN/priority"),
    "rtcdc.reliability_parameter": at("DATA_CHANNEL_OPEN/reliability_parameter"),
    "rtcdc.label_length": at("DATA_CHANNEL_OPEN/label_length"),
    "rtcdc.protocol_length": at("DATA_CHANNEL_OPEN/protocol_length"),
    "rtcdc.label": text_at("DATA_CHANNEL_OPEN/label"),
    "rtcdc.protocol": text_at("DATA_CHANNEL_OPEN/protocol"),
    "sctp.parameter_value": octets_at("Zero Checksum Acceptable/value", "Largest Packet/value"),
    "sctp.parameter_heartbeat_information": octets_at("Heartbeat Info/value/info"),
    "sctp.padding_data": octets_at("PAD/padding_data"),
    "sctp.sack_gap_block_start_tsn": Place(("gaps/gaps/start",), gap_tsn),
    "sctp.sack_gap_block_end_tsn": Place(("gaps/gaps/end",), gap_tsn),
    "sctp.forward_tsn_tsn": at("FORWARD TSN/new_cumulative_tsn"),
    "sctp.forward_tsn_sid": at("skipped/skipped/stream_id"),
    "sctp.forward_tsn_ssn": at("skipped/skipped/stream_seq"),
    "sctp.shutdown_cumulative_tsn_ack": at("SHUTDOWN/cumulative_tsn"),
    "sctp.shutdown_complete_t_bit": at("SHUTDOWN COMPLETE/reflected"),
    "sctp.cause_measure_of_staleness": at("Stale Cookie/info/staleness_us"),
    "sctp.cause_padding": octets_at("causes/*/padding"),
    # RTP: RFC 3550 §5.1, RFC 8285 §4
    "rtp.version": at("*RTP packet/version"),
    "rtp.padding": at("*RTP packet/padding"),
    "rtp.ext": at("*RTP packet/extension"),
    "rtp.cc": at("*RTP packet/csrc_count"),
    "rtp.marker": at("*RTP packet/marker"),
    "rtp.p_type": at("*RTP packet/payload_type"),
    "rtp.seq": at("*RTP packet/sequence_number"),
    "rtp.timestamp": at("*RTP packet/timestamp"),
    "rtp.ssrc": at("*RTP packet/ssrc"),
    "rtp.csrc.item": at("*RTP packet/csrcs/csrcs"),
    "rtp.ext.profile": at("header_extension/profile"),
    "rtp.ext.len": at("header_extension/length"),
    "rtp.ext.rfc5285.id": at("elements/elements/id"),
    "rtp.ext.rfc5285.len": Place(("elements/elements/length",), value_of_length),
    "rtp.ext.rfc5285.data": octets_at("elements/elements/data"),
    "rtp.payload": octets_at("RTP packet/payload"),
    "rtp.padding.data": octets_at("RTP packet/padding_bytes"),
    "rtp.padding.count": at("RTP packet/padding_length"),
    # RTCP: RFC 3550 §6, RFC 4585 §6, RFC 5104 §4.3, RFC 3611
    "rtcp.version": at(*_each("version")),
    "rtcp.padding": at(*_each("padding")),
    "rtcp.pt": at(*_each("packet_type")),
    "rtcp.length": at(*_each("length")),
    "rtcp.rc": at("sender report/report_count", "receiver report/report_count"),
    "rtcp.sc": at("source description/source_count", "goodbye/source_count"),
    "rtcp.senderssrc": at(
        "sender report/ssrc",
        "receiver report/ssrc",
        "extended report/ssrc",
        "feedback packet/sender_ssrc",
        "SRTCP packet/ssrc",
    ),
    "rtcp.timestamp.ntp.msw": at("sender report/ntp_seconds"),
    "rtcp.timestamp.ntp.lsw": at("sender report/ntp_fraction"),
    "rtcp.timestamp.rtp": at("sender report/rtp_timestamp"),
    "rtcp.sender.packetcount": at("sender report/packet_count"),
    "rtcp.sender.octetcount": at("sender report/octet_count"),
    "rtcp.ssrc.identifier": at(
        "reports/reports/ssrc", "chunks/chunks/ssrc", "goodbye/ssrcs/ssrcs", "application defined/ssrc"
    ),
    "rtcp.ssrc.fraction": at("reports/reports/fraction_lost"),
    "rtcp.ssrc.cum_nr": Place(("reports/reports/cumulative_lost",), bits),
    "rtcp.ssrc.ext_high": at("reports/reports/highest_sequence"),
    "rtcp.ssrc.high_cycles": Place(("reports/reports/highest_sequence",), lambda ours: ours.bits >> 16),
    "rtcp.ssrc.high_seq": Place(("reports/reports/highest_sequence",), lambda ours: ours.bits & 0xFFFF),
    "rtcp.ssrc.jitter": at("reports/reports/jitter"),
    "rtcp.ssrc.lsr": at("reports/reports/last_sr"),
    "rtcp.ssrc.dlsr": at("reports/reports/delay_since_last_sr"),
    "rtcp.sdes.type": Place(("items/items/type", "chunks/chunks/end"), lambda ours: ours.octets[0]),
    "rtcp.sdes.length": at("items/items/text/length", "goodbye/reason_length"),
    "rtcp.sdes.text": text_at("items/items/text/text", "goodbye/reason"),
    "rtcp.app.subtype": at("application defined/subtype"),
    "rtcp.app.name": text_at("application defined/name"),
    "rtcp.app.data_str": text_at("application defined/data"),
    "rtcp.rtpfb.nack_pid": Place(("fci/entries/entries",), lost),
    "rtcp.rtpfb.nack_blp": at("entries/entries/bitmask"),
    "rtcp.psfb.fir.sli.first": at("entries/entries/first"),
    "rtcp.psfb.fir.sli.number": at("entries/entries/number"),
    "rtcp.psfb.fir.sli.picture_id": at("entries/entries/picture_id"),
    "rtcp.psfb.fir.fci.ssrc": at("entries/entries/ssrc"),
    "rtcp.psfb.fir.fci.csn": at("entries/entries/sequence_number"),
    "rtcp.psfb.fir.fci.reserved": at("entries/entries/reserved"),
    "rtcp.psfb.remb.identifier": text_at("fci/identifier"),
    "rtcp.psfb.remb.fci.number_ssrcs": at("fci/ssrc_count"),
    "rtcp.psfb.remb.fci.br_exp": at("fci/exponent"),
    "rtcp.psfb.remb.fci.br_mantissa": at("fci/mantissa"),
    "rtcp.psfb.remb.fci.ssrc": at("fci/ssrcs/ssrcs"),
    "rtcp.mediassrc": at("feedback packet/media_ssrc"),
    "rtcp.psfb.fmt": at("feedback packet/format"),
    "rtcp.rtpfb.fmt": at("feedback packet/format"),
    "rtcp.rtpfb.transportcc.baseseq": at("fci/base_sequence"),
    "rtcp.rtpfb.transportcc.statuscount": at("fci/status_count"),
    "rtcp.rtpfb.transportcc.reftime": at("fci/reference_time"),
    "rtcp.rtpfb.transportcc.pktcount": at("fci/feedback_count"),
    "rtcp.rtpfb.transportcc.pktchunk": raw_at("fci/chunks/chunks"),
    "rtcp.rtpfb.transportcc.recv_delta": raw_at("fci/deltas/deltas"),
    "rtcp.xr.bt": at("blocks/blocks/block_type"),
    "rtcp.xr.bl": at("blocks/blocks/block_length"),
    "rtcp.xr.bs": at("blocks/blocks/reserved", "blocks/blocks/type_specific"),
    "rtcp.xr.timestamp": Place(("blocks/blocks",), part(4, 12), raw, lambda ours: ours.octets[0] == 4),
    "rtcp.xr.lrr": at("blocks/blocks/reports/reports/last_rr"),
    "rtcp.xr.dlrr": at("blocks/blocks/reports/reports/delay_since_last_rr"),
}
"""tshark's name → the place in our trees."""

LEFT_OUT: dict[str, str] = {
    r"sctp\.(port|assoc_index)|rtp\.extseq|stun\.network_version": "derived by tshark, not in the packet",
    r"(stun\.att\.crc32|sctp\.checksum)\.status|rtcp\.length_check": "tshark's verdict, not a field",
    r"stun\.(response-to|time|reqduplicate)|(rtp|rtcp)\.setup.*": "about other packets",
    r"sctp\.(data_tsn|sack_cumulative_tsn_ack)": "relative to the first; compared as it is (…_raw)",
    r"sctp\.chunk_flags|sctp\.(chunk|parameter)_bit_[12]": "bits that are compared one by one, or as a part of the type",
    r"sctp\.sack_nounce_sum": "of an experiment (ECN nonces) that RFC 9260 does not have",
    r"stun\.type\.method-assignment|stun\.att\.type\.(comprehension|assignment)": "ranges of registries, not fields",
    r"stun\.att\.reserved": "shown for some attributes only",
    r"rtcp\.timestamp\.ntp": "the same bits as msw and lsw, which are compared",
    r"rtcp\.rtpfb\.transportcc\.recv_delta\.padding": "tshark takes the padding of the RTCP packet for that of the list",
    r"rtp\.ext\.rfc5285\.appbits": "tshark repeats four bits of the profile, which is compared, for every element",
    r"rtcp\.psfb\.remb\.fci\.bitrate": "a group: exponent and mantissa",
    r"sctp\.sack_number_of_tsns_gap_acked": "a sum that tshark makes",
    r"sctp\.parameter_padding\.expert": "a remark",
    r"dtls\.handshake\.verify_data": "tshark 4.0 names it and does not show it",
    r"dtls\.handshake\.ja3.*": "a hash that tshark makes of a hello",
    r"(sctp|dtls)\.(fragments?|reassembled)(\..*)?": "tshark's account of putting fragments together",
    r"stun\.attributes|rtp\.csrc\.items|rtp\.hdr_exts|dtls\.(record|handshake|alert_message|change_cipher_spec)": "a group",
    r"dtls\.handshake\.(ciphersuites|comp_methods|sig_hash_algs|certificates|cert_types)": "a group",
    r"dtls\.handshake\.extensions_(ec_point_formats|supported_groups|alpn_list)": "a group",
    r"srtcp\.(encrypted_payload|e|index|auth_tag)|srtp\.(enc_payload|auth_tag)": "where they begin, the protection profile "
    "decides; one opaque leaf here",
}
"""Names (regular expressions) → why they are not compared."""

CLEAR_IN_SRTCP = {"rtcp.version", "rtcp.padding", "rtcp.pt", "rtcp.length", "rtcp.senderssrc"}
"""Of SRTCP only these can be read; tshark 4.0 also shows ciphertext as if it were fields (RFC 3711 §3.4)."""


@dataclass(slots=True)
class Comparison:
    """What came of comparing.

    Attributes:
        same: how often each of tshark's fields had the value that ours has.
        differing: packet, field, their values, our values.
        undecided: names that are in neither table, with an example.
    """

    same: Counter[str] = field(default_factory=Counter)
    differing: list[tuple[int, str, list[object], list[object]]] = field(default_factory=list)
    undecided: dict[str, str] = field(default_factory=dict)


def compare(theirs: Sequence[Theirs], explanation: Explanation, number: int, into: Comparison) -> None:
    """Hold all that tshark names in packet `number` against our explanation of it."""
    failed = any(one.name == REASSEMBLY_FAILED for one in theirs)  # it does not put together what comes twice
    ours = [one for one in flatten(explanation) if not (failed and "/>/" in one.path)]
    grouped: dict[str, list[Theirs]] = {}
    for one in theirs:
        grouped.setdefault(one.name, []).append(one)
    for name, found in grouped.items():
        if explanation.root.name == "SRTCP packet":
            if name not in CLEAR_IN_SRTCP:
                continue
            found = found[:1]  # those behind it are ciphertext
        if explanation.root.layer == "stun" and name == "rtp.version":
            continue  # told to expect RTP, tshark looks at these bits before it sees that it is STUN
        place = FIELDS.get(name)
        if place is None:
            if name.partition(".")[0] in PROTOCOLS and not left_out(name):
                into.undecided.setdefault(name, f"packet {number}: {found[0]}")
            continue
        expected: list[object] = [place.theirs(one) for one in found]
        values: list[object] = []
        for node in matching(ours, place):
            read = place.ours(node)
            values += read if isinstance(read, list) else [read]
        if values == expected:
            into.same[name] += len(values)
        else:
            into.differing.append((number, name, expected, values))


def left_out(name: str) -> bool:
    """Whether somebody decided not to compare this field."""
    return any(re.fullmatch(one, name) for one in LEFT_OUT)
