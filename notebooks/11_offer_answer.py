# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Offer and answer
#
# After this you can
#
# - walk from `create_offer` to an open channel and say, for each call, which state changes, what leaves the
#   computer, and why;
# - read an offer and an answer line by line;
# - explain three things that are often believed and are not so: that gathering starts with `create_offer`,
#   that SDP fixes what will be sent, that candidates must wait for the answer;
# - say what happens when both ends offer at once.
#
# Alice and Bob are two whole peers in this process, with ICE, DTLS and SCTP. Between them is a simulated
# internet (20 ms each way) with a STUN server in it; Alice sits behind a router. The clock is virtual: it
# moves only when we say so. Keys and credentials come from a seed, so your run shows the same bytes as this
# text.
#
# ## The whole thing, once

# %%
from rtcpy.lab import Session, difference, show

call = Session(seed="offer and answer")
call.connect()
show(call.ladder().render())
assert round(call.now * 1000) == 200

# %% [markdown]
# From the first packet to an open data channel it took 200 ms, five round trips of 40 ms. Every line is one
# UDP datagram, as Alice's socket saw it. STUN finds a path, DTLS makes keys, SCTP makes an association, and a
# channel named `chat` is opened.
#
# None of these packets says where to send packets, or whom to trust. That was settled *before*, by two texts
# that the application carried from one end to the other: the offer and the answer. Now once more, slowly,
# with every call made by hand.
#
# ## 1. Something to talk about
#
# Alice creates a channel. A new connection has nothing to offer; now it has, and says that a negotiation is
# needed.

# %%
call = Session(seed="offer and answer")
alice, bob = call.alice, call.bob

alice.create_data_channel("chat")
show(call.news())
assert call.news().items == [] and alice.peer.signaling_state == "stable"

# %% [markdown]
# ## 2. `create_offer`

# %%
offer = alice.create_offer()
print(offer.sdp)

# %% [markdown]
# Line by line, the ones that matter:
#
# | line | what it says to Bob | RFC |
# |---|---|---|
# | `a=group:BUNDLE 0` | whatever sections there are share one path | 9143 |
# | `a=ice-options:trickle ice2` | candidates may come later, one by one | 8840 |
# | `m=application 9 UDP/DTLS/SCTP webrtc-datachannel` | data channels, please; the port 9 only fills the place | 8841 |
# | `a=ice-ufrag:gfd3`, `a=ice-pwd:…` | name and password for connectivity checks | 8839 |
# | `a=fingerprint:sha-256 …` | the hash of my certificate: trust nobody who shows another | 8122 |
# | `a=setup:actpass` | I can be DTLS client or server; you choose | 8842 |
# | `a=max-message-size:262144` | I can take messages of up to 256 KiB | 8841 |
#
# **Misbelief 1: gathering starts here.** Look for an address of Alice in this text: there is none. And
# nothing has happened. Let ten seconds go by:

# %%
call.run(10)
show(call.news())
assert "candidate" not in offer.sdp and "192.168.0.2" not in offer.sdp
assert (
    call.packets == 0 and alice.peer.ice_gathering_state == "new" and alice.peer.signaling_state == "stable"
)

# %% [markdown]
# Not a packet, not an event, not a state. `create_offer` *describes*; it may be called twice, and the text be
# thrown away. (RFC 9429 §4.1.8.)
#
# ## 3. `set_local_description`: now it counts

# %%
alice.set_local_description(offer)
show(call.news())
assert alice.peer.ice_gathering_state == "gathering" and call.packets == 1

# %% [markdown]
# Three things at once. The signalling state is `have-local-offer`. Alice's sockets were bound, and gathering
# begins. The first candidate is there in the same instant, because her own address is known without asking
# anybody: `192.168.0.2 5001 typ host`. And one packet left, to the STUN server: *from where do you see me?*
#
# **That is where gathering starts: with the local description** (RFC 9429 §3.5.1). The server's answer takes
# a round trip:

# %%
call.run(0.045)
show(call.news())
assert alice.peer.ice_gathering_state == "complete"

# %% [markdown]
# The second candidate, 40 ms later: `203.0.113.1 5001 typ srflx raddr 192.168.0.2 rport 5001`, the address
# that Alice's router lends her. Then the empty candidate (no more of this generation) and `null` (gathering
# is complete). `local_description` has grown meanwhile; the offer that we created has not. What is new in it:

# %%
show(difference(offer.sdp, alice.peer.local_description.sdp, common=False))
assert offer.sdp.count("a=candidate:") == 0 and alice.peer.local_description.sdp.count("a=candidate:") == 2

# %% [markdown]
# ## 4. "Send" the offer, and a candidate right after it
#
# How the text gets to Bob is the application's business: a WebSocket, an e-mail. Here it is an argument.

# %%
bob.set_remote_description(offer)
show(call.news())
assert bob.peer.signaling_state == "have-remote-offer" and bob.peer.ice_gathering_state == "new"

# %% [markdown]
# Bob has an offer and has not yet answered. His own gathering has not begun: he has no local description.
#
# **Misbelief 3: candidates must wait for the answer.** They need not. As soon as Bob knows the offer he can
# take Alice's candidates, though there is no answer in the world yet:

# %%
for candidate in alice.take_candidates():
    bob.add_ice_candidate(candidate)
assert bob.peer.signaling_state == "have-remote-offer"
assert bob.peer.remote_description.sdp.count("a=candidate:") == 2
print("Bob knows two candidates of Alice, and has not answered")

# %% [markdown]
# What a candidate does need is the description that it belongs to. Keep that in mind until step 6.
#
# ## 5. `create_answer`, `set_local_description`

# %%
answer = bob.create_answer()
show(difference(offer.sdp, answer.sdp))

# %% [markdown]
# Lines with `-` are the offer's, with `+` the answer's; the others are common. An answer has the sections of
# the offer, in their order. Bob's own credentials and fingerprint replace Alice's. One line is a decision:
# `a=setup:active`. Bob will be the DTLS client and send the first message of the handshake, as soon as he has
# a path; had he chosen to be the server, his answer would have to reach Alice first (RFC 5763 §5).

# %%
bob.set_local_description(answer)
show(call.news())
assert bob.peer.signaling_state == "stable" and alice.peer.signaling_state == "have-local-offer"

# %% [markdown]
# For Bob the exchange is over: `stable`. He gathers, and since he knows candidates of both sides, he is
# already `checking`. Suppose now that signalling is slow and the answer takes 100 ms. What arrives at Alice
# meanwhile?

# %%
call.run(0.100)
show(call.ladder().render(), call.news(), call.states())

# %% [markdown]
# Bob's connectivity check is faster than his answer. Alice has not heard of Bob, but the check is signed with
# *her* password, so it is from somebody who has read her offer. RFC 8445 §7.3 wants her to answer at once,
# and she does. For Bob that is a path that works: his ICE is `connected` while Alice still waits in
# `have-local-offer`.
#
# ## 6. Candidates that come too early
#
# The other direction is different. Bob's candidates belong to his *answer*. If they overtake it, Alice has
# nothing that they could belong to:

# %%
from rtcpy import InvalidStateError

early = bob.take_candidates()
try:
    alice.add_ice_candidate(early[0])
except InvalidStateError as error:
    print(f"{error.name}: {error}")

# %% [markdown]
# So signalling keeps the order, or the receiver keeps candidates until their description is there; exercise 2
# is about that.
#
# ## 7. The answer arrives

# %%
alice.set_remote_description(answer)
for candidate in early:
    alice.add_ice_candidate(candidate)
call.run(1, stop=lambda: bool(alice.open and bob.open))
show(call.news(), call.states())
assert alice.open == bob.open == {"chat"}

# %% [markdown]
# Not one more call was needed: ICE, DTLS and SCTP run by themselves. Say something:

# %%
alice.send("chat", "hello, Bob")
bob.send("chat", "hello, Alice")
call.run(0.1)
print(bob.received, alice.received)
assert bob.received == ["hello, Bob"] and alice.received == ["hello, Alice"]

# %% [markdown]
# A second channel needs no second offer. The section for data is there, and channels are opened in-band (RFC
# 8832):

# %%
call.news()
alice.create_data_channel("files")
call.run(0.1)
show(call.news())
assert "files" in bob.open and alice.peer.signaling_state == "stable"

# %% [markdown]
# ## Misbelief 2: SDP fixes what will be sent
#
# Here is what Chromium wrote when it was asked for video. Where is the resolution?

# %%
from rtcpy import sdp
from rtcpy.lab import sample

text = sample("chromium-video-offer.sdp")
video = sdp.SessionDescription.parse(text).media[0]
print(video.media_line.serialize())
print()
for line in text.splitlines():
    if line.startswith(("a=rtpmap:", "a=fmtp:")) and (
        "VP8" in line or "H264" in line or "profile-level-id" in line
    ):
        print(line)

# %%
import re

assert not re.search(r"\d+x\d+|width|height|imageattr|framerate|framesize", text, re.IGNORECASE)
print(len(text.splitlines()), "lines, and not one of them says how large the picture is")

# %% [markdown]
# There is none. What you see is a list of what Chromium is *prepared to receive*, best first.
# `profile-level-id=42001f` reads: H.264, baseline profile (`42`), level `1f`: 31, meaning level 3.1. A level
# is a *ceiling*: at most 3,600 blocks of 16 × 16 pixels in a picture, so 1280 × 720 is possible and 1920 ×
# 1080 is not. What is sent, from thumbnail to ceiling, the sender decides from camera, processor and network,
# and may decide anew for every picture, without any SDP.

# %%
blocks = (1280 // 16) * (720 // 16)
assert "profile-level-id=42001f" in text and int("1f", 16) == 31
assert blocks == 3600 and -(-1920 // 16) * -(-1080 // 16) > 3600
print(blocks)

# %% [markdown]
# A capability that the other side lacks is left out, and that is how negotiation works: an answer is a
# subset. rtcpy does not speak media yet, and says so with port 0:

# %%
viewer = Session(seed="capabilities").bob
viewer.set_remote_description(type(offer)("offer", text))
refusal = sdp.SessionDescription.parse(viewer.create_answer().sdp)
print(refusal.media[0].media_line.serialize())
assert refusal.media[0].media_line.port == 0

# %% [markdown]
# The same goes for our own offer: `a=max-message-size:262144` is what Alice can *take*. It obliges Bob to
# nothing but not to exceed it.

# %%
try:
    bob.send("chat", bytes(262_145))
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## Both offer at once: glare
#
# Nobody stops Alice and Bob from offering in the same second. **Predict:** both are in `have-local-offer`,
# and Alice's offer reaches Bob. Error?

# %%
both = Session(seed="glare")
for end in both.ends:
    end.create_data_channel(f"from {end.name}")
    end.set_local_description()
both.news()

both.bob.set_remote_description(both.alice.peer.local_description)
show(both.news())

# %% [markdown]
# No. Bob's offer is *rolled back*: he was at `stable` for a moment, as if he had never offered, then at
# `have-remote-offer`. (W3C webrtc, setRemoteDescription.) That saves the day if exactly one of the two gives
# way. So one is appointed *polite* beforehand; the other ignores the offer that collides with its own. The
# pattern is called perfect negotiation and lives in `rtcpy/signaling/negotiation.py`. What Bob wanted is not
# lost:

# %%
both.bob.take_candidates()  # they belonged to the offer that is no more
both.bob.set_local_description()
both.alice.set_remote_description(both.bob.peer.local_description)
for sender, receiver in ((both.alice, both.bob), (both.bob, both.alice)):
    for candidate in sender.take_candidates():
        receiver.add_ice_candidate(candidate)
both.run(5)
print(sorted(both.alice.open))
assert both.alice.open == both.bob.open == {"from alice", "from bob"}

# %% [markdown]
# ## Exercises
#
# **1. The state machine.** Where does a description lead? `side` is local or remote, `type` is offer or
# answer. Return the next state, or `None` where the call is an error. Glare is not an error, as you have just
# seen. Provisional answers are left out.


# %%
def next_state(state: str, side: str, type: str) -> str | None:
    """From stable, have-local-offer, have-remote-offer or closed to the next of them."""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt, check_inbox, check_next_state

attempt(check_next_state, next_state)

# %% [markdown]
# **2. Early candidates.** Signalling brings one description and some candidates, in any order. Hand them to
# `end` so that nothing is refused and nothing lost, and candidates keep their order. You need
# `set_remote_description` and `add_ice_candidate`.


# %%
class Inbox:
    """What signalling brings, in whatever order, for `end`."""

    def __init__(self, end) -> None:
        self.end = end

    def description(self, description) -> None:
        """A description arrived."""
        ...  # your turn

    def candidate(self, candidate) -> None:
        """A candidate arrived."""
        ...  # your turn


# %%
attempt(check_inbox, Inbox)

# %% [markdown]
# **3. Change something.** No check, only curiosity: give `Session` two routers of the kind
# `rtcpy.sim.SYMMETRIC` (its argument is called `nats`), let them `connect`, and look at the ladder. What
# would it take to connect these two?
#
# Model solutions are in `tests/notebooks/solutions.py`. Read on in `docs/layers/peer.md` and
# `rtcpy/peer/transport.py`; the same flow with real sockets is the first program of `README.md`.
