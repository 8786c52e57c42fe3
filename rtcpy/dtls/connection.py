"""DtlsConnection: the machine. Records in, records out, timers, alerts, and the gate.

Theory of operation. Four things meet here, each owned elsewhere: records (`record12`), a handshake (`client12` or
`server12`), the current flight with its timer, and the *gate*. Nothing that the handshake yields, neither keys nor
application data, passes the gate before (1) the handshake is finished and (2) a fingerprint from signalling matches the
peer's certificate. The two may come in either order; what arrives between them waits, bounded.

    new --start--> connecting --finished and fingerprint--> connected --close_notify, close()--> closed
                       |                                        |
                       +--refused, timed out, wrong fingerprint-+-- fatal alert --> failed

Whom to believe. Until keys exist, anyone who can write the peer's address can write our input, so nothing read then is
fatal: alerts are noted, malformed and forged messages are dropped, a flight that makes no sense is forgotten and read
again when it is retransmitted (`handshake12`). If nothing better comes within `refusal_timeout`, the peer is told and
the connection fails. Once keys exist only records that decrypt count, and plaintext is dropped.

Retransmission (RFC 6347 §4.2.4, with the timer values that `DtlsConfig` explains): the flight is sent again when its
timer fires and when the peer repeats the flight before it; a handshake's last flight is repeated for as long as the
connection lives. There is no renegotiation.

Specs: RFC 6347 §4.1, §4.2; RFC 5246 §7.2; RFC 5764 §4.2; RFC 8122 §6; RFC 8827 §6.5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from rtcpy.core.env import Entropy, WallClock
from rtcpy.core.errors import CryptoError, InvalidAccessError, InvalidStateError, WireError
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Direction, Tap
from rtcpy.core.timers import TimerTable
from rtcpy.dtls.alerts import (
    Alert,
    AlertDescription,
    AlertLevel,
    DtlsDecodeError,
    DtlsRuleError,
    alert_name,
)
from rtcpy.dtls.certificate import (
    Certificate,
    Fingerprint,
    FingerprintMismatchError,
    check_fingerprints,
)
from rtcpy.dtls.client12 import ClientHandshake
from rtcpy.dtls.events import (
    DTLS_1_0,
    DTLS_1_2,
    ApplicationData,
    Closed,
    Connected,
    DtlsConfig,
    DtlsState,
    Failed,
    KeyingMaterial,
    PeerCertificate,
    Role,
)
from rtcpy.dtls.flights12 import CHANGE_CIPHER_SPEC_BODY, Flight, HandshakeState
from rtcpy.dtls.fragments import REPEATED, Verdict
from rtcpy.dtls.messages import HandshakeFragment, HandshakeType
from rtcpy.dtls.record12 import (
    MAX_PLAINTEXT,
    RECORD_HEADER_LENGTH,
    ContentType,
    ReadEpoch,
    WriteEpoch,
    parse_header,
    protection_for,
    read_header,
)
from rtcpy.dtls.retransmission import Retransmission
from rtcpy.dtls.server12 import ServerHandshake
from rtcpy.dtls.states import TRANSITIONS, StateInput
from rtcpy.dtls.waiting import WaitingRoom

MAX_EARLY_DATAGRAMS = 16  # before `start`: a doubled ClientHello in pieces, and then some
MAX_EARLY_RECORDS = 32  # of epoch 1 before it may be read: Finished and a first SCTP window
MAX_HELD = 4096  # records of application data waiting for the fingerprint
MAX_SESSIONS = 4  # of a client, until the server's Finished tells which one is right
MAX_STRANGERS = 8  # wrong certificates remembered; whoever gets this far has signed each over our hello
FAST_MINIMUM = RECORD_HEADER_LENGTH + 1

_READABLE = (HandshakeState.WAIT_FINISHED, HandshakeState.FINISHED)
_APPLICATION_DATA = int(ContentType.APPLICATION_DATA)
_CONNECTED = DtlsState.CONNECTED  # for the lane: a member of an Enum costs some to look up


@dataclass(slots=True)
class _Session:
    """A handshake that got keys, and records under these keys. A client may have several until the server's Finished."""

    handshake: ClientHandshake | ServerHandshake
    writer: WriteEpoch
    reader: ReadEpoch


def _rule_of(error: DtlsRuleError | DtlsDecodeError | CryptoError) -> str:
    """Why a message of the peer's flight was refused, without the values that differ from packet to packet."""
    if isinstance(error, CryptoError):
        return "handshake message whose signature or Finished is wrong (RFC 5246 §7.4)"
    kind = (
        "malformed handshake message" if isinstance(error, DtlsDecodeError) else "handshake message refused"
    )
    return f"{kind} ({error.rfc})"


class Timer(Enum):
    """Why a connection wakes."""

    RETRANSMIT = "retransmit the flight"
    REFUSAL = "nothing better than the refused flight came"
    HANDSHAKE = "handshake took too long"


class DtlsConnection:
    """One DTLS association over a path that already works: a `Machine[bytes, Event]` whose packets are UDP payloads.

    Invariant: `Connected`, `KeyingMaterial`, `ApplicationData`, `send` and `export_keying_material` exist only
    in state `connected`, i.e. after a fingerprint matched.

    Args:
        role: who sends the ClientHello; from `a=setup`.
        certificate: ours, with its key.
        entropy: all randomness; a seeded one makes the handshake repeat byte for byte.
        wall_clock: not used by DTLS 1.2, whose certificates WebRTC does not date-check; kept for tickets of 1.3.
        config: sizes, timers, algorithms.
        tap: sees records (layer ``"dtls"``), what protected ones contain (``"dtls-plaintext"``), and secrets.
    """

    def __init__(
        self,
        *,
        role: Role,
        certificate: Certificate,
        entropy: Entropy,
        wall_clock: WallClock | None = None,
        config: DtlsConfig | None = None,
        tap: Tap | None = None,
    ) -> None:
        self._config = config or DtlsConfig()
        self._role = role
        self._tap = tap
        self._wall_clock = wall_clock
        make = ClientHandshake if role is Role.CLIENT else ServerHandshake
        self._handshake: ClientHandshake | ServerHandshake = make(certificate, entropy, self._config)
        """The one that reads; after keys, a client's fork of it (see `client12`)."""
        self._sessions: list[_Session] = []
        self._session: _Session | None = None  # the one whose flight is sent; in the end, the only one
        self._is_finished = False
        self._state = DtlsState.NEW
        self._timers: TimerTable[Timer] = TimerTable()
        self._out: list[bytes] = []
        self._events: list[Event] = []
        self._writer_0 = WriteEpoch(0, None)
        self._writer = self._writer_0  # of alerts and application data: the epoch that we have changed to
        self._lane: ReadEpoch | None = None  # of epoch 1, when nothing but application data is expected
        self._fingerprints: list[Fingerprint] | None = None
        self._matched: Fingerprint | None = None
        self._strangers: set[bytes] = set()  # leaf certificates that matched no fingerprint once
        self._retransmission = Retransmission(self._config)
        self._early = WaitingRoom(MAX_EARLY_DATAGRAMS)  # datagrams before `start`; then records of epoch 1
        self._held = WaitingRoom(MAX_HELD)  # application data behind the gate
        self._refusal: tuple[str, AlertDescription] | None = None
        self._heard_alert: int | None = None  # in plaintext: a hint for people, no more
        self.dropped: Counter[str] = Counter()
        """Input refused so far, by reason. The reasons are a fixed set."""

    # -- what the owner may ask -----------------------------------------------------------------

    @property
    def role(self) -> Role:
        """Client or server."""
        return self._role

    @property
    def state(self) -> DtlsState:
        """RTCDtlsTransportState: new, connecting, connected (past the gate), closed, failed."""
        return self._state

    @property
    def handshake_state(self) -> HandshakeState:
        """What the handshake waits for; of a client with keys, the one whose flight 5 it has sent (see `client12`)."""
        session = self._session
        return (session.handshake if session is not None else self._handshake).state

    @property
    def next_record(self) -> tuple[int, int]:
        """Epoch and sequence number of the next record that we send. Spec: RFC 6347 §4.1."""
        return self._writer.next_record

    @property
    def highest_received(self) -> int | None:
        """The highest sequence number accepted in epoch 1; −1 before the first, `None` before there are keys."""
        return self._session.reader.highest if self._session is not None else None

    @property
    def retransmissions(self) -> int:
        """Flights sent more than once so far."""
        return self._retransmission.total

    @property
    def remote_certificates(self) -> tuple[bytes, ...]:
        """The peer's chain in DER, leaf first; empty until the handshake is finished (W3C getRemoteCertificates)."""
        return self._handshake.peer_chain if self._is_finished else ()

    @property
    def record_overhead(self) -> int:
        """**Bytes** that a record adds to the data given to `send`: 37 for GCM, 29 for ChaCha20-Poly1305 (before keys: 37)."""
        return self._session.writer.overhead if self._session else RECORD_HEADER_LENGTH + 24

    def export_keying_material(self, label: str, context: bytes | None, length: int) -> bytes:
        """Keys for another protocol, bound to this connection; both ends get the same.

        Args:
            label: ASCII, registered or private.
            context: bytes that both ends know, or None (which is not the same as empty).
            length: in **bytes**, 1 to 4,096.

        Raises:
            InvalidStateError: not connected.
            InvalidAccessError: an argument out of range.

        Spec: RFC 5705 §4.
        """
        keys = self._handshake.keys
        if self._state is not DtlsState.CONNECTED or keys is None:
            raise InvalidStateError(f"no keys to export in state {self._state.value}")
        return keys.export(label, context, length)

    # -- commands -------------------------------------------------------------------------------

    def start(self, *, now: Instant) -> None:
        """Begin: a client says hello, a server begins to answer. Datagrams that came before were kept.

        Raises:
            InvalidStateError: called before, or closed.
        """
        if self._state is not DtlsState.NEW:
            raise InvalidStateError(f"start in state {self._state.value}")
        self._move(StateInput.START, now)
        self._timers.set(Timer.HANDSHAKE, now + self._config.handshake_timeout)
        self._handshake.start()
        self._advance(now)
        early, self._early = self._early.take(), WaitingRoom(MAX_EARLY_RECORDS)
        for packet in early:
            self._receive(packet, now)

    def set_remote_fingerprints(self, fingerprints: Iterable[Fingerprint], *, now: Instant) -> None:
        """Say whom to expect; before or after the certificate came. Without effect once one has matched.

        Spec: RFC 8122 §5, RFC 8827 §6.5.
        """
        if self._matched is not None or self._state in (DtlsState.CLOSED, DtlsState.FAILED):
            return
        self._fingerprints = list(fingerprints)
        if self._is_finished:
            self._open_gate(now)

    def send(self, data: bytes, *, now: Instant) -> None:
        """Send `data` as one record in one datagram.

        Args:
            data: 1 to 16,384 **bytes**; whether the path takes that much is the caller's business.

        Raises:
            InvalidStateError: not connected.
            InvalidAccessError: too long.
            OperationError: all 2⁴⁸ record numbers are used.

        Spec: RFC 6347 §4.1.1 (a record must fit into one datagram).
        """
        self._out.append(self.seal(data, now=now))

    def seal(self, data: bytes, *, now: Instant) -> bytes:
        """Like `send`, with the same refusals, but the record is returned instead of queued: for a hot lane."""
        if self._state is not _CONNECTED:
            raise InvalidStateError(f"send in state {self._state.value}")
        if len(data) > MAX_PLAINTEXT:
            raise InvalidAccessError(f"{len(data)} bytes do not fit into a record of at most {MAX_PLAINTEXT}")
        record = self._writer.protect(_APPLICATION_DATA, data)
        if self._tap is not None:
            self._tell_out(record, data, now)
        return record

    def close(self, *, now: Instant) -> None:
        """Send close_notify if the peer may know of us, cancel everything. Idempotent. Spec: RFC 5246 §7.2.1."""
        if self._state in (DtlsState.CLOSED, DtlsState.FAILED):
            return
        if self._retransmission.has_sent:
            self._send_alert(AlertLevel.WARNING, AlertDescription.CLOSE_NOTIFY, now)
        self._end(StateInput.CLOSE, Closed(None), now)

    # -- Machine ----------------------------------------------------------------------------------

    def receive(self, packet: bytes, *, now: Instant) -> None:
        """Take one UDP payload that demultiplexing gave to DTLS (first byte 20…63, RFC 7983 §7)."""
        data = self.open(packet, now=now)
        if data is not None:
            if data:
                self._events.append(ApplicationData(data))
        elif self._state is DtlsState.NEW:
            self._keep_early(bytes(packet), now)
        else:
            self._receive(packet, now)

    def open(self, packet: bytes, *, now: Instant) -> bytes | None:
        """The content of a datagram that is one record of application data, in a connection that is up.

        For the owner of a hot lane: what `receive` would have made an `ApplicationData` event of. Empty if the record
        was dropped; None if the datagram is anything else, untouched, and `receive` is to have it.
        """
        lane = self._lane
        if lane is None or len(packet) < FAST_MINIMUM or packet[0] != _APPLICATION_DATA:
            return None
        size = len(packet)
        _, version, number, length = read_header(packet)
        if length != size - RECORD_HEADER_LENGTH or version != DTLS_1_2 or number >> 48 != 1:
            return None
        data = lane.unprotect(_APPLICATION_DATA, number, packet, RECORD_HEADER_LENGTH, size)
        if data is None:
            self._drop(packet, lane.objection(number), now)
            return b""
        return data

    def handle_timeout(self, *, now: Instant) -> None:
        """Retransmit, or give up, if that is due."""
        for timer in self._timers.take_expired(now):
            if self._state is not DtlsState.CONNECTING:
                return  # the timer before this one ended the connection
            if self._tap is not None:
                self._tap.timer("dtls", timer.name, now=now)
            if timer is Timer.RETRANSMIT:
                self._retransmit(now)
            elif timer is Timer.REFUSAL:
                self._on_refusal_timeout(now)
            else:
                self._on_handshake_timeout(now)

    def next_timeout(self) -> Instant | None:
        """The next deadline, or None."""
        return self._timers.next_timeout() if self._timers.deadlines else None

    def take_packets(self) -> Sequence[bytes]:
        """Datagrams to send, in order."""
        out, self._out = self._out, []
        return out

    def take_events(self) -> Sequence[Event]:
        """`PeerCertificate`, `Connected`, `KeyingMaterial`, `ApplicationData`, `Closed`, `Failed`: see `events`."""
        events, self._events = self._events, []
        return events

    # -- records in ---------------------------------------------------------------------------------

    def _receive(self, packet: bytes, now: Instant) -> None:
        """Every record of a datagram. A bad header ends it, a bad record does not. Spec: RFC 6347 §4.1.1, §4.1.2.7."""
        offset = 0
        while offset < len(packet) and self._state in (DtlsState.CONNECTING, DtlsState.CONNECTED):
            try:
                content_type, version, number, end = parse_header(packet, offset)
            except DtlsDecodeError:
                self._drop(packet[offset:], "malformed record header (RFC 6347 §4.1)", now)
                return
            record = packet[offset:end]
            offset = end
            if self._tap is not None:
                self._tap.packet("dtls", Direction.IN, record, now=now)
            epoch = number >> 48
            if epoch == 0 and version in (DTLS_1_2, DTLS_1_0):
                self._on_plaintext(content_type, number, record, now)
            elif epoch == 1 and version == DTLS_1_2:
                self._on_protected(content_type, number, record, now)
            else:
                self._drop(record, "record of another version or epoch (RFC 6347 §4.1)", now)

    def _on_plaintext(self, content_type: int, number: int, record: bytes, now: Instant) -> None:
        """A record that proves nothing about its sender."""
        if self._is_finished:
            self._drop(record, "plaintext after the handshake (RFC 6347 §4.1)", now)
        elif len(record) - RECORD_HEADER_LENGTH > MAX_PLAINTEXT:
            self._drop(record, "record too long (RFC 5246 §6.2.1)", now)
        elif content_type == ContentType.HANDSHAKE:
            self._on_handshake(record[RECORD_HEADER_LENGTH:], 0, number, now)
        elif content_type == ContentType.CHANGE_CIPHER_SPEC:
            if record[RECORD_HEADER_LENGTH:] != CHANGE_CIPHER_SPEC_BODY:
                self._drop(record, "malformed ChangeCipherSpec (RFC 5246 §7.1)", now)
            else:
                self._on_change_cipher_spec(record, now)
        elif content_type == ContentType.ALERT:
            self._drop(record, "plaintext alert (RFC 6347 §4.1.2.7)", now)
            if len(record) == RECORD_HEADER_LENGTH + 2 and record[-2] == AlertLevel.FATAL:
                self._heard_alert = record[-1]
        else:
            self._drop(record, "plaintext of an unexpected type (RFC 6347 §4.1)", now)

    def _on_change_cipher_spec(self, record: bytes, now: Instant) -> None:
        """It counts at its one place only: CVE-2014-0224. Records that came too early can be read now."""
        changed = [session for session in self._sessions if session.handshake.change_cipher_spec()]
        if changed:
            self._read_early_records(now)
        else:
            self._drop(record, "ChangeCipherSpec out of place (RFC 5246 §7.1)", now)

    def _on_protected(self, content_type: int, number: int, record: bytes, now: Instant) -> None:
        """A record of epoch 1: kept until it may be read, then opened."""
        ready = [s for s in self._sessions if s.handshake.state in _READABLE]
        if not ready:
            self._keep_early(record, now)
            if self._session is not None and content_type == _APPLICATION_DATA:
                self._ask_for_finished(now)
            return
        for session in ready:
            data = session.reader.unprotect(content_type, number, record, RECORD_HEADER_LENGTH, len(record))
            if data is not None:
                break
        else:
            self._drop(record, ready[0].reader.objection(number), now)
            return
        # The peer has these keys, so this is the handshake that it took part in.
        self._session, self._sessions, self._handshake = session, [session], session.handshake
        if self._role is Role.CLIENT:
            self._writer = session.writer  # the flight sent last may have been another one's
        if self._tap is not None:
            self._tap.packet(
                "dtls-plaintext",
                Direction.IN,
                record[:11] + len(data).to_bytes(2, "big") + data,
                now=now,
            )
        if content_type == _APPLICATION_DATA:
            self._on_application_data(data, record, now)
        elif content_type == ContentType.HANDSHAKE:
            self._on_handshake(data, 1, number, now)
        elif content_type == ContentType.ALERT:
            self._on_alert(data, record, now)
        else:
            self._drop(record, "protected record of an unexpected type (RFC 5246 §6.2.1)", now)

    def _on_application_data(self, data: bytes, record: bytes, now: Instant) -> None:
        if self._state is DtlsState.CONNECTED:
            self._events.append(ApplicationData(data))
        elif not self._is_finished:
            # Authentic, but ahead of its Finished; the record is marked as seen, so the plaintext is what is kept.
            self._hold(data, record, now)
            self._ask_for_finished(now)
        else:
            self._hold(data, record, now)

    def _ask_for_finished(self, now: Instant) -> None:
        """The server talks already, so its Finished is lost or late: no need to wait for the timer. Spec: RFC 6347 §4.2.4."""
        if self._role is Role.CLIENT and self._session is not None:
            self._repeat_flight(self._session.handshake.flight, now)

    def _hold(self, data: bytes, record: bytes, now: Instant) -> None:
        """Keep application data until the gate opens."""
        if not self._held.keep_if_room(data):
            self._drop(record, "too much data before the gate opened (RFC 8827 §6.5)", now)

    def _keep_early(self, data: bytes, now: Instant) -> None:
        """Keep input whose time has not come."""
        for gone in self._early.keep_newest(data):
            self._drop(gone, "too much before its time (RFC 6347 §4.2.2)", now)

    def _read_early_records(self, now: Instant) -> None:
        for record in self._early.take():
            if self._state not in (DtlsState.CONNECTING, DtlsState.CONNECTED):
                return
            content_type, _, number, _ = parse_header(record, 0)
            self._on_protected(content_type, number, record, now)

    # -- handshake ------------------------------------------------------------------------------------

    def _on_handshake(self, content: bytes, epoch: int, number: int, now: Instant) -> None:
        """Every handshake message or fragment in a record. Spec: RFC 6347 §4.2.3 (several may share one)."""
        offset = 0
        while offset < len(content) and self._state in (DtlsState.CONNECTING, DtlsState.CONNECTED):
            try:
                fragment, end = HandshakeFragment.parse_from(content, offset, len(content))
            except DtlsDecodeError:
                self._drop(content[offset:], "malformed handshake header (RFC 6347 §4.2.2)", now)
                return
            piece, offset = content[offset:end], end
            if self._is_finished and fragment.type != HandshakeType.FINISHED:
                self._refuse_renegotiation(fragment, piece, now)
                continue
            try:
                verdict = self._handshake.accept(fragment, epoch)
            except (DtlsRuleError, DtlsDecodeError, CryptoError) as error:
                self._on_refused(error, piece, now)
                continue
            if verdict is Verdict.OLD:
                self._on_repeated(piece, now)
            elif verdict is not Verdict.KEPT:
                self._drop(piece, verdict if isinstance(verdict, str) else verdict.value, now)
            self._answer_without_memory(number, now)
            self._advance(now)

    def _on_repeated(self, piece: bytes, now: Instant) -> None:
        """The peer retransmits what we have answered: our answer may be lost. Spec: RFC 6347 §4.2.4."""
        handshake = self._handshake
        flight = handshake.flight
        if isinstance(handshake, ServerHandshake) and handshake.repeated_offer is not None:
            flight, handshake.repeated_offer = handshake.repeated_offer.flight, None
        self._repeat_flight(flight, now)
        self._drop(piece, REPEATED, now)

    def _answer_without_memory(self, number: int, now: Instant) -> None:
        """Send the HelloVerifyRequest that a hello asked for, numbered as its record was. Spec: RFC 6347 §4.2.1."""
        handshake = self._handshake
        if isinstance(handshake, ServerHandshake) and handshake.verify_request is not None:
            content, handshake.verify_request = handshake.verify_request, None
            record = self._writer_0.protect_numbered(number, ContentType.HANDSHAKE, content, DTLS_1_0)
            if self._tap is not None:
                self._tap.packet("dtls", Direction.OUT, record, now=now)
            self._out.append(record)

    def _on_refused(
        self, error: DtlsRuleError | DtlsDecodeError | CryptoError, piece: bytes, now: Instant
    ) -> None:
        """Something in the peer's flight is wrong: fatal if it is surely the peer's, else forgotten."""
        if isinstance(error, DtlsRuleError):
            alert = error.alert
        elif isinstance(error, CryptoError):
            alert = AlertDescription.DECRYPT_ERROR
        else:
            alert = AlertDescription.DECODE_ERROR
        if self._handshake.is_committed:
            self._fail(str(error), alert, now)
            return
        self._drop(piece, _rule_of(error), now)
        self._handshake.rollback()
        if self._session is None:  # else it is only a fork that reads nonsense
            self._doubt(str(error), alert, now)

    def _doubt(self, reason: str, alert: AlertDescription, now: Instant) -> None:
        """The peer has not begun well. Give a better beginning some time to come."""
        self._refusal = (reason[:300], alert)
        if Timer.REFUSAL not in self._timers:
            self._timers.set(Timer.REFUSAL, now + self._config.refusal_timeout)

    def _on_refusal_timeout(self, now: Instant) -> None:
        """Nobody came with anything better. A server that has answered nobody goes on waiting, for a bad hello ends nothing."""
        assert self._refusal is not None
        reason, alert = self._refusal
        if self._handshake.state is HandshakeState.WAIT_CLIENT_HELLO:
            self._send_alert(AlertLevel.FATAL, alert, now)
        else:
            self._fail(reason, alert, now)

    def _on_handshake_timeout(self, now: Instant) -> None:
        hints = []
        if self._heard_alert is not None:
            hints.append(f"someone sent the alert {alert_name(self._heard_alert)}")
        if self._refusal is not None:
            hints.append(f"last refused: {self._refusal[0]}")
        hint = "".join(f"; {h}" for h in hints)
        reason = (
            f"no handshake within {self._config.handshake_timeout:g} s, in state {self._sender.state.value!r}"
        )
        self._fail(f"{reason}{hint} (RFC 6347 §4.2.4)", None, now)

    def _advance(self, now: Instant) -> None:
        """Follow the handshake: keys, a new flight, the end."""
        handshake = self._handshake
        if handshake.is_committed and (self._session is None or handshake is not self._session.handshake):
            self._commit(handshake, now)
        if (flight := handshake.take_new_flight()) is not None and handshake is self._sender:
            self._retransmission.begin()
            self._timers.stop(Timer.REFUSAL)
            self._send_flight(flight, now)
        if handshake.state is HandshakeState.FINISHED and not self._is_finished:
            self._is_finished = True
            self._timers.clear()
            self._early.take()
            handshake.release()
            self._events.append(PeerCertificate(handshake.peer_chain))
            self._open_gate(now)
        elif isinstance(handshake, ClientHandshake) and handshake.is_committed and not self._is_finished:
            self._handshake = handshake.fork()

    @property
    def _sender(self) -> ClientHandshake | ServerHandshake:
        """The handshake whose flight is ours to send."""
        return self._handshake if self._session is None else self._session.handshake

    def _commit(self, handshake: ClientHandshake | ServerHandshake, now: Instant) -> None:
        """The peer proved to hold the key of its certificate: make a session of it, if that is the right certificate."""
        if isinstance(handshake, ClientHandshake) and handshake.repeats is not None:
            for session in self._sessions:
                if session.handshake is handshake.repeats:
                    self._session = session
            self._repeat_flight(self._sender.flight, now)
            return
        if self._fingerprints is not None:
            try:
                check_fingerprints(handshake.peer_chain[0], self._fingerprints)
            except FingerprintMismatchError as error:
                self._on_stranger(handshake, str(error), now)
                return
        keys = handshake.keys
        assert keys is not None
        if self._tap is not None:
            self._tap.secret("CLIENT_RANDOM", keys.client_random, keys.master_secret)
        block = keys.key_block()
        client = protection_for(keys.suite, block.client_key, block.client_iv)
        server = protection_for(keys.suite, block.server_key, block.server_iv)
        ours, theirs = (client, server) if self._role is Role.CLIENT else (server, client)
        self._session = _Session(handshake, WriteEpoch(1, ours), ReadEpoch(1, theirs))
        self._sessions.append(self._session)
        if len(self._sessions) > MAX_SESSIONS:
            oldest = self._sessions.pop(0).handshake
            assert isinstance(oldest, ClientHandshake), "a server has one"
            oldest.forget()

    def _on_stranger(self, handshake: ClientHandshake | ServerHandshake, reason: str, now: Instant) -> None:
        """A certificate that signalling did not announce. Spec: RFC 8122 §6.2, RFC 8827 §6.5.

        The server's certificate is proved only with its Finished, so a client looks twice: what came may have
        been damaged on the way, or forged, and the true flight may follow.
        """
        leaf = handshake.peer_chain[0]
        if isinstance(handshake, ServerHandshake) or leaf in self._strangers:
            self._fail(reason, AlertDescription.BAD_CERTIFICATE, now)
        elif len(self._strangers) < MAX_STRANGERS:
            self._strangers.add(leaf)
            handshake.forget()
            handshake.take_new_flight()
            if self._session is None:
                self._doubt(reason, AlertDescription.BAD_CERTIFICATE, now)

    def _open_gate(self, now: Instant) -> None:
        """Hand out keys and data, if the handshake is finished and the peer is the one expected."""
        if self._fingerprints is None:
            return
        handshake, session = self._handshake, self._session
        try:
            self._matched = check_fingerprints(handshake.peer_chain[0], self._fingerprints)
        except FingerprintMismatchError as error:
            self._fail(str(error), AlertDescription.BAD_CERTIFICATE, now)
            return
        keys = handshake.keys
        assert keys is not None and handshake.group is not None and session is not None
        self._move(StateInput.ADMIT, now)
        self._lane = session.reader if self._tap is None else None
        profile = handshake.srtp_profile
        self._events.append(Connected(DTLS_1_2, keys.suite, handshake.group, profile))
        if profile is not None:
            client_key, server_key, client_salt, server_salt = keys.srtp_keys(profile)
            client, server = (client_key, client_salt), (server_key, server_salt)
            ours, theirs = (client, server) if self._role is Role.CLIENT else (server, client)
            self._events.append(KeyingMaterial(profile, *ours, *theirs))
        self._events.extend(ApplicationData(data) for data in self._held.take())

    def _refuse_renegotiation(self, fragment: HandshakeFragment, piece: bytes, now: Instant) -> None:
        """A protected HelloRequest or ClientHello after the handshake: once is enough. Spec: RFC 8827 §6.5."""
        self._drop(piece, "renegotiation refused (RFC 8827 §6.5)", now)
        asked = HandshakeType.HELLO_REQUEST if self._role is Role.CLIENT else HandshakeType.CLIENT_HELLO
        if fragment.type == asked and fragment.fragment_offset == 0:
            self._send_alert(AlertLevel.WARNING, AlertDescription.NO_RENEGOTIATION, now)

    # -- flights out ------------------------------------------------------------------------------------

    def _retransmit(self, now: Instant) -> None:
        """The timer fired. Spec: RFC 6347 §4.2.4."""
        self._retransmission.back_off()
        self._send_flight(self._sender.flight, now)
        if self._retransmission.is_doubted and self._handshake is not self._sender:
            # The server does not take our answer. Perhaps what it answered was a damaged copy of our hello.
            self._send_flight(self._handshake.flight, now)

    def _send_flight(self, flight: Flight | None, now: Instant) -> None:
        """Send a flight, the first time or again, and await the answer."""
        if flight is None:
            return
        writers = {0: self._writer_0}
        if flight.entries[-1].epoch == 1:
            assert self._session is not None
            # With its ChangeCipherSpec we change to epoch 1: RFC 5246 §7.1.
            writers[1] = self._writer = self._session.writer
        datagrams = flight.datagrams(writers, self._retransmission.mtu)
        if self._tap is not None:
            for datagram in datagrams:
                self._tell_datagram(datagram, now)
        self._out.extend(datagrams)
        again = self._retransmission.sent(now)
        if self._sender.state is not HandshakeState.FINISHED:
            self._timers.set(Timer.RETRANSMIT, again)

    def _repeat_flight(self, flight: Flight | None, now: Instant) -> None:
        """Send a flight again for the peer's sake, but not at any rate it likes."""
        if flight is not None and self._retransmission.may_repeat(now):
            self._send_flight(flight, now)

    # -- alerts and endings -------------------------------------------------------------------------------

    def _on_alert(self, data: bytes, record: bytes, now: Instant) -> None:
        """An authentic alert. Spec: RFC 5246 §7.2.1, §7.2.2."""
        try:
            alert = Alert.parse(data)
        except WireError:
            self._drop(record, "malformed alert (RFC 5246 §7.2)", now)
            return
        if alert.description == AlertDescription.CLOSE_NOTIFY:
            self._send_alert(AlertLevel.WARNING, AlertDescription.CLOSE_NOTIFY, now)
            self._end(StateInput.CLOSE_NOTIFY, Closed(int(alert.description)), now)
        elif alert.level == AlertLevel.FATAL:
            name = alert_name(alert.description)
            self._end(
                StateInput.ALERT,
                Failed(f"the peer sent the alert {name} (RFC 5246 §7.2.2)", int(alert.description)),
                now,
            )
        else:
            self._drop(record, "warning alert (RFC 5246 §7.2.2)", now)

    def _send_alert(self, level: AlertLevel, description: AlertDescription, now: Instant) -> None:
        """Protected as soon as we have changed to epoch 1. Spec: RFC 5246 §7.2."""
        data = Alert(level=level, description=description).serialize()
        record = self._writer.protect(ContentType.ALERT, data)
        if self._tap is not None:
            self._tell_out(record, data, now)
        self._out.append(record)

    def _fail(self, reason: str, alert: AlertDescription | None, now: Instant) -> None:
        """The end, by our decision."""
        if alert is not None:
            self._send_alert(AlertLevel.FATAL, alert, now)
        self._end(StateInput.FAILURE, Failed(reason, None if alert is None else int(alert)), now)

    def _end(self, by: StateInput, event: Event, now: Instant) -> None:
        """Forget everything; nothing that waited for the gate gets out any more."""
        self._move(by, now)
        self._events.append(event)
        self._timers.clear()
        self._lane = None
        self._writer = self._writer_0
        self._early.take()
        self._held.take()
        for handshake in (self._handshake, *(session.handshake for session in self._sessions)):
            handshake.release()
            handshake.keys = None
        self._sessions, self._session = [], None

    # -- tap --------------------------------------------------------------------------------------------------

    def _move(self, by: StateInput, now: Instant) -> None:
        state = TRANSITIONS[self._state, by]
        if self._tap is not None:
            self._tap.state("dtls", "DtlsTransport", self._state.value, state.value, now=now)
        self._state = state

    def _drop(self, data: bytes, reason: str, now: Instant) -> None:
        self.dropped[reason] += 1
        if self._tap is not None:
            self._tap.drop("dtls", data, reason, now=now)

    def _tell_out(self, record: bytes, content: bytes, now: Instant) -> None:
        assert self._tap is not None
        self._tap.packet("dtls", Direction.OUT, record, now=now)
        if record[3:5] != b"\0\0":
            header = record[:11] + len(content).to_bytes(2, "big")
            self._tap.packet("dtls-plaintext", Direction.OUT, header + content, now=now)

    def _tell_datagram(self, datagram: bytes, now: Instant) -> None:
        """Each record of a flight's datagram; of the protected Finished only the ciphertext, the key log opens it."""
        assert self._tap is not None
        offset = 0
        while offset < len(datagram):
            end = parse_header(datagram, offset)[3]
            self._tap.packet("dtls", Direction.OUT, datagram[offset:end], now=now)
            offset = end
