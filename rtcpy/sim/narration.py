"""Sentences about steps: what a call does, what a packet is for, and which of them are milestones.

Tables only, and the small functions that read them.

Specs: W3C webrtc §4.4.2, §6 and RFC 9429 §5 for calls; those of the packets stand in the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from rtcpy.explain.news import Item
from rtcpy.explain.summary import Summary

CALLS: dict[str, tuple[str, str]] = {
    "create_data_channel": (
        "{who} wants a channel. It opens when there is a connection; if there is no data section yet, an offer is now due.",
        "W3C webrtc §6.1",
    ),
    "create_offer": (
        "{who} describes what could be done. Nothing changes: no packet, no event, no state.",
        "RFC 9429 §5.2",
    ),
    "create_answer": ("{who} describes what would be replied. Nothing changes yet.", "RFC 9429 §5.3"),
    "set_local_description": (
        "{who} means it: the signalling state moves, sockets are bound, and gathering begins.",
        "RFC 9429 §5.9",
    ),
    "set_remote_description": (
        "{who} learns what the other side has written: credentials, fingerprint, capabilities.",
        "RFC 9429 §5.10",
    ),
    "add_ice_candidate": (
        "{who} learns an address of the other side and pairs it with its own.",
        "W3C webrtc §4.4.2 (addIceCandidate)",
    ),
    "send": ("{who} sends a message on the channel.", "W3C webrtc §6.2 (send)"),
    "restart_ice": ("{who} wants new ICE credentials in the next offer.", "W3C webrtc §4.4.2 (restartIce)"),
    "close_channel": ("{who} closes the channel: its streams are reset.", "RFC 8831 §6.7"),
    "close": (
        "{who} ends the connection: SCTP ABORT, DTLS close_notify, then silence.",
        "W3C webrtc §4.4.2 (close)",
    ),
}
"""For each call of an end: the sentence, and the section that says what it does."""

ROLLBACK = (
    "{who} takes the offer back: everything is as it was before, and gathering for it ends.",
    "RFC 9429 §5.7",
)
"""The same for a description of type rollback."""

GLARE = (
    "{who} has an offer out, and here is another: {who}'s is rolled back first, as if it had never been made.",
    "W3C webrtc §4.4.1.4",
)
"""The same for an offer that collides with one's own."""

DESCRIPTION_RULES: dict[str, str] = {
    "create_offer": "RFC 9429 §5.2.1",
    "create_answer": "RFC 9429 §5.3.1",
    "set_local_description": "RFC 9429 §5.9",
    "set_remote_description": "RFC 9429 §5.10",
    "add_ice_candidate": "RFC 9429 §3.5.2",
}
"""The section that makes lines of a description change, by call; candidates that were found: `CANDIDATE_RULE`."""

ROLLBACK_RULE = ROLLBACK[1]
"""The section that makes a whole description disappear."""

CANDIDATE_RULE = "W3C webrtc §5.6 (surface a candidate)"

PACKETS: dict[str, str] = {
    "Binding request": "A connectivity check: does a packet from there get here? Signed with the password of the description.",
    "Binding success": "The check worked, both ways. The answer says from where the request seemed to come.",
    "Binding error": "The check was refused, and the answer says why.",
    "ClientHello": "DTLS begins: the versions, cipher suites and groups that the client can use, and its random number.",
    "HelloVerifyRequest": "Say that again with this cookie: it proves that packets to your address reach you.",
    "ServerHello": "The server chooses cipher suite and group, shows its certificate, and signs its half of the key exchange.",
    "Certificate": "The client shows its certificate and proves with a signature over the whole talk so far that it has the key.",
    "ChangeCipherSpec": "Everything behind this is encrypted; Finished proves that both saw the same handshake.",
    "INIT": "SCTP begins, inside DTLS: tag, window and number of streams.",
    "INIT-ACK": "The answer contains a cookie with all that was said: until it comes back nothing is remembered.",
    "COOKIE-ECHO": "The cookie comes back, and with it the first data may come.",
    "COOKIE-ACK": "The association stands at both ends.",
    "DATA_CHANNEL_OPEN": "A channel is announced: its label, and whether it is ordered and reliable.",
    "DATA_CHANNEL_ACK": "The channel is taken.",
    "SACK": "What has arrived, up to where there are no gaps, and what beyond.",
    "HEARTBEAT": "Are you still there? With padding: does a packet of this size get through?",
    "HEARTBEAT-ACK": "Still here; the size got through.",
    "ABORT": "The association is over, at once.",
    "Alert": "DTLS says goodbye, or what is wrong.",
}
"""What a packet is for, by the name of the first thing in it that is listed here."""

PACKET_RULES: dict[str, str] = {"Binding request": "RFC 8445 §7.3", "Binding success": "RFC 8445 §7.2.5.3"}
"""Where the use of a packet is laid down, if that is not where its format is."""


def about_packet(summaries: Sequence[Summary], *, receiver: str, sender: str) -> tuple[str, str]:
    """A sentence about a datagram that arrived, and the section that defines it."""
    if receiver == "stun":
        return "The question to the STUN server: from where do you see me?", "RFC 8445 §5.1.1.2"
    if sender == "stun":
        return (
            "The STUN server's answer: the address that the router lends. It becomes a server-reflexive candidate.",
            "RFC 8445 §5.1.1.2",
        )
    if any(summary.layer == "data" for summary in summaries):
        return "A message of the application.", "RFC 8831 §6.6"
    for summary in sorted(summaries, key=lambda summary: summary.name == "SACK"):
        if summary.name in PACKETS:
            return PACKETS[summary.name], PACKET_RULES.get(summary.name, summary.rfc)
    return "", summaries[0].rfc if summaries else ""


TIMERS: dict[str, str] = {
    "RETRANSMIT": "Nothing was heard of the DTLS flight: it is sent again.",
    "REFUSAL": "Nothing better came than the flight that was refused: the handshake fails.",
    "HANDSHAKE": "The handshake took too long.",
    "RTO": "A check was not answered: again.",
    "check unanswered": "A check was never answered: the pair fails.",
    "Ta": "The next pair may be checked: a check each Ta, so that the network is not flooded.",
    "triggered check": "The other side's check came this way: checked back at once.",
    "gathering": "The STUN server is due: asked again, asked to keep the NAT's binding, or given up.",
    "nomination": "Waited long enough for a better pair: the best one that works is nominated.",
    "patience": "Long enough without success: from now on, failed is failed.",
    "no more candidates": "No news of candidates for so long: none are expected any more.",
    "retirement of the old credentials": "After the restart: the old credentials are answered no more.",
    "consent check": "Time to ask for consent again: silence would end the permission to send.",
    "consent probe": "The path is silent: is it still alive?",
    "consent silent": "Still no answer: the path looks dead.",
    "consent expired": "Nobody has agreed to our packets for too long: sending on this path ends.",
    "consent keepalive": "Nothing was sent for a while: a word, so that NATs keep the binding.",
    "T1-init": "INIT was not answered: again. Or it was not sent yet, as the other side's was expected first.",
    "T1-cookie": "COOKIE ECHO was not answered: again.",
    "T2-shutdown": "SHUTDOWN was not answered: again.",
    "T3-rtx": "DATA was not acknowledged: again, and the congestion window is closed to one packet.",
    "tail loss probe": "The last packet may be lost: it is asked for before the slow timer fires.",
    "delayed SACK": "Nothing came with which an acknowledgement could go: it goes alone.",
    "HEARTBEAT": "Nothing has been said for a while: is the path alive?",
    "RE-CONFIG": "The request to reset streams was not answered: again.",
    "path MTU probe": "Does a larger packet get through?",
}
"""What a timer that fired means, by its name in a trace."""

TIMER_RULES: dict[str, str] = {
    "RETRANSMIT": "RFC 6347 §4.2.4",
    "RTO": "RFC 8489 §6.2.1",
    "check unanswered": "RFC 8489 §6.2.1",
    "Ta": "RFC 8445 §14.2",
    "triggered check": "RFC 8445 §7.3.1.4",
    "gathering": "RFC 8445 §5.1.1.2",
    "nomination": "RFC 8445 §8.1.1",
    "patience": "RFC 8863 §4",
    "no more candidates": "RFC 8863 §5",
    "retirement of the old credentials": "RFC 8445 §9",
    "consent check": "RFC 7675 §5.1",
    "consent probe": "RFC 7675 §5.1",
    "consent silent": "RFC 7675 §5.1",
    "consent expired": "RFC 7675 §5.1",
    "consent keepalive": "RFC 8445 §11",
    "T1-init": "RFC 9260 §5.1",
    "T1-cookie": "RFC 9260 §5.1",
    "T2-shutdown": "RFC 9260 §9.2",
    "T3-rtx": "RFC 9260 §6.3.3",
    "tail loss probe": "RFC 8985 §7.2",
    "delayed SACK": "RFC 9260 §6.2",
    "HEARTBEAT": "RFC 9260 §8.3",
    "RE-CONFIG": "RFC 6525 §5.1.1",
    "path MTU probe": "RFC 8899 §5.1.1",
}


def milestone(summaries: Sequence[Summary], who: str, events: Sequence[Item]) -> str:
    """What is reached when a datagram was delivered to `who`, and the applications heard `events`; or empty."""
    heard = [(item.who.capitalize(), item.name, item.detail) for item in events]
    for whose, name, detail in heard:
        match name:
            case "message":
                return f"{whose} receives {detail.partition(': ')[2]}"
            case "statechange of the DTLS transport" if detail == "failed":
                return f"DTLS fails at {whose}"
            case "connectionstatechange" if detail == "failed":
                return f"The connection fails at {whose}"
    for whose, name, detail in heard:
        match name:
            case "statechange of the SCTP transport" if detail == "connected":
                opened = any(other[:2] == (whose, "open") for other in heard)
                return f"SCTP established{', the channel is open' if opened else ''} at {whose}"
            case "open":
                return f"The {detail} is open at {whose}"
            case "statechange of the DTLS transport" if detail == "connected":
                flight = "5" if any(s.name == "Certificate" for s in summaries) else "6"
                return f"DTLS flight {flight}: connected at {whose}"
    for whose, name, detail in heard:
        match name:
            case "selectedcandidatepairchange":
                return f"A connectivity check is answered: {whose} has a path"
            case "iceconnectionstatechange" if detail == "completed":
                return f"The pair is nominated: ICE completed at {whose}"
            case "icecandidate" if "typ srflx" in detail:
                return f"The STUN server answers: {whose}'s server-reflexive candidate"
    names = {summary.name for summary in summaries}
    whose = who.capitalize()
    if "ClientHello" in names:
        return f"DTLS flight 1: ClientHello reaches {whose}"
    if "HelloVerifyRequest" in names:
        return f"DTLS flight 2: HelloVerifyRequest reaches {whose}"
    if "ServerHelloDone" in names:
        return f"DTLS flight 4: ServerHello to ServerHelloDone reach {whose}"
    return ""


def another_path(events: Sequence[Item]) -> str:
    """The milestone of an end that had a path before and changes to another one; or empty."""
    whose = [item.who.capitalize() for item in events if item.name == "selectedcandidatepairchange"]
    return f"{whose[0]} changes to another path" if whose else ""
