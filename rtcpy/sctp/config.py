"""What can be tuned in an association: protocol parameters (RFC 9260 §16), windows and path MTU.

Everything has a default that suits a data channel between browsers. Sizes are **bytes**, times **seconds**.
"""

from __future__ import annotations

from dataclasses import dataclass

DTLS_12_OVERHEAD = 37  # bytes: 13 record header + 8 explicit nonce + 16 tag (RFC 6347 §4.1, RFC 5288 §3)
MAX_DTLS_PLAINTEXT = 16384  # bytes: what one DTLS record carries (RFC 6347 §4.1, RFC 9147 §4.2)
DEFAULT_PATH_MTU = 1200  # bytes of UDP payload that pass nearly everywhere (RFC 8831 §5, RFC 8899 §5.1.2)
UNSIGNALLED_LARGEST_PACKET = (
    1432  # bytes of SCTP packet: fits Ethernet, and the 1,500 bytes that aiortc reads at once
)
DEFAULT_MAX_MESSAGE_SIZE = 262144  # bytes: what Chromium, libwebrtc and libdatachannel announce
REMOTE_MAX_MESSAGE_SIZE_UNSIGNALLED = 65536  # bytes, when the peer's SDP says nothing (RFC 8841 §6.1)


@dataclass(slots=True, kw_only=True)
class SctpConfig:
    """The knobs of one association.

    Args:
        local_port, remote_port: SCTP ports; both 5000 in WebRTC by convention (``a=sctp-port``).
        outbound_streams, inbound_streams: streams asked for and accepted; negotiated down to the peer's
            limits (RFC 8831 §6.2 asks for 65535).
        receive_window: a_rwnd: bytes of incomplete or undeliverable data that we hold at most.
        max_message_size: bytes of the largest message that we reassemble (``a=max-message-size`` of ours).
        remote_max_message_size: the same of the peer; 0 means no limit (RFC 8841 §6.1).
        send_buffer_limit: bytes that may wait unsent before `send` raises OperationError (W3C: "buffer full").
        path_mtu: UDP payload in bytes that is assumed to pass, and to which a black hole throws us back.
        path_mtu_limit: UDP payload in bytes up to which larger packets are tried (RFC 8899). Equal to
            `path_mtu` it switches discovery off: a fixed path MTU. The default fills a whole DTLS record; a peer
            that does not say that it reads such packets gets `UNSIGNALLED_LARGEST_PACKET` at most.
        lower_overhead: bytes that DTLS (and TURN, if any) add to each packet.
        zero_checksum: offer RFC 9653; used only when the peer offers it too, as DTLS protects both ways.
        rto_initial, rto_min, rto_max: RFC 9260 §16 says 1, 1 and 60 s. Deviation: the minimum here is 0.25 s,
            because one lost tail packet would otherwise stall a live channel for fifty round trips of a
            normal path. It stays above the 200 ms for which a peer may delay a SACK (see `rtt_variance_min`).
        rtt_variance_min: least value of the term 4·RTTVAR in seconds: covers the peer's delayed SACK.
        sack_delay: seconds that a SACK for a single packet may wait (RFC 9260 §6.2: ≤ 0.5, default 0.2).
        max_burst: packets that may leave at one opportunity (RFC 9260 §6.1 D). Deviation from 4: packets
            leave here in batches of one system call, and a SACK acknowledges a whole batch.
        cwnd_floor: bytes; the congestion window may always grow to this much. It is kept near what an
            unprivileged socket buffer takes, since beyond it a fast local path only loses packets.
        cwnd_rate: bytes per second: on longer paths the window may grow to this rate times the least RTT.
            The maximum is 3 s, so that a channel comes back soon after an outage.
        max_init_retransmits, max_association_retransmits: attempts before the association is given up; None never.
            Deviation: RFC 9260 §16 says 8 and 10. Under ICE it is consent freshness (RFC 7675) that declares a path
            dead, and an ICE restart must find the association alive.
        heartbeat_interval: seconds of silence between HEARTBEATs (RFC 9260 §8.3); 0 sends none.
        cookie_lifetime: seconds (RFC 9260 §16: 60).
    """

    local_port: int = 5000
    remote_port: int = 5000
    outbound_streams: int = 65535
    inbound_streams: int = 65535
    receive_window: int = 2 * 1024 * 1024
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    remote_max_message_size: int = REMOTE_MAX_MESSAGE_SIZE_UNSIGNALLED
    send_buffer_limit: int = 16 * 1024 * 1024
    path_mtu: int = DEFAULT_PATH_MTU
    path_mtu_limit: int = MAX_DTLS_PLAINTEXT + DTLS_12_OVERHEAD
    lower_overhead: int = DTLS_12_OVERHEAD
    zero_checksum: bool = True
    rto_initial: float = 1.0
    rto_min: float = 0.25
    rto_max: float = 3.0
    rtt_variance_min: float = 0.22
    sack_delay: float = 0.2
    max_burst: int = 32
    cwnd_floor: int = 128 * 1024
    cwnd_rate: float = 125_000_000.0
    max_init_retransmits: int | None = None
    max_association_retransmits: int | None = None
    heartbeat_interval: float = 30.0
    cookie_lifetime: float = 60.0
