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
# # 12 · One connection on one ladder
#
# After this you can
#
# - read a whole connection off one picture: who waits for whom, which layer costs how many round trips, and which of
#   them could be saved;
# - peel one datagram through all layers, and say what each of its bytes is for;
# - keep a connection as a file, replay it to the same bytes, stop it anywhere, go back;
# - hand it on: to Wireshark, to a wiki, to somebody who must not see the keys.
#
# It helps to have done [02](02_stun.py), [05](05_dtls12.py) and [11](11_offer_answer.py).
#
# ## The whole of it

# %%
from rtcpy.lab import Session, show
from rtcpy.sim import LinkConfig

call = Session(seed="one connection")
call.connect()
opened = call.now
call.alice.send("chat", "hello, Bob")
call.run(0.1)
show(call.ladder())
assert call.bob.received == ["hello, Bob"]

# %% [markdown]
# Time runs downwards. Left is Alice behind her router, right is Bob; between them is a network that takes 20 ms each way,
# and a STUN server. A line that slopes is a datagram on its way; lines that cross have nothing to do with each other. On
# the outer sides stand the calls, and what the applications heard. On the right are the layers' brackets, and a ruler of
# round trips.
#
# Read it once from top to bottom. STUN looks for a path. As soon as Bob has one, DTLS begins, on the first path that
# works, before ICE has settled on the best. As soon as Alice has keys, SCTP begins. And the channel is opened in the same
# datagram with which SCTP's handshake goes on.
#
# ## Counting round trips

# %%
from rtcpy.lab.anatomy import phases

show(phases(call.trace))
print(f"the channel was open after {opened * 1e3:.0f} ms: {opened / 0.040:g} round trips of 40 ms")
assert round(opened / 0.040, 6) == 5

# %% [markdown]
# One and a half, two and two make five and a half, but five have gone by. Look at the times: SCTP begins before DTLS has
# ended. The last flight of DTLS is still on its way to Bob when Alice, who has sent it, knows all she needs, and her INIT
# travels right behind it.
#
# What counts is round trips, not bytes and not computers. **Predict:** the path takes 5 ms, 100 ms, 300 ms each way. How
# long until the channel is open?

# %%
for delay in (0.005, 0.020, 0.100, 0.300):
    far = Session(seed="one connection", link=LinkConfig(delay=delay))
    far.connect()
    print(f"{delay * 2e3:4.0f} ms to and fro: open after {far.now * 1e3:5.0f} ms, {far.packets} datagrams")
    assert round(far.now / (2 * delay), 6) == 5

# %% [markdown]
# Five times the round trip, each time. With the longest one it took more datagrams: timers fired that had no reason to.
# Nothing was lost, it only took long.
#
# ## Which of them could be saved?
#
# | layer | now | could be | how |
# |---|---|---|---|
# | ICE | 1½ | 1 | no router before Alice: see below |
# | DTLS | 2 | 1 | version 1.3 sends its half of the key with the first message (RFC 9147); lesson 06 |
# | SCTP | 2 | 0 | put INIT into the offer and the answer: the idea of a draft, draft-hancke-tsvwg-snap |
# | the channel | 0 | 0 | its OPEN travels with COOKIE-ECHO, and data may follow at once (RFC 8832 §6) |
#
# SCTP's four messages are there so that nobody can make a server remember things by sending from forged addresses. Inside
# DTLS there are no forged addresses any more; two round trips are the price of layers that know nothing of each other.
#
# The other way to learn is to try. Without the router, and with a channel that both sides agreed on beforehand, so that
# it needs no OPEN at all. **Predict** what each of them saves:

# %%
public = Session(seed="one connection", nats=(None, None))
public.connect()

agreed = Session(seed="one connection")
for end in agreed.ends:
    end.create_data_channel("chat", negotiated=True, id=0)
agreed.connect()

print(f"as above:             {opened * 1e3:.0f} ms")
print(f"no router:            {public.now * 1e3:.0f} ms")
print(f"channel agreed on:    {agreed.now * 1e3:.0f} ms")
show(phases(public.trace))
assert round(public.now * 1000) == 180 and round(agreed.now * 1000) == 200

# %% [markdown]
# The router costs half a round trip: Bob's first check cannot reach Alice at the address that she has at home, so he
# waits until hers arrives and answers that one. The agreed channel saves nothing: its OPEN had ridden along.
#
# ## The same with losses
#
# Now one datagram of five is lost, on the average. A broken line ends in a cross, a dashed one was sent before.

# %%
bad = Session(seed="loss 204", link=LinkConfig(loss=0.2))
bad.connect()
show(bad.ladder())

# %%
from rtcpy.explain.trace import LostEntry
from rtcpy.lab.anatomy import timers

show(timers(bad.trace))
lost = [entry for entry in bad.trace.of(LostEntry) if entry.fate == "lost"]
print(f"{len(lost)} of {bad.packets} lost; open after {bad.now * 1e3:.0f} ms instead of {opened * 1e3:.0f}")
assert len(lost) == 3 and round(bad.now * 1000) == 990

# %% [markdown]
# Three losses cost 790 ms. Follow them in the ladder:
#
# - Alice's first check, and then her second, which was to answer Bob's. ICE waits half a second before it asks again. All
#   this time Alice has Bob's ClientHello in her hands. But she has no path of her own to answer on, so she is silent, and
#   Bob's DTLS timer fires for nothing.
# - Bob's COOKIE-ACK. The DATA_CHANNEL_ACK that left right behind it arrives, and Alice drops it: for her there is no
#   association yet. Her timer of SCTP repeats the cookie.
#
# Each layer has a timer of its own and knows nothing of the others'. A loss costs as long as the timer of the layer that
# it hits, and whoever stands above waits along.
#
# ## One datagram, peeled
#
# Alice said "hello, Bob": ten bytes. Here is what became of them:

# %%
from rtcpy.lab.anatomy import peel

onion = peel(call.trace, "alice", "hello, Bob")
show(onion)
print(f"{len(onion.datagram)} bytes of UDP payload; {onion.overhead} bytes around {len(onion.message)}")
assert len(onion.datagram) == 77 and onion.overhead == 95

# %% [markdown]
# Nearly ten bytes for each of them! With a message of 1,100 bytes it would be the same 95 or so: less than a tenth. That is
# why one does not send letters one by one.
#
# And to the last bit. The explainer has read the trace from its beginning, so it knows the keys, and opens the record:

# %%
from rtcpy import explain

explained = explain(call.trace)
[number] = [
    n for n, entry in enumerate(explained.entries) if entry.data == onion.datagram and entry.who == "alice"
]
show(explained[number])

# %% [markdown]
# Four layers, four kinds of numbers that all count something else. The *record number* of DTLS counts records, so that
# none is taken twice. The *TSN* of SCTP counts pieces, so that none is missing. The *stream sequence number* counts
# messages of one channel, so that they keep their order. And the *verification tag* counts nothing: it is a password
# against packets of an association that is no more.
#
# The same can be had of every packet and every description. In Jupyter, click a line to unfold it:

# %%
show(explained)
print(
    f"{len(explained)} packets and descriptions, {explained.size} bytes; not explained: {explained.unreadable}"
)
assert explained.unreadable == 0

# %% [markdown]
# ## Keep it, and replay it
#
# A trace has everything that the two ends were *told*: calls, datagrams, timers, random bytes. They have no other way of
# knowing anything, so that is enough to make them again. Save it, load it, and let two new peers be told the same:

# %%
import tempfile
from pathlib import Path

from rtcpy.explain import Trace

folder = Path(tempfile.mkdtemp())
call.trace.save(folder / "call.trace")
print(f"{len(call.trace)} entries, {(folder / 'call.trace').stat().st_size} bytes")

trace = Trace.load(folder / "call.trace")
replay = trace.replay()
replay.run()
sent = [entry for entry in trace.datagrams() if entry.direction.value == "out"]
print(f"{len(replay.steps)} steps; {len(sent)} datagrams were sent again, the same to the byte")

# %% [markdown]
# Had one byte been different, `run` would have raised an error. You can stop anywhere. When did Bob's DTLS connect? Go to
# just after that step, look, and go one back:

# %%
from rtcpy.explain.trace import StateEntry

[done] = [e for e in trace.of(StateEntry, who="bob") if e.what == "DtlsTransport" and e.new == "connected"]
replay.to_entry(done.number)
after = replay.states()
print(f"step {replay.position} of {len(replay.steps)}: {replay.steps[replay.position - 1]}")
show(after)

# %%
replay.back()
show(replay.states())
assert str(replay.states()) != str(after)

replay.step()
assert str(replay.states()) == str(after)

# %% [markdown]
# **Break it.** Somebody flips one bit of a datagram *in the file*: of the one that brought Bob's COOKIE-ACK to Alice.
# Predict: what does the replay say?

# %%
from rtcpy.explain import ReplayError

forged = Trace.load(folder / "call.trace")
[ack] = [
    e
    for e, x in zip(explained.entries, explained, strict=True)
    if "COOKIE ACK" in x.title and e.who == "alice"
]
entry = forged.entries[ack.number]
entry.data = entry.data[:-1] + bytes([entry.data[-1] ^ 1])
try:
    forged.replay().run()
except ReplayError as error:
    print(error)
else:
    raise AssertionError("a forged trace was replayed")

# %% [markdown]
# The tag of the record did not fit, so the new Alice dropped it, and did not do what the old one did next. A replay cannot
# be persuaded: either it does the same, or it says where it does not.
#
# ## Hand it on
#
# **To Wireshark.** One file with the datagrams, with what was inside DTLS on a second interface, and with the key. The
# explanations of this library are there as comments.

# %%
from rtcpy.explain import Capture

packets = call.trace.to_pcapng(folder / "call.pcapng", who="alice")
print(f"call.pcapng: {packets} packets, {(folder / 'call.pcapng').stat().st_size} bytes")
with (folder / "call.pcapng").open("rb") as file:
    first = next(iter(Capture(file)))
print("its first comment:", first.comment)

(folder / "keys.txt").write_text(call.trace.key_log())
print("keys.txt:", call.trace.key_log()[:48], "…")

# %% [markdown]
# **To a wiki.** Many render Mermaid. Paste the text between a line of three backticks with the word mermaid, and another
# one of three backticks:

# %%
text = call.ladder().mermaid(with_notes=False)
print(text)

# %% [markdown]
# **To somebody who must not see the keys.** What is left can be read, but opens nothing else, and cannot be replayed:

# %%
shown = call.trace.redacted()
print(shown)
print("key log:", repr(shown.key_log()))
assert shown.key_log() == ""

# %% [markdown]
# From a terminal the same goes without Python: `rtcpy explain` and `rtcpy ladder` take such files, and
# `rtcpy demo --trace` makes one with real sockets.
#
# ## Exercises
#
# **1. Which protocol?** All this came through one port. Return by its first byte what a datagram is: 0 to 3 `stun`, 16 to 19
# `zrtp`, 20 to 63 `dtls`, 64 to 79 `turn` (channel data), 128 to 191 `rtp`, all else `unknown` (RFC 7983 §7).


# %%
def which_protocol(first_byte: int) -> str:
    """stun, zrtp, dtls, turn, rtp or unknown"""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt, check_round_trips, check_which_protocol

if attempt(check_which_protocol, which_protocol):
    for entry in call.trace.datagrams(who="alice"):
        print(which_protocol(entry.data[0]), end=" ")

# %% [markdown]
# **2. Round trips.** You get the journeys of the datagrams: `sender`, `left`, `arrived` (`None`: it was lost), in the order in
# which they left. Something leaves `who`, arrives at the other; then something leaves there, and arrives back: that is one
# round trip. Then the next begins. How many fit, one after the other? Mind that a datagram may overtake another.

# %%
from rtcpy.lab.anatomy import Journey, journeys

for journey in journeys(call.trace)[:4]:
    print(journey)


# %%
def round_trips(journeys: list[Journey], who: str) -> int:
    """How often something can go from `who` and come back, one after the other."""
    ...  # your turn


# %%
if attempt(check_round_trips, round_trips):
    print("until all was said:", round_trips(journeys(call.trace), "alice"))
    print("on the bad network:", round_trips(journeys(bad.trace), "alice"))

# %% [markdown]
# **3. Change something.** No check: which seed of the bad network is the slowest of the first hundred? Look at its ladder. Which
# layer lost the most time, and would a shorter timer have helped on a path of 300 ms?
#
# Model solutions are in `tests/notebooks/solutions.py`. Read on in `docs/trace.md`, `docs/pictures.md` and
# `rtcpy/explain/replay.py`.
