"""Figures about a connection in the form of W3C's statistics: objects by id, members named as in JavaScript.

Owns how the facts of the layers become W3C's dictionaries. Nothing is counted here; each layer counts its own.

Ids are ours to choose and stay the same for the life of what they name: ``P`` the connection, ``T0`` its transport,
``D<n>`` channels in order of creation, ``L…``/``R…`` candidates by their addresses, ``CP…`` pairs, ``CF…`` certificates
by fingerprint.

Specs: W3C webrtc §8 (report, mandatory members §8.6); W3C webrtc-stats §6.1 and §8 (dictionaries).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from rtcpy import dtls, ice, sctp
from rtcpy.core.machine import Instant
from rtcpy.peer.transport import PathCounters, Transport

Stats = dict[str, object]
"""One dictionary of W3C webrtc-stats."""

REMOTE_PAIR_STATES = {
    "frozen": "frozen",
    "waiting": "waiting",
    "in-progress": "in-progress",
    "failed": "failed",
    "succeeded": "succeeded",
}
"""RTCStatsIceCandidatePairState, W3C webrtc-stats §8.19; keys as RFC 8445 §6.1.2.6 names them, in lower case."""


@dataclass(slots=True)
class Clock:
    """Turns instants of the caller's clock into Unix time in **milliseconds**.

    Args:
        now: the caller's instant …
        unix_time: … and the calendar time at it, in seconds.
    """

    now: Instant
    unix_time: float

    def timestamp(self, instant: Instant) -> float:
        """DOMHighResTimeStamp of an instant. Spec: W3C webrtc §8.4."""
        return (self.unix_time - (self.now - instant)) * 1000.0


def make_report(
    *,
    clock: Clock,
    transport: Transport | None,
    certificate: dtls.Certificate,
    channels: Sequence[tuple[int, sctp.Channel]],
    opened: int,
    closed: int,
) -> dict[str, Stats]:
    """The whole report.

    Args:
        clock: for timestamps.
        transport: the one transport, if there is one.
        certificate: ours.
        channels: every channel that exists, with its number.
        opened: channels that ever opened.
        closed: of these, those that have closed.

    Spec: W3C webrtc §8.2 (getStats), §8.6.
    """
    report: dict[str, Stats] = {}
    timestamp = clock.timestamp(clock.now)

    def add(id_: str, kind: str, members: Stats) -> None:
        known = {name: value for name, value in members.items() if value is not None}
        report[id_] = {"id": id_, "type": kind, "timestamp": timestamp, **known}

    add("P", "peer-connection", {"dataChannelsOpened": opened, "dataChannelsClosed": closed})
    for number, channel in channels:
        add(f"D{number}", "data-channel", channel_stats(channel))
    if transport is None:
        return report
    own = certificate_stats(certificate.der)
    add(f"CF{own['fingerprint']}", "certificate", own)
    remote_id: str | None = None
    issuer: str | None = None
    for der in reversed(transport.peer_certificates):
        stats = certificate_stats(der)
        remote_id = f"CF{stats['fingerprint']}"
        add(remote_id, "certificate", {**stats, "issuerCertificateId": issuer})
        issuer = remote_id
    for candidate in transport.ice.local_candidates():
        add(candidate_id("L", candidate), "local-candidate", candidate_stats(candidate))
    for candidate in transport.ice.remote_candidates():
        add(candidate_id("R", candidate), "remote-candidate", candidate_stats(candidate))
    selected: str | None = None
    for pair in transport.ice.list_candidate_pairs():
        id_ = f"CP{candidate_id('', pair.local)}_{candidate_id('', pair.remote)}"
        # A pair of a peer-reflexive candidate may outlive its listing; a report refers to nothing that it lacks.
        for side, kind, candidate in (
            ("L", "local-candidate", pair.local),
            ("R", "remote-candidate", pair.remote),
        ):
            if candidate_id(side, candidate) not in report:
                add(candidate_id(side, candidate), kind, candidate_stats(candidate))
        add(id_, "candidate-pair", pair_stats(pair, transport.counters_of(pair), clock))
        if pair.selected:
            selected = id_
    add("T0", "transport", transport_stats(transport, selected, f"CF{own['fingerprint']}", remote_id))
    return report


def channel_stats(channel: sctp.Channel) -> Stats:
    """Spec: W3C webrtc-stats §8.13 (RTCDataChannelStats)."""
    return {
        "label": channel.label,
        "protocol": channel.protocol,
        "dataChannelIdentifier": channel.id,
        "state": channel.state.value,
        "messagesSent": channel.messages_sent,
        "bytesSent": channel.bytes_sent,
        "messagesReceived": channel.messages_received,
        "bytesReceived": channel.bytes_received,
    }


def certificate_stats(der: bytes) -> Stats:
    """Spec: W3C webrtc-stats §8.20 (RTCCertificateStats)."""
    fingerprint = dtls.certificate.fingerprint_of(der)
    return {
        "fingerprint": fingerprint.value,
        "fingerprintAlgorithm": fingerprint.algorithm,
        "base64Certificate": base64.b64encode(der).decode(),
    }


def candidate_id(side: str, candidate: ice.Candidate) -> str:
    """The same for the same candidate of one generation, however often the report is made."""
    return f"{side}{candidate.transport}:{candidate.address}:{candidate.port}:{candidate.type.value}"


def candidate_stats(candidate: ice.Candidate) -> Stats:
    """Spec: W3C webrtc-stats §8.17 (RTCIceCandidateStats)."""
    return {
        "transportId": "T0",
        "address": candidate.address,
        "port": candidate.port,
        "protocol": candidate.transport,
        "candidateType": candidate.type.value,
        "priority": candidate.priority,
        "url": candidate.url,
        "foundation": candidate.foundation,
        "relatedAddress": candidate.related_address,
        "relatedPort": candidate.related_port,
        "usernameFragment": candidate.ufrag,
        "tcpType": candidate.tcp_type,
    }


def pair_stats(pair: ice.CandidatePairStats, counters: PathCounters, clock: Clock) -> Stats:
    """Spec: W3C webrtc-stats §8.18 (RTCIceCandidatePairStats)."""
    sent, received = pair.last_packet_sent, pair.last_packet_received
    return {
        "transportId": "T0",
        "localCandidateId": candidate_id("L", pair.local),
        "remoteCandidateId": candidate_id("R", pair.remote),
        "state": REMOTE_PAIR_STATES.get(pair.state.lower(), pair.state.lower()),
        "nominated": pair.nominated,
        "priority": pair.priority,
        "packetsSent": counters.packets_sent,
        "packetsReceived": counters.packets_received,
        "bytesSent": counters.bytes_sent,
        "bytesReceived": counters.bytes_received,
        "lastPacketSentTimestamp": None if sent is None else clock.timestamp(sent),
        "lastPacketReceivedTimestamp": None if received is None else clock.timestamp(received),
        "totalRoundTripTime": pair.total_round_trip_time,
        "currentRoundTripTime": pair.current_round_trip_time,
        "requestsSent": pair.requests_sent,
        "requestsReceived": pair.requests_received,
        "responsesSent": pair.responses_sent,
        "responsesReceived": pair.responses_received,
        "consentRequestsSent": pair.consent_requests_sent,
    }


def transport_stats(
    transport: Transport, selected_pair: str | None, local_certificate: str, remote_certificate: str | None
) -> Stats:
    """Spec: W3C webrtc-stats §8.16 (RTCTransportStats)."""
    info = transport.dtls_info
    remote = transport.remote
    role = "unknown" if remote is None else ("client" if remote.is_dtls_client else "server")
    return {
        "packetsSent": transport.packets_sent,
        "packetsReceived": transport.packets_received,
        "bytesSent": transport.bytes_sent,
        "bytesReceived": transport.bytes_received,
        "iceRole": "controlling" if transport.ice.controlling else "controlled",
        "iceLocalUsernameFragment": transport.ice.local_credentials.ufrag,
        "iceState": transport.ice.state.value,
        "dtlsState": transport.dtls.state.value if transport.dtls is not None else "new",
        "dtlsRole": role,
        "selectedCandidatePairId": selected_pair,
        "selectedCandidatePairChanges": transport.selected_pair_changes,
        "localCertificateId": local_certificate,
        "remoteCertificateId": remote_certificate,
        "tlsVersion": None if info is None else f"{info.version:04X}",
        "dtlsCipher": None if info is None else cipher_name(info.cipher_suite),
        "srtpCipher": None if info is None or info.srtp_profile is None else info.srtp_profile.name,
    }


def cipher_name(suite: dtls.CipherSuite) -> str:
    """As IANA spells it, which W3C asks for: ``TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256``."""
    return f"TLS_{suite.name}"
