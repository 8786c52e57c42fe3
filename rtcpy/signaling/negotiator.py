"""Perfect negotiation, tied to a `PeerConnection` and a signalling channel.

    negotiator = Negotiator(pc, channel, polite=True)
    await negotiator.run()          # or: task = asyncio.create_task(negotiator.run())

From then on the application adds channels (later: tracks) whenever it likes and never sees a description.

Spec: W3C webrtc §10.7; the decisions are in `rtcpy.signaling.negotiation`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from rtcpy.aio import PeerConnection
from rtcpy.core.errors import InvalidStateError, RtcError
from rtcpy.peer import IceCandidate, SessionDescription, SignalingState
from rtcpy.signaling.messages import Bye, CandidateMessage, DescriptionMessage, Message
from rtcpy.signaling.negotiation import Negotiation, Verdict

logger = logging.getLogger("rtcpy.signaling")

OUTBOX_LIMIT = 256  # messages that wait for the channel; a connection makes a few dozen in its life


class SignalingChannel(Protocol):
    """What a negotiator needs: an ordered, reliable way to the other side."""

    async def send(self, message: Message) -> None:
        """Send one message; raises ConnectionError when the channel is gone."""

    async def receive(self) -> Message | None:
        """The next message, `None` when the channel ended. Raises `SignalingError` for one that is malformed."""

    async def close(self) -> None:
        """End the channel. Idempotent."""


class Negotiator:
    """Keeps one connection negotiated over one channel.

    Args:
        pc: the connection; its ``negotiationneeded`` and ``icecandidate`` events are listened to from now on.
        channel: the way to the other side.
        polite: whether this side gives way in a collision; the other side must say the opposite.
    """

    def __init__(self, pc: PeerConnection, channel: SignalingChannel, *, polite: bool) -> None:
        self._pc = pc
        self._channel = channel
        self.negotiation = Negotiation(polite=polite)
        self._outbox: asyncio.Queue[Message] = asyncio.Queue(OUTBOX_LIMIT)
        pc.on("negotiationneeded", self._offer)
        pc.on("icecandidate", self._on_candidate)

    async def run(self) -> None:
        """Relay until the channel ends, the other side says bye, or the connection is closed.

        Raises:
            ConnectionError: the channel broke.
        """
        sender = asyncio.create_task(self._send_all())
        receiver: asyncio.Task[Message | None] | None = None
        try:
            while True:
                receiver = asyncio.create_task(self._receive())
                done, _ = await asyncio.wait({receiver, sender}, return_when=asyncio.FIRST_COMPLETED)
                if receiver not in done:
                    sender.result()  # raises what stopped it
                    return
                try:
                    message = receiver.result()
                except RtcError as exc:
                    logger.warning("a signalling message was not understood: %s", exc)
                    continue
                if message is None or isinstance(message, Bye) or self._closed:
                    return
                await self.handle(message)
        finally:
            sender.cancel()
            if receiver is not None:
                receiver.cancel()
            self._pc.remove_listener("negotiationneeded", self._offer)
            self._pc.remove_listener("icecandidate", self._on_candidate)

    async def bye(self) -> None:
        """Tell the other side that we leave, and end the channel. What was queued before goes first."""
        try:
            while not self._outbox.empty():
                await self._channel.send(self._outbox.get_nowait())
            await self._channel.send(Bye())
        except ConnectionError as exc:
            logger.debug("no bye: %s", exc)
        await self._channel.close()

    async def _receive(self) -> Message | None:
        return await self._channel.receive()

    async def handle(self, message: Message) -> None:
        """Do what one message asks for. What the other side got wrong is logged, not raised."""
        try:
            if isinstance(message, DescriptionMessage):
                await self._on_description(message.description)
            elif isinstance(message, CandidateMessage):
                await self._on_remote_candidate(message.candidate)
        except (RtcError, TypeError) as exc:
            logger.warning("a signalling message could not be applied: %s", exc)

    async def _offer(self) -> None:
        self.negotiation.begin_offer()
        try:
            await self._pc.set_local_description()
            self._post_local_description()
        except InvalidStateError as exc:
            # An offer of the other side came first, or the connection closed: there is nothing to offer now.
            logger.debug("no offer: %s", exc)
        finally:
            self.negotiation.end_offer()

    async def _on_description(self, description: SessionDescription) -> None:
        verdict = self.negotiation.on_description(description, self._pc.signaling_state)
        if verdict is Verdict.IGNORE:
            return
        try:
            await self._pc.set_remote_description(description)
        except BaseException:
            self.negotiation.failed()
            raise
        early = self.negotiation.applied()
        if verdict is Verdict.APPLY_AND_ANSWER:
            await self._pc.set_local_description()
            self._post_local_description()
        for candidate in early:
            await self._add(candidate)

    async def _on_remote_candidate(self, candidate: IceCandidate | None) -> None:
        if self.negotiation.on_candidate(candidate):
            await self._add(candidate)

    async def _add(self, candidate: IceCandidate | None) -> None:
        try:
            await self._pc.add_ice_candidate(candidate)
        except RtcError:
            if not self.negotiation.ignoring:
                raise

    def _post_local_description(self) -> None:
        description = self._pc.local_description
        assert description is not None
        self._post(DescriptionMessage(description))

    def _on_candidate(self, candidate: IceCandidate | None) -> None:
        self._post(CandidateMessage(candidate))

    def _post(self, message: Message) -> None:
        """Queue for sending, so that descriptions and candidates leave in the order in which they were made."""
        self._outbox.put_nowait(message)

    async def _send_all(self) -> None:
        while True:
            await self._channel.send(await self._outbox.get())

    @property
    def _closed(self) -> bool:
        return self._pc.signaling_state is SignalingState.CLOSED
