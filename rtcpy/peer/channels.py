"""The data channels of a connection: which exist, how they come to be, and how they end.

Owns `ChannelBook`: W3C's set of channels with the association under them, made when it is first needed, and the
checks that W3C asks of new channels. The protocol is `rtcpy.sctp`; what the descriptions say of the association is
`rtcpy.peer.apply`.

Specs: W3C webrtc §6.1 (createDataChannel, RTCSctpTransport), §6.2 (life of a channel); RFC 8832 §6.
"""

from __future__ import annotations

from dataclasses import replace

from rtcpy import sctp
from rtcpy.core.env import Entropy
from rtcpy.core.errors import OperationError
from rtcpy.core.machine import Event, Instant
from rtcpy.core.tap import Tap
from rtcpy.peer.configuration import PeerConfiguration
from rtcpy.peer.events import ChannelError, DataChannelAnnounced
from rtcpy.peer.states import SctpTransportState

MAX_LABEL_BYTES = 65535
"""UTF-8 **bytes** of a label or protocol. W3C webrtc §6.1 (createDataChannel steps 5 and 11), RFC 8832 §5.1."""

MAX_UNSIGNED_SHORT = 65535
"""Largest `maxRetransmits`, `maxPacketLifeTime` and `id` that W3C's interface can express. W3C webrtc §6.2."""

MAX_CHANNEL_ID = 65534
"""65535 is reserved. W3C webrtc §6.1 (createDataChannel step 17), RFC 8832 §6."""

UNLIMITED_MESSAGE_SIZE = 1 << 30
"""**Bytes**: what "no limit" in our a=max-message-size means to SCTP, whose receive window bounds memory anyway."""


class ChannelBook:
    """The channels that are not closed, in order of creation, and the association that carries them.

    Args:
        configuration: for the association.
        entropy: for the association.
        tap: sees its packets.
    """

    __slots__ = (
        "_configuration",
        "_created",
        "_entropy",
        "_ever_open",
        "_numbers",
        "_tap",
        "association",
        "closed",
        "max_channels",
        "state",
    )

    def __init__(self, configuration: PeerConfiguration, *, entropy: Entropy, tap: Tap | None) -> None:
        self._configuration = configuration
        self._entropy = entropy
        self._tap = tap
        self._numbers: dict[sctp.Channel, int] = {}
        self._created = 0
        self.association: sctp.DataChannels | None = None
        self.state = SctpTransportState.CONNECTING
        self.max_channels: int | None = None
        self._ever_open: set[sctp.Channel] = set()
        self.closed = 0

    def need(self) -> sctp.DataChannels:
        """The association, made now if there is none."""
        if self.association is None:
            settings = self._configuration
            config = replace(
                settings.sctp, max_message_size=settings.max_message_size or UNLIMITED_MESSAGE_SIZE
            )
            if settings.path_mtu is not None:
                config = replace(config, path_mtu=settings.path_mtu, path_mtu_limit=settings.path_mtu)
            self.association = sctp.DataChannels(config, entropy=self._entropy, tap=self._tap)
        return self.association

    def open(
        self,
        label: str,
        *,
        protocol: str,
        ordered: bool,
        max_retransmits: int | None,
        max_packet_life_time: int | None,
        negotiated: bool,
        id: int | None,
        now: Instant,
    ) -> sctp.Channel:
        """Create a channel; arguments and errors as `rtcpy.peer.Peer.create_data_channel`."""
        check_options(label, protocol, max_retransmits, max_packet_life_time, negotiated, id)
        if negotiated and id is not None:
            if any(channel.id == id for channel in self._numbers):
                raise OperationError(
                    f"channel id {id} is in use (W3C webrtc §6.1, createDataChannel step 18)"
                )
            if self.max_channels is not None and id >= self.max_channels:
                raise OperationError(
                    f"channel id {id} is beyond the {self.max_channels} streams negotiated (W3C webrtc §6.1)"
                )
        channel = self.need().open(
            label,
            protocol,
            ordered=ordered,
            max_retransmits=max_retransmits,
            max_lifetime_ms=max_packet_life_time,
            negotiated=negotiated,
            id=id if negotiated else None,
            now=now,
        )
        self._enter(channel)
        return channel

    @property
    def opened(self) -> int:
        """Channels that ever opened. Spec: W3C webrtc-stats §8.12 (dataChannelsOpened)."""
        return self.closed + len(self._ever_open)

    def numbered(self) -> list[tuple[int, sctp.Channel]]:
        """Every channel with its number, which statistics call it by."""
        return [(number, channel) for channel, number in self._numbers.items()]

    def existing(self) -> list[sctp.Channel]:
        """Every channel that is not closed (W3C [[DataChannels]])."""
        return list(self._numbers)

    # --- what SCTP reports -----------------------------------------------------------------------------------

    def on_established(self, event: sctp.Established) -> None:
        """Spec: W3C webrtc §6.1.1.3 (connected procedure)."""
        self.max_channels = min(event.outbound_streams, event.inbound_streams)
        self.state = SctpTransportState.CONNECTED

    def on_opened(self, event: sctp.ChannelOpened) -> list[Event]:
        """Spec: W3C webrtc §6.2.2."""
        self._ever_open.add(event.channel)
        return [event]

    def on_announced(self, event: sctp.ChannelAnnounced) -> list[Event]:
        """Spec: W3C webrtc §6.2.3: first the channel, then that it is open."""
        self._enter(event.channel)
        self._ever_open.add(event.channel)
        return [DataChannelAnnounced(event.channel), sctp.ChannelOpened(event.channel)]

    def on_closed(self, event: sctp.ChannelClosed) -> list[Event]:
        """Spec: W3C webrtc §6.2.5."""
        return self._end(event.channel, event.error or "", "sctp-failure")

    # --- the end ---------------------------------------------------------------------------------------------

    def end_all(self, reason: str, now: Instant) -> list[Event]:
        """The association cannot be, or is no more: every channel ends, with an error if there is a reason.

        Spec: W3C webrtc §6.1.2 (closed), §6.2.5, §6.2.7.
        """
        if self.association is not None:
            self.association.close(now=now)
        events: list[Event] = []
        for channel in list(self._numbers):
            channel.move(sctp.ChannelInput.END)
            detail = "sctp-failure" if channel in self._ever_open else "data-channel-failure"
            events += self._end(channel, reason, detail)
        self.association = None
        self.max_channels = None
        self.state = SctpTransportState.CLOSED
        return events

    def close(self, now: Instant) -> None:
        """The connection is closed: so is everything, without a word. Spec: W3C webrtc §4.4.2 (close, step 5)."""
        if self.association is not None:
            self.association.close(now=now)
        for channel in self._numbers:
            channel.move(sctp.ChannelInput.END)
        self._numbers.clear()

    def _enter(self, channel: sctp.Channel) -> None:
        self._created += 1
        self._numbers[channel] = self._created

    def _end(self, channel: sctp.Channel, error: str, detail: str) -> list[Event]:
        if self._numbers.pop(channel, None) is None:
            return []
        if channel in self._ever_open:
            self._ever_open.remove(channel)
            self.closed += 1
        told: list[Event] = [ChannelError(channel, detail, error)] if error else []
        told.append(sctp.ChannelClosed(channel, error or None))
        return told


def check_options(
    label: str,
    protocol: str,
    max_retransmits: int | None,
    max_packet_life_time: int | None,
    negotiated: bool,
    id_: int | None,
) -> None:
    """Raise TypeError for what W3C does not allow. Spec: W3C webrtc §6.1 (createDataChannel, steps 5–17)."""
    for name, text in (("label", label), ("protocol", protocol)):
        try:
            length = len(text.encode())
        except UnicodeEncodeError as error:
            raise TypeError(f"{name} is no text that UTF-8 can carry") from error
        if length > MAX_LABEL_BYTES:
            raise TypeError(
                f"{name} has {length} bytes of UTF-8, at most {MAX_LABEL_BYTES} (W3C webrtc §6.1)"
            )
    for name, number in (
        ("max_retransmits", max_retransmits),
        ("max_packet_life_time", max_packet_life_time),
        ("id", id_),
    ):
        if number is not None and not 0 <= number <= MAX_UNSIGNED_SHORT:
            raise TypeError(f"{name} is {number}, expected 0…{MAX_UNSIGNED_SHORT} (W3C webrtc §6.2)")
    if max_retransmits is not None and max_packet_life_time is not None:
        raise TypeError(
            "max_retransmits and max_packet_life_time exclude each other (W3C webrtc §6.1 step 15)"
        )
    if negotiated and id_ is None:
        raise TypeError("negotiated needs an id (W3C webrtc §6.1 step 14)")
    if negotiated and id_ is not None and id_ > MAX_CHANNEL_ID:
        raise TypeError(f"id is {id_}, at most {MAX_CHANNEL_ID} (W3C webrtc §6.1 step 17)")
