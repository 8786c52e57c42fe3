"""`snapshot`: where a peer stands, layer by layer, as plain values.

Two snapshots are equal if and only if what they show is equal: texts, numbers, lists and dicts, no objects. Stepping
through a `Replay` shows them; what changed between two is a comparison of dicts (`changes`).

Specs: W3C webrtc §4.3 (states), RFC 8445 §6.1.2.6 (pairs), RFC 6347 §4.1 (epochs), RFC 9260 §14 (parameters of an
association).
"""

from __future__ import annotations

from typing import Any

from rtcpy import dtls, ice, sctp
from rtcpy.peer import Channel, Peer, SessionDescription
from rtcpy.peer.candidates import to_sdp
from rtcpy.peer.transport import Transport

Snapshot = dict[str, Any]
"""JSON-able."""


def snapshot(peer: Peer) -> Snapshot:
    """Where `peer` stands.

    Returns:
        A dict with ``"states"`` (W3C's), ``"descriptions"`` (SDP texts by W3C's name), ``"ice"``, ``"dtls"`` and
        ``"sctp"`` (`None` while there is no such layer), ``"channels"``, ``"datagrams"`` (counters) and
        ``"deadline"`` (the next instant at which the peer wants to be woken).
    """
    transport = peer.transport
    return {
        "states": {
            "signalingState": peer.signaling_state.value,
            "iceGatheringState": peer.ice_gathering_state.value,
            "iceConnectionState": peer.ice_connection_state.value,
            "connectionState": peer.connection_state.value,
            "dtls": peer.dtls_state.value if peer.dtls_state is not None else None,
            "sctp": peer.sctp_state.value if peer.sctp_state is not None else None,
        },
        "descriptions": {
            "currentLocalDescription": _description(peer.current_local_description),
            "pendingLocalDescription": _description(peer.pending_local_description),
            "currentRemoteDescription": _description(peer.current_remote_description),
            "pendingRemoteDescription": _description(peer.pending_remote_description),
        },
        "ice": _ice(transport.ice) if transport is not None else None,
        "dtls": _dtls(transport.dtls) if transport is not None and transport.dtls is not None else None,
        "sctp": (
            _sctp(transport.channels) if transport is not None and transport.channels is not None else None
        ),
        "channels": [_channel(peer, channel) for channel in peer.channels],
        "datagrams": _datagrams(transport) if transport is not None else None,
        "deadline": peer.next_timeout(),
    }


def changes(before: Snapshot, after: Snapshot) -> dict[str, tuple[object, object]]:
    """What differs, by path (``"sctp.cwnd"``): the value before and the value after. Lists are compared whole."""
    found: dict[str, tuple[object, object]] = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found |= {f"{name}.{path}": pair for path, pair in changes(old, new).items()}
        elif old != new:
            found[name] = (old, new)
    return found


def _description(description: SessionDescription | None) -> str | None:
    return None if description is None else f"{description.type.value}\n{description.sdp}"


def _ice(agent: ice.IceAgent) -> Snapshot:
    path = agent.selected_path
    return {
        "state": agent.state.value,
        "gathering": agent.gathering_state.value,
        "role": "controlling" if agent.controlling else "controlled",
        "ufrag": agent.local_credentials.ufrag,
        "remote_ufrag": agent.remote_credentials.ufrag if agent.remote_credentials is not None else None,
        "selected": f"{path[0]} to {path[1]}" if path is not None else None,
        "local": [to_sdp(candidate).trickled() for candidate in agent.local_candidates()],
        "remote": [to_sdp(candidate).trickled() for candidate in agent.remote_candidates()],
        "pairs": [_pair(pair) for pair in agent.list_candidate_pairs()],
        "dropped": dict(agent.dropped),
    }


def _pair(pair: ice.CandidatePairStats) -> Snapshot:
    return {
        "local": str(pair.local.transport_address),
        "remote": str(pair.remote.transport_address),
        "state": pair.state,
        "priority": pair.priority,
        "nominated": pair.nominated,
        "selected": pair.selected,
        "requests_sent": pair.requests_sent,
        "requests_received": pair.requests_received,
        "responses_sent": pair.responses_sent,
        "responses_received": pair.responses_received,
        "retransmissions_sent": pair.retransmissions_sent,
        "round_trip": pair.current_round_trip_time,
    }


def _dtls(connection: dtls.DtlsConnection) -> Snapshot:
    epoch, number = connection.next_record
    return {
        "state": connection.state.value,
        "role": connection.role.value,
        "handshake": connection.handshake_state.value,
        "epoch": epoch,
        "next_record": number,
        "highest_received": connection.highest_received,
        "retransmissions": connection.retransmissions,
        "dropped": dict(connection.dropped),
    }


def _sctp(channels: sctp.DataChannels) -> Snapshot:
    association = channels.association
    figures = association.figures
    congestion = association.congestion
    return {
        "state": association.state.value,
        "next_tsn": figures.next_tsn,
        "acknowledged": figures.acknowledged,
        "received": figures.received,
        "outstanding": figures.outstanding,
        "flight": figures.flight,
        "buffered": association.total_buffered,
        "room": figures.room,
        "retransmissions": figures.retransmissions,
        "cwnd": congestion.cwnd,
        "ssthresh": congestion.ssthresh,
        "rto": congestion.rto,
        "srtt": congestion.srtt,
        "path_mtu": association.max_packet_size,
        "timers": {timer.value: at for timer, at in sorted(association.timers.deadlines.items())},
        "dropped": association.dropped,
    }


def _channel(peer: Peer, channel: Channel) -> Snapshot:
    return {
        "label": channel.label,
        "id": channel.id,
        "state": channel.state.value,
        "messages_sent": channel.messages_sent,
        "messages_received": channel.messages_received,
        "bytes_sent": channel.bytes_sent,
        "bytes_received": channel.bytes_received,
        "buffered": peer.buffered_amount(channel),
    }


def _datagrams(transport: Transport) -> Snapshot:
    return {
        "sent": transport.packets_sent,
        "received": transport.packets_received,
        "bytes_sent": transport.bytes_sent,
        "bytes_received": transport.bytes_received,
        "dropped": dict(transport.dropped),
    }
