"""What the client's and the server's handshake have in common: state, order, transcript, Finished.

A handshake object knows messages, not records, timers or sockets. Its owner (`connection`) hands it fragments
and sends the flights that it makes. Three outcomes of a fragment: nothing yet; a message that is in its turn and
moves the state (perhaps giving a new `flight`); an exception that says why the peer's flight is refused.

*Refusing is not failing.* Up to the moment when the peer's signature over our own hello has verified (`COMMITTED`),
anyone can have sent what we read. So a flight is read on approval: when anything in it is wrong, all of it is
forgotten (`rollback`) and the peer's next retransmission is read afresh. A forged message can delay a handshake, but
not end it. After that point errors are the peer's own and fatal.

Specs: RFC 5246 §7.3, §7.4.9; RFC 6347 §4.2.2, §4.2.6.
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from rtcpy.core.env import Entropy
from rtcpy.core.errors import CryptoError
from rtcpy.dtls.alerts import AlertDescription, DtlsRuleError
from rtcpy.dtls.certificate import Certificate, PublicKey, load_public_key
from rtcpy.dtls.events import CipherSuite, DtlsConfig, NamedGroup, SrtpProfile
from rtcpy.dtls.flights12 import COMMITTED, Entry, Flight, HandshakeState, Input
from rtcpy.dtls.fragments import REPEATED, InOrder, Verdict
from rtcpy.dtls.keys12 import KeySchedule
from rtcpy.dtls.messages import (
    CertificateEntry,
    CertificateMessage,
    Finished,
    HandshakeFragment,
    HandshakeType,
    Message,
    parse_body,
)
from rtcpy.wire import Wire

MAX_CHAIN = 8  # certificates; only the first is looked at, WebRTC peers send one
RANDOM_LENGTH = (
    32  # bytes; RFC 5246 §7.4.1.2; no clock in it, as in RFC 8446 §4.1.2: it would tell one host from another
)

_INPUTS: Mapping[int, Input] = {
    HandshakeType.CLIENT_HELLO: Input.CLIENT_HELLO,
    HandshakeType.HELLO_VERIFY_REQUEST: Input.HELLO_VERIFY_REQUEST,
    HandshakeType.SERVER_HELLO: Input.SERVER_HELLO,
    HandshakeType.CERTIFICATE: Input.CERTIFICATE,
    HandshakeType.SERVER_KEY_EXCHANGE: Input.SERVER_KEY_EXCHANGE,
    HandshakeType.CERTIFICATE_REQUEST: Input.CERTIFICATE_REQUEST,
    HandshakeType.SERVER_HELLO_DONE: Input.SERVER_HELLO_DONE,
    HandshakeType.CLIENT_KEY_EXCHANGE: Input.CLIENT_KEY_EXCHANGE,
    HandshakeType.CERTIFICATE_VERIFY: Input.CERTIFICATE_VERIFY,
    HandshakeType.FINISHED: Input.FINISHED,
}


class Handshake12(ABC):
    """Base of `ClientHandshake` and `ServerHandshake`.

    Invariant: `keys` is set exactly in the states of `COMMITTED`, and then `peer_chain`, `group`, `srtp_profile`
    are final.
    """

    table: ClassVar[Mapping[tuple[HandshakeState, Input], HandshakeState]]
    inputs: ClassVar[frozenset[Input | None]]
    is_client: ClassVar[bool]

    def __init_subclass__(cls) -> None:
        cls.inputs = frozenset(kind for _, kind in cls.table)

    def __init__(
        self, certificate: Certificate, entropy: Entropy, config: DtlsConfig, random: bytes = b""
    ) -> None:
        self._certificate = certificate
        self._entropy = entropy
        self._config = config
        self._random = random or entropy.token(RANDOM_LENGTH)
        self._in_order = InOrder(0)
        self._transcript = bytearray()
        self._answered_seq = 0  # messages below this are what our last flight answered
        self._next_send_seq = 0
        self._peer_key: PublicKey | None = None
        self.state = HandshakeState.START
        self.flight: Flight | None = None
        """The flight last made: what a timer retransmits."""
        self._is_flight_new = False
        self.keys: KeySchedule | None = None
        self.suite: CipherSuite | None = None
        self.group: NamedGroup | None = None
        self.srtp_profile: SrtpProfile | None = None
        self.peer_chain: tuple[bytes, ...] = ()

    # -- what the owner calls -----------------------------------------------------------------

    def start(self) -> None:
        """Begin: the client makes flight 1."""
        self._move(Input.START)

    @property
    def is_committed(self) -> bool:
        """Whether the peer has proved itself (see the module's docstring)."""
        return self.state in COMMITTED

    def accept(self, fragment: HandshakeFragment, epoch: int) -> Verdict | str:
        """Take a fragment.

        Returns:
            What became of it; a string is the reason why it was dropped.

        Raises:
            DtlsRuleError, DtlsDecodeError, CryptoError: the peer's flight is refused; call `rollback`
                unless `is_committed`.
        """
        if _INPUTS.get(fragment.type) not in self.inputs:
            return "not a message for this side (RFC 5246 §7.4)"  # HelloRequest too: RFC 5246 §7.4.1.1 lets a client ignore it
        if (fragment.type == HandshakeType.FINISHED) != (epoch == 1):
            return (
                "message in the wrong epoch (RFC 6347 §4.2.2)"  # only Finished is protected, and it always is
            )
        if fragment.message_seq < self._in_order.next_seq:
            # Only what our flight answers says that the peer has not got it; the rest is a repetition.
            return Verdict.OLD if fragment.message_seq < self._answered_seq else REPEATED
        if epoch == 0 and self.is_committed:
            return "plaintext after keys (RFC 6347 §4.1)"
        message = self._in_order.take_whole(fragment)
        if message is not None:
            self._read(message)
            return Verdict.KEPT
        verdict = self._in_order.add(fragment)
        if verdict is Verdict.KEPT:
            self._read_in_order()
        return verdict

    def change_cipher_spec(self) -> bool:
        """The peer changed to epoch 1; False if this is not its place. Spec: RFC 5246 §7.1."""
        if (self.state, Input.CHANGE_CIPHER_SPEC) not in self.table:
            return False
        self._move(Input.CHANGE_CIPHER_SPEC)
        return True

    def take_new_flight(self) -> Flight | None:
        """The flight made since the last call, if any: to be sent now."""
        is_new, self._is_flight_new = self._is_flight_new, False
        return self.flight if is_new else None

    @abstractmethod
    def rollback(self) -> None:
        """Forget the peer's flight, as if none of it had come."""

    def release(self) -> None:
        """The handshake is over: keep only what retransmission of the last flight needs (CVE-2016-2179)."""
        self._transcript.clear()
        self._in_order.reset(self._in_order.next_seq)
        self._peer_key = None
        if self.is_client:
            self.flight = None

    # -- reading ------------------------------------------------------------------------------

    def _read_in_order(self) -> None:
        while (message := self._in_order.take()) is not None:
            self._read(message)

    def _read(self, message: Message) -> None:
        kind = _INPUTS.get(message.type)
        if kind is None or (self.state, kind) not in self.table:
            raise DtlsRuleError(
                f"handshake message {message.type} in state {self.state.value!r}",
                AlertDescription.UNEXPECTED_MESSAGE,
                rfc="RFC 5246 §7.3",
            )
        self._on(kind, message, parse_body(message))
        self._move(kind)
        if self.is_committed and kind is not Input.FINISHED:
            self._in_order.reset(self._in_order.next_seq)  # plaintext that is left is not the peer's

    @abstractmethod
    def _on(self, kind: Input, message: Message, body: Wire) -> None:
        """Side effects of one input; the table has allowed it."""

    def _move(self, kind: Input) -> None:
        self.state = self.table[self.state, kind]

    def _read_chain(self, body: CertificateMessage) -> None:
        """Take the peer's certificate. Spec: RFC 5246 §7.4.2, §7.4.6."""
        chain = tuple(entry.der for entry in body.certificates)
        if not chain:
            raise DtlsRuleError(
                "the peer sent no certificate", AlertDescription.HANDSHAKE_FAILURE, rfc="RFC 5246 §7.4.6"
            )
        if len(chain) > MAX_CHAIN:
            raise DtlsRuleError(
                f"the peer's chain has {len(chain)} certificates, at most {MAX_CHAIN} are accepted",
                AlertDescription.BAD_CERTIFICATE,
                rfc="RFC 5246 §7.4.2",
            )
        self._peer_key = load_public_key(chain[0])
        self.peer_chain = chain

    def _read_finished(self, body: Finished) -> None:
        """Compare the peer's hash of the handshake with ours. Spec: RFC 5246 §7.4.9."""
        assert self.keys is not None
        expected = self.keys.verify_data(of_client=not self.is_client, transcript=bytes(self._transcript))
        if not hmac.compare_digest(expected, body.verify_data):
            raise CryptoError("the peer's Finished does not match this handshake (RFC 5246 §7.4.9)")

    # -- writing ------------------------------------------------------------------------------

    def _message(self, kind: HandshakeType, body: Wire) -> Message:
        """Number a message of ours and put it into the transcript."""
        message = Message(kind, self._next_send_seq, body.serialize())
        self._next_send_seq += 1
        self._transcript += message.transcript()
        return message

    def _certificate_message(self) -> Message:
        entry = CertificateEntry(der=self._certificate.der)
        return self._message(HandshakeType.CERTIFICATE, CertificateMessage(certificates=[entry]))

    def _finish(self) -> list[Entry]:
        """ChangeCipherSpec and our Finished, the end of a flight."""
        assert self.keys is not None
        data = self.keys.verify_data(of_client=self.is_client, transcript=bytes(self._transcript))
        finished = self._message(HandshakeType.FINISHED, Finished(verify_data=data))
        return [Entry(0, None), Entry(1, finished)]

    def _make_flight(self, flight: Flight) -> None:
        self.flight = flight
        self._is_flight_new = True
        self._answered_seq = self._in_order.next_seq
