"""Setting an association up: the four-way handshake, two of them that cross, and a peer that begins anew.

Owned here: what only matters until ESTABLISHED, and what tells a second set-up from the first: the cookie jar, the
tie-tags, our INIT and how often it was sent, the cookie that we echo. Not here: what the four chunks look like and how a
cookie is sealed (`handshake`), what an association consists of (`tcb`).

Who asks, and who answers:

    us                                   peer
    start      INIT            ---->     on_init         keeps nothing, all is in the cookie
    on_init_ack            <---- INIT ACK
               COOKIE ECHO     ---->     on_cookie_echo  table 12 for all that is not simply new
    on_cookie_ack        <---- COOKIE ACK

Specs: RFC 9260 §5.1 (the usual way), §5.2 (unexpected INIT and cookies), §5.2.4 (table 12, restart), §5.2.6 (stale
cookies); RFC 8841 §9.3; RFC 9653 §5.2.
"""

from __future__ import annotations

from rtcpy.core.env import Entropy, random_integer
from rtcpy.core.errors import CryptoError, ProtocolError
from rtcpy.core.machine import Instant
from rtcpy.sctp.chunks import (
    AbortChunk,
    CookieAckChunk,
    CookieEchoChunk,
    ErrorChunk,
    InitAckChunk,
    InitChunk,
    ShutdownAckChunk,
)
from rtcpy.sctp.events import Aborted, Established, Restarted
from rtcpy.sctp.handshake import (
    Cookie,
    CookieJar,
    Side,
    make_init,
    make_init_ack,
    make_side,
    read_greeting,
)
from rtcpy.sctp.outbound import DATA_OVERHEAD
from rtcpy.sctp.packet import COMMON_HEADER_SIZE
from rtcpy.sctp.parameters import CauseCode, ErrorCause, ParameterType
from rtcpy.sctp.reconfig import Reconfiguration
from rtcpy.sctp.states import Input, State
from rtcpy.sctp.streams import StreamResets
from rtcpy.sctp.supervision import Supervision
from rtcpy.sctp.tcb import Tcb, Timer

HOLD_BACK_MIN = 0.02  # s that our INIT waits for the COOKIE ECHO of a peer whose INIT came first
PLAIN_INIT_AFTER = 2  # unanswered INITs, before one without the parameters that not every stack skips


class Setup:
    """From CLOSED to ESTABLISHED, and from ESTABLISHED anew if the peer restarts.

    Args:
        tcb: what is set up.
        entropy: for the key of the cookies, tags and first TSNs.
        supervision: begins when the association is established.
        reconfiguration: so do resets that were asked for before.
    """

    __slots__ = (
        "_echoed",
        "_entropy",
        "_held_back",
        "_init_sent",
        "_jar",
        "_offered",
        "_reconfiguration",
        "_supervision",
        "_tcb",
        "_tie_tags",
        "_tries",
    )

    def __init__(
        self, tcb: Tcb, entropy: Entropy, supervision: Supervision, reconfiguration: Reconfiguration
    ) -> None:
        self._tcb, self._entropy = tcb, entropy
        self._supervision, self._reconfiguration = supervision, reconfiguration
        self._jar = CookieJar(entropy)
        self._tie_tags = (0, 0)  # RFC 9260 §5.2.2
        self._echoed = b""  # our COOKIE ECHO, for repetition
        self._tries = 0  # of the timer that runs in this phase
        self._init_sent: Instant = 0.0
        self._offered: Side | None = None  # told in an INIT ACK: a COOKIE ECHO is to be expected
        self._held_back = False

    # -- asking ------------------------------------------------------------------------------------

    def start(self, now: Instant, *, after_peer: bool) -> None:
        """See `Association.start`. Spec: RFC 9260 §5.1 (A), RFC 8841 §9.3."""
        if after_peer or self._offered is not None:
            self._tcb.timers.set(Timer.T1_INIT, now)
        else:
            self._associate(now)

    def _associate(self, now: Instant) -> None:
        # With the tag of an INIT ACK that we gave, its cookie stays good however late it comes (§5.2.1, §5.2.4 (B)).
        self._tcb.local = self._offered or make_side(self._tcb.config, self._entropy)
        self._tcb.move(Input.ASSOCIATE, now)
        self._tries = 0
        self._send_init(now)

    def _send_init(self, now: Instant) -> None:
        tcb = self._tcb
        assert tcb.local is not None
        self._init_sent = now
        plain = self._tries >= PLAIN_INIT_AFTER
        tcb.send_alone(make_init(tcb.local, plain=plain).serialize(), 0, now)
        tcb.timers.set(Timer.T1_INIT, now + tcb.congestion.rto)

    def on_init_ack(self, init_ack: InitAckChunk, now: Instant) -> None:
        """INIT ACK in COOKIE-WAIT: echo the cookie, with what DATA fits beside it. Spec: RFC 9260 §5.1 (C), §3.3.3."""
        tcb = self._tcb
        try:
            greeting = read_greeting(init_ack)
        except ProtocolError as error:
            abort = AbortChunk(causes=[ErrorCause(code=error.alert_or_cause or 0, info=b"")])
            tcb.send_alone(abort.serialize(), init_ack.initiate_tag, now)
            return tcb.end(Aborted(str(error), error.alert_or_cause or 0), now)
        if greeting.cookie is None:
            missing = (1).to_bytes(4, "big") + ParameterType.STATE_COOKIE.to_bytes(2, "big")  # §3.3.10.2
            cause = ErrorCause(code=CauseCode.MISSING_MANDATORY_PARAMETER, info=missing)
            tcb.send_alone(AbortChunk(causes=[cause]).serialize(), greeting.side.tag, now)
            return tcb.end(Aborted("INIT ACK without a cookie", CauseCode.MISSING_MANDATORY_PARAMETER), now)
        tcb.timers.stop(Timer.T1_INIT)
        if self._tries:
            tcb.congestion.restart()  # the timer has backed off, but nothing was measured
        else:
            tcb.congestion.measured(now - self._init_sent)
        self._adopt(greeting.side)
        self._echoed = CookieEchoChunk(cookie=greeting.cookie).serialize()
        if greeting.unrecognized:  # reported behind the COOKIE ECHO (§3.2.2)
            info = b"".join(greeting.unrecognized)
            cause = ErrorCause(code=CauseCode.UNRECOGNIZED_PARAMETERS, info=info)
            self._echoed += ErrorChunk(causes=[cause]).serialize()
        tcb.move(Input.INIT_ACK, now)
        self._tries = 0
        self._send_cookie_echo(now)
        return None

    def _send_cookie_echo(self, now: Instant) -> None:
        """COOKIE ECHO, with a checksum in any case (RFC 9653 §5.2), and DATA behind it (RFC 9260 §5.1 C)."""
        tcb = self._tcb
        assert tcb.writer is not None and tcb.outbound is not None
        room = tcb.path.size - COMMON_HEADER_SIZE - len(self._echoed)
        data = tcb.outbound.fill(room, now)[0] if room > DATA_OVERHEAD else b""
        tcb.outbound.earliest_resent = False
        tcb.emit(tcb.writer.write_checked(self._echoed + data), now)
        tcb.timers.set(Timer.T1_COOKIE, now + tcb.congestion.rto)

    def on_cookie_ack(self, now: Instant) -> None:
        """COOKIE ACK. Spec: RFC 9260 §5.1 (E), §5.2.5."""
        tcb = self._tcb
        tcb.may_flush = True
        if tcb.state is State.COOKIE_ECHOED:
            tcb.move(Input.COOKIE_ACK, now)
            self._establish(now)

    def on_error(self, chunk: bytes, now: Instant) -> None:
        """ERROR: only a stale cookie changes anything. Spec: RFC 9260 §5.2.6, §3.3.10."""
        tcb = self._tcb
        codes = [cause.code for cause in ErrorChunk.parse(chunk).causes]
        if CauseCode.STALE_COOKIE in codes and tcb.state is State.COOKIE_ECHOED:
            tcb.timers.stop(Timer.T1_COOKIE)
            if tcb.outbound is not None:
                tcb.outbound.requeue()
            tcb.move(Input.STALE_COOKIE, now)
            tcb.writer = None
            self._send_init(now)

    # -- timers ------------------------------------------------------------------------------------

    def on_t1_init(self, now: Instant) -> None:
        """Spec: RFC 9260 §5.1.6 (last paragraphs). In CLOSED our INIT was held back in favour of the peer's."""
        tcb = self._tcb
        if tcb.state is State.CLOSED:
            if self._offered is not None and not self._held_back:
                self._held_back = True  # the cookie has two round trips to come back
                wait = max(2 * tcb.congestion.expected_rtt, HOLD_BACK_MIN)
                tcb.timers.set(Timer.T1_INIT, now + wait)
            else:
                self._associate(now)
        elif not self._give_up("INIT", now):
            tcb.congestion.back_off()
            self._send_init(now)

    def on_t1_cookie(self, now: Instant) -> None:
        """Spec: RFC 9260 §5.1.6."""
        tcb = self._tcb
        if not self._give_up("COOKIE ECHO", now):
            tcb.congestion.back_off()
            if tcb.outbound is not None:
                tcb.outbound.requeue()
            self._send_cookie_echo(now)

    def _give_up(self, what: str, now: Instant) -> bool:
        """Count a repetition; whether that was one too many, and the association is over. Spec: RFC 9260 §5.1.6."""
        self._tries += 1
        limit = self._tcb.config.max_init_retransmits
        if limit is None or self._tries <= limit:
            return False
        self._tcb.end(Aborted(f"no answer to {what}"), now)
        return True

    # -- answering ---------------------------------------------------------------------------------

    def on_init(self, init: InitChunk, now: Instant) -> None:
        """INIT: answer with a cookie, whatever the state, and change nothing. Spec: RFC 9260 §5.1 (B), §5.2.1, §5.2.2."""
        tcb = self._tcb
        try:
            greeting = read_greeting(init)
        except ProtocolError as error:
            cause = ErrorCause(code=error.alert_or_cause or 0, info=b"")
            tcb.send_alone(AbortChunk(causes=[cause]).serialize(), init.initiate_tag, now)
            return tcb.drop(b"", f"INIT with values that are not allowed ({error.rfc})", now)
        if tcb.state is State.SHUTDOWN_ACK_SENT:
            return tcb.say(ShutdownAckChunk().serialize())  # §9.2
        local = tcb.local
        tie_tags = (0, 0)
        if tcb.state is State.CLOSED:
            local = self._offered = self._offered or make_side(tcb.config, self._entropy)
        elif local is None or tcb.state not in (State.COOKIE_WAIT, State.COOKIE_ECHOED):
            local = make_side(tcb.config, self._entropy)
        if tcb.state not in (State.CLOSED, State.COOKIE_WAIT):
            tie_tags = self._tie_tags
        cookie = self._jar.seal(Cookie(now, local, greeting.side, *tie_tags))
        answer = make_init_ack(local, greeting.side, cookie, greeting.unrecognized).serialize()
        tcb.send_alone(answer, greeting.side.tag, now)
        return None

    def on_cookie_echo(self, packet: bytes, raw: bytes, tag: int, now: Instant) -> bool:
        """COOKIE ECHO: whether the rest of its packet is to be read. Spec: RFC 9260 §5.1.5, §5.2.4 (table 12)."""
        tcb = self._tcb
        try:
            cookie = self._jar.open(raw)
        except CryptoError:
            tcb.drop(packet, "a state cookie that is not ours (RFC 9260 §5.1.5)", now)
            return False
        if tag != cookie.local.tag:
            tcb.drop(packet, "COOKIE ECHO with a wrong tag (RFC 9260 §8.5.1)", now)
            return False
        local, remote = tcb.local, tcb.remote
        local_matches = local is not None and cookie.local.tag == local.tag
        remote_matches = remote is not None and cookie.remote.tag == remote.tag
        too_old = now > cookie.made + tcb.config.cookie_lifetime
        if too_old and not (local_matches and remote_matches):
            staleness = min(int((now - cookie.made - tcb.config.cookie_lifetime) * 1e6), 0xFFFFFFFF)
            cause = ErrorCause(code=CauseCode.STALE_COOKIE, info=staleness.to_bytes(4, "big"))
            tcb.send_alone(ErrorChunk(causes=[cause]).serialize(), cookie.remote.tag, now)
            tcb.drop(packet, "stale cookie (RFC 9260 §5.2.4)", now)
            return False
        tie_tags = (cookie.local_tie_tag, cookie.remote_tie_tag)
        if tcb.state is State.CLOSED:
            tcb.local = cookie.local
            tcb.local.zero_checksum = tcb.config.zero_checksum
            self._take(cookie, now)
        elif local_matches and remote_matches:  # (D)
            if tcb.state is State.COOKIE_ECHOED:
                tcb.move(Input.VALID_COOKIE, now)
                self._establish(now)
        elif local_matches:  # (B)
            if tcb.state in (State.COOKIE_WAIT, State.COOKIE_ECHOED):
                self._take(cookie, now)
            else:
                tcb.address(cookie.remote)
        elif not remote_matches and remote is not None and tie_tags == self._tie_tags:  # (A)
            if tcb.state is State.SHUTDOWN_ACK_SENT:
                tcb.say(ShutdownAckChunk().serialize())
                tcb.send_error(CauseCode.COOKIE_RECEIVED_WHILE_SHUTTING_DOWN, b"")
                return False
            self._restart(cookie, now)
        else:  # (C) and all that the table does not show
            tcb.drop(packet, "cookie of another association (RFC 9260 §5.2.4)", now)
            return False
        tcb.may_flush = True
        tcb.control.insert(0, CookieAckChunk().serialize())  # first in its packet (§5.1.5, step 6)
        tcb.sack_now = tcb.inbound is not None and len(packet) > COMMON_HEADER_SIZE + len(raw) + 4 + 16
        return True

    def _restart(self, cookie: Cookie, now: Instant) -> None:
        """The peer lost its state and set up anew. Spec: RFC 9260 §5.2.4 (A)."""
        tcb = self._tcb
        tcb.timers.clear()
        tcb.queue.clear()
        tcb.control.clear()
        tcb.outbound = None
        tcb.resets = StreamResets(0, 0)
        tcb.congestion.restart()
        tcb.set_packet_size(tcb.path.base)
        tcb.local = cookie.local
        self._adopt(cookie.remote)
        tcb.move(Input.VALID_COOKIE, now)
        tcb.events.append(Restarted())
        self._establish(now)

    # -- established -------------------------------------------------------------------------------

    def _take(self, cookie: Cookie, now: Instant) -> None:
        """The cookie holds all that an association is made of. Spec: RFC 9260 §5.1 (D)."""
        self._adopt(cookie.remote)
        self._tcb.move(Input.VALID_COOKIE, now)
        self._establish(now)

    def _adopt(self, remote: Side) -> None:
        """Build the association for this peer, and the tags by which its cookies will be known (§5.2.2)."""
        self._tcb.adopt(remote)
        self._tie_tags = (random_integer(self._entropy, 32) | 1, random_integer(self._entropy, 32) | 1)

    def _establish(self, now: Instant) -> None:
        """Enter ESTABLISHED (the state has been set): timers, path MTU search, what waited."""
        tcb = self._tcb
        assert tcb.outbound is not None
        for timer in (Timer.T1_INIT, Timer.T1_COOKIE, Timer.T2_SHUTDOWN, Timer.T5_SHUTDOWN_GUARD):
            tcb.timers.stop(timer)
        self._tries = tcb.errors = 0
        tcb.events.append(Established(tcb.outbound_streams, tcb.inbound_streams))
        self._supervision.begin(now)
        if tcb.outbound.outstanding:
            tcb.start_t3(now)
        self._reconfiguration.pump(now)
