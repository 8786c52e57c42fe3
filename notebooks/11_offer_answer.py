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
# - change a connection that stands, take an offer back, and say what happens when both ends offer at once.
#
# Alice and Bob are two whole peers in this process, with ICE, DTLS and SCTP. Between them is a simulated
# internet (20 ms each way) with a STUN server in it; Alice sits behind a router. The clock is virtual: it
# moves only when we say so. Keys and credentials come from a seed, so your run shows the same bytes as this
# text.
#
# ## The whole thing, once

# %%
from rtcpy.lab import Session, cards, difference, show

call = Session(seed="offer and answer")
call.connect()
show(call.ladder().picture(notes=False))
assert round(call.now * 1000) == 200

# %% [markdown]
# From the first packet to an open data channel it took 200 ms, five round trips of 40 ms. Every arrow is one
# UDP datagram. STUN finds a path, DTLS makes keys, SCTP makes an association, and a channel named `chat` is
# opened.
#
# None of these packets says where to send packets, or whom to trust. That was settled *before*, by two texts
# that the application carried from one end to the other: the offer and the answer. Now once more, slowly.
#
# ## 1. Something to talk about
#
# The calls are written down in a script, and `walk` goes through it in *named steps*: an API call, or
# everything on the wire up to the next milestone. After each of them the world stands still.

# %%
call = Session(seed="offer and answer")
alice, bob = call.alice, call.bob
walk = call.walk()
show(next(walk))
assert alice.peer.signaling_state == "stable"

# %% [markdown]
# A card has what was called and when; the sentence about it, with the section that says so; the states of
# both ends, and what changed in them; what the applications heard, and what was sent. A new connection has
# nothing to offer. Now it has, and says that a negotiation is needed.
#
# ## 2. `create_offer`

# %%
show(next(walk))
offer = alice.made["offer"]

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
# | `a=tls-id:…` | the name of this DTLS association; another name would be another handshake | 8842 |
# | `a=max-message-size:262144` | I can take messages of up to 256 KiB | 8841 |
#
# **Misbelief 1: gathering starts here.** Look for an address of Alice in this text: there is none. And
# nothing has happened. Let a second go by:

# %%
show(next(walk))
assert "candidate" not in offer.sdp and "192.168.0.2" not in offer.sdp

# %% [markdown]
# Not a packet, not an event, not a state. The claims under *checked* are not prose: the step has put them to
# the test. `create_offer` *describes*; it may be called twice, and the text be thrown away.
#
# ## 3. `set_local_description`: now it counts

# %%
show(next(walk))

# %% [markdown]
# Three things at once. The signalling state is `have-local-offer`. Alice's sockets were bound, and gathering
# begins. The first candidate is there in the same instant, because her own address is known without asking
# anybody: `192.168.0.2 5001 typ host`. And one packet left, to the STUN server: *from where do you see me?*
#
# **That is where gathering starts: with the local description** (RFC 9429 §3.5.1). It has grown at once; the
# text that `create_offer` returned has not. What is new in it:

# %%
show(difference(offer.sdp, alice.peer.local_description.sdp, common=False))
assert offer.sdp.count("a=candidate:") == 0 and alice.peer.local_description.sdp.count("a=candidate:") == 1

# %% [markdown]
# `have-local-offer` is a state of a small machine. Here it is, drawn from the table that the library runs by:
# yellow is where Alice stands, blue is the way that she came.

# %%
from rtcpy.explain import charts

show(charts(call.trace, who="alice")[0])

# %% [markdown]
# No arrow leads from here to `have-remote-offer`. Remember that for section 11.
#
# ## 4. "Send" the offer
#
# How the text gets to Bob is the application's business: a WebSocket, an e-mail. Here it is an argument.

# %%
show(next(walk))
assert bob.peer.signaling_state == "have-remote-offer" and bob.peer.ice_gathering_state == "new"

# %% [markdown]
# Bob has an offer and has not yet answered. His own gathering has not begun: he has no local description.
#
# **Misbelief 2: SDP fixes what will be sent.** Somebody reads the offer to find the resolution of a video:

# %%
show(next(walk))

# %% [markdown]
# Here is what Chromium wrote when it was asked for video. Where is the resolution?

# %%
import re

from rtcpy import SessionDescription, sdp
from rtcpy.lab import sample

text = sample("chromium-video-offer.sdp")
lines = text.splitlines()
print(next(line for line in lines if line.startswith("m=")))
print("\n".join(line for line in lines if re.match(r"a=(rtpmap|fmtp):.*(VP8|H264|profile-level-id)", line)))
assert not re.search(r"\d+x\d+|width|height|imageattr|framerate|framesize", text, re.IGNORECASE)
print(len(lines), "lines, and not one of them says how large the picture is")

# %% [markdown]
# What you see is a list of what Chromium is *prepared to receive*, best first. `profile-level-id=42001f`
# reads: H.264, baseline profile (`42`), level `1f`: 31, meaning level 3.1. A level is a *ceiling*: at most
# 3,600 blocks of 16 × 16 pixels in a picture, so 1280 × 720 is possible and 1920 × 1080 is not. What is sent,
# from thumbnail to ceiling, the sender decides from camera, processor and network, and may decide anew for
# every picture, without any SDP.

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
viewer.set_remote_description(SessionDescription("offer", text))
refusal = sdp.SessionDescription.parse(viewer.create_answer().sdp)
print(refusal.media[0].media_line.serialize())
assert refusal.media[0].media_line.port == 0

# %% [markdown]
# **Misbelief 3: candidates must wait for the answer.** They need not. As soon as Bob knows the offer he can
# take Alice's candidates:

# %%
show(next(walk))

# %% [markdown]
# What a candidate does need is the description that it belongs to. Keep that in mind until section 8.
#
# ## 5. `create_answer`, `set_local_description`

# %%
show(next(walk))
answer = bob.made["answer"]

# %% [markdown]
# An answer has the sections of the offer, in their order. What differs (`-` is the offer's line, `+` the
# answer's):

# %%
show(difference(offer.sdp, answer.sdp, common=False))

# %% [markdown]
# Bob's own credentials and fingerprint replace Alice's. One line is a decision: `a=setup:active`. Bob will be
# the DTLS client and send the first message of the handshake, as soon as he has a path; had he chosen to be
# the server, his answer would have to reach Alice first (RFC 5763 §5).

# %%
show(next(walk))
assert bob.peer.signaling_state == "stable" and alice.peer.signaling_state == "have-local-offer"

# %% [markdown]
# For Bob the exchange is over: `stable`. He gathers, and since he knows a candidate of each side, he is
# already `checking`. His first check gets nowhere. 192.168.0.2 is an address in Alice's house, and there is no
# way to it from outside.
#
# ## 6. The answer arrives

# %%
show(next(walk), next(walk))
assert alice.peer.signaling_state == bob.peer.signaling_state == "stable"

# %% [markdown]
# Alice is `stable`, too, and with Bob's candidate she has a pair to check. Her check does get through: Bob's
# address is a public one.
#
# ## 7. The rest goes by itself
#
# Not one more call is needed. Fourteen steps are left; open those that you want to see.

# %%
show(cards(list(walk), title="Steps 12 to 25"))
assert len(call.named) == 25 and alice.open == bob.open == {"chat"}
assert bob.received == ["hello, Bob"] and alice.received == ["hello, Alice"]

# %% [markdown]
# | steps | layer | what came of it |
# |---|---|---|
# | 12, 13 | STUN | the address that Alice's router lends her is a candidate, and reaches Bob |
# | 14 to 16 | ICE | a check is answered in each direction; Alice, who offered, nominates the pair |
# | 17 to 20 | DTLS | keys, and two certificates with the hashes that stand in the descriptions |
# | 21, 22 | SCTP | an association, and in it a channel: DATA_CHANNEL_OPEN, DATA_CHANNEL_ACK |
# | 23 to 25 | data | two greetings |
#
# In step 12 a candidate changed Alice's description once more: `c=IN IP4 203.0.113.1`, and a line that ends in
# `typ srflx raddr 192.168.0.2 rport 5001`. A local description is not what was sent. It is what would be sent
# now.
#
# ## 8. What if the answer is slow?
#
# A script is data. In this one the answer is on its way for 100 ms, while candidates travel as before.
# **Predict:** how far does Bob get before Alice has heard of him?

# %%
from dataclasses import replace

from rtcpy.sim import CLASSIC, When

late = When("100 ms are over", lambda call: call.now >= 1.1)
script = [replace(act, when=late) if act.name == call.named[9].name else act for act in CLASSIC]
slow = Session(seed="offer and answer", script=script)
for step in slow.walk():
    if "Bob has a path" in step.name:
        break
show(step)
assert slow.alice.peer.remote_description is None

# %% [markdown]
# Bob's connectivity check is faster than his answer. Alice has not heard of Bob, but the check is signed with
# *her* password, so it is from somebody who has read her offer. RFC 8445 §7.3 wants her to answer at once,
# and she does. For Bob that is a path that works: his ICE is `connected` while Alice still waits in
# `have-local-offer`. His ClientHello comes before his answer, too; she keeps it until she can answer it.
#
# **Candidates that come too early.** Bob's candidates belong to his *answer*. If they overtake it, Alice has
# nothing that they could belong to:

# %%
from rtcpy import InvalidStateError

try:
    slow.alice.add_ice_candidate(slow.bob.found[0])
except InvalidStateError as error:
    print(f"{error.name}: {error}")

# %% [markdown]
# So signalling keeps the order, or the receiver keeps candidates until their description is there; exercise 2
# is about that.
#
# Here is the same session with buttons: forwards, back, and with the packets in flight to be dropped, doubled
# or changed. (Where no kernel runs, as on a web page, there are only cards. Look for the ClientHello.)

# %%
from rtcpy.lab import stepper

show(stepper(script=script, seed="offer and answer"))

# %% [markdown]
# ## 9. Once it stands
#
# Back to the first call. **A second channel needs no second offer.** The section for data is there, and
# channels are opened in-band (RFC 8832):

# %%
call.news()
alice.create_data_channel("files")
call.run(0.1)
show(call.news())
assert "files" in bob.open and alice.peer.signaling_state == "stable"

# %% [markdown]
# And what was negotiated is a ceiling. It obliges Bob to nothing but not to exceed it:

# %%
try:
    bob.send("chat", bytes(262_145))
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## 10. Another offer: ICE restart
#
# Alice's computer leaves the house and needs a new path. That does take an offer. `restart_ice` changes
# nothing but the next one:

# %%
before = alice.peer.local_description.sdp
alice.restart_ice()
offer = alice.create_offer()
show(call.news(), difference(before, offer.sdp))

# %% [markdown]
# Same session, version 2 (`o=`). New user fragment and password: that *is* the restart (RFC 9429 §5.2.3.1).
# The candidates belonged to the old ones and are gone. But fingerprint and `a=tls-id` are the same, and
# therefore no new handshake (RFC 8842 §4). **Predict:** what becomes of the channels meanwhile? Alice sends a
# message while her offer has no answer yet.

# %%
begun = len(call.named)
alice.set_local_description(offer)
bob.set_remote_description(offer)
alice.send("chat", "on my way")
bob.set_local_description()
alice.set_remote_description(bob.peer.local_description)
while not alice.peer.ice_connection_state == bob.peer.ice_connection_state == "completed":
    call.step()  # candidates are handed over by the script, as before
show(cards(call.named[begun:], title="A new path under the same channels"))

# %% [markdown]
# Nothing became of them: *Bob receives 'on my way'*. The old path is used until the new one works; then each
# changes to it (`selectedcandidatepairchange`), and DTLS and SCTP notice nothing. ICE went from `completed`
# back to `connected`, and on to `completed`. Had the old path been dead, it would have been `checking` in
# between.

# %%
assert bob.received[-1] == "on my way" and alice.open == bob.open == {"chat", "files"}
ice = next(chart for chart in charts(call.trace, who="alice") if chart.machine.name == "ice")
print(" → ".join(ice.visited))
show(call.states())

# %% [markdown]
# ## 11. Taking it back, and glare
#
# An offer that was set can be taken back: `rollback`.

# %%
regret = Session(seed="rollback", script=())
regret.alice.create_data_channel("chat")
regret.alice.set_local_description()
regret.alice.set_local_description(SessionDescription("rollback"))
show(regret.steps[-1])

# %% [markdown]
# `stable`, as if nothing had been offered; no local description, no sockets, and `negotiationneeded` once
# more, for the channel is still wanted (RFC 9429 §5.7).
#
# **Glare.** Nobody stops Alice and Bob from offering in the same second. No arrow led from `have-local-offer`
# to `have-remote-offer`. So what happens? Say what you expect, then run; replace the letter by yours.

# %%
from rtcpy.lab.breaks import GLARE

show(GLARE)

# %%
my_prediction = "a"
show(GLARE.run().compare(my_prediction))

# %% [markdown]
# So one end must be appointed *polite*, and only one. The rule is called perfect negotiation; both ends ask it
# what to do with a description that arrives. It lives in `rtcpy/signaling/negotiation.py`.

# %%
from rtcpy.signaling.negotiation import Negotiation

both = Session(seed="glare", script=())
for end in both.ends:
    end.create_data_channel(f"from {end.name}")
    end.set_local_description()
offers = {end.name: end.peer.local_description for end in both.ends}
impolite, polite = Negotiation(polite=False), Negotiation(polite=True)
print("alice:", impolite.on_description(offers["bob"], both.alice.peer.signaling_state).value)
print("bob:  ", polite.on_description(offers["alice"], both.bob.peer.signaling_state).value)

both.bob.set_remote_description(offers["alice"])
show(both.steps[-1], charts(both.trace, who="bob")[0])

# %% [markdown]
# There is the arrow that was missing: two of them. Bob's offer was *rolled back*, he was at `stable` for a
# moment, as if he had never offered, and then at `have-remote-offer` (W3C webrtc §4.4.1.4). What he wanted is
# not lost:

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
# **3. Change something.** No check, only curiosity: let the answer of section 8 take five minutes. (A walk gives
# up after 40 seconds without news; its argument *quiet* is how many you grant it.) Who gives up first, and in
# which layer? What helps? Ask the session *why()*.
#
# Model solutions are in `tests/notebooks/solutions.py`. Read on in `docs/stepper.md`, `docs/layers/peer.md` and
# `rtcpy/peer/transport.py`; the same flow with real sockets is the first program of `README.md`.
