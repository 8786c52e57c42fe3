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
# # 10 · Data channels
#
# After this you can
#
# - read the message that opens a channel byte by byte, and write it by hand;
# - choose how reliable a channel shall be, and say what that costs;
# - send a file without filling memory;
# - say what closing does on the wire, and when a number is free again.
#
# Under a channel is SCTP ([09](09_sctp.py)); how a connection comes to be is in [11](11_offer_answer.py).
# Here Alice and Bob are connected already. The clock is virtual.
#
# ## 1. Two messages, and a channel is open

# %%
from rtcpy.explain import picture
from rtcpy.lab import Session, show
from rtcpy.lab.messages import data_chunks
from rtcpy.sctp.dcep import AckMessage, OpenMessage

call = Session(seed="data channels")
call.connect()
alice, bob = call.alice, call.bob
call.run(1)
call.news()

alice.create_data_channel("größe", ordered=False, max_retransmits=3)
call.run(0.1)
opening, acknowledgement = data_chunks(call, sender="alice")[-1], data_chunks(call, sender="bob")[-1]
show(
    picture(OpenMessage, opening.user_data, "Alice: DATA_CHANNEL_OPEN"),
    picture(AckMessage, acknowledgement.user_data, "Bob: DATA_CHANNEL_ACK"),
)

# %% [markdown]
# That is the whole protocol: DCEP, RFC 8832. One message says what the channel is to be, one byte says "I
# know it". `03` is OPEN. `81` is two things: the high bit means *unordered*, the `01` below means *give up
# after so many retransmissions*, and how many stands in the four bytes after the priority: 3. A channel that
# limits the lifetime has `82`, with milliseconds there. A plain one has `00`.
#
# The label has 5 letters, and its length says 7: **bytes** of UTF-8, not characters. Two well-known stacks
# count characters all the same; as long as labels are English, nobody notices.
#
# Which channel does it speak of? The one that it travels on. Here is the chunk around it:

# %%
from rtcpy.sctp.chunks import DataChunk

show(picture(DataChunk, opening.serialize(), "the DATA chunk that carried it"), call.news())

# %% [markdown]
# Stream 3, so the channel's id is 3. The *payload protocol identifier* 50 says that this is DCEP and not a
# message of the application. Both directions of a channel use streams of the same number.
#
# Bob is told by an event, `datachannel`. Alice need not wait for his byte: her channel is open as soon as she
# has made it, and she may send at once, in the same flight.

# %%
alice.create_data_channel("quick", ordered=False)
alice.send("quick", "right behind the OPEN")
made = call.now
call.run(1, stop=lambda: "right behind the OPEN" in bob.received)
print(f"heard after {(call.now - made) * 1e3:.0f} ms: one way, not a round trip")
call.run(0.1)
alice.send("quick", "after the ACK")
for chunk in data_chunks(call, sender="alice")[-3:]:
    print(
        f"stream {chunk.stream_id}  protocol {chunk.ppid}  unordered {chunk.unordered}  {chunk.user_data!r}"
    )

# %% [markdown]
# Look at the second line: the channel is unordered, and this message was sent *in order*. It must be. If it
# overtook the OPEN, Bob would not know what it is. With the ACK that danger is over (RFC 8832 §6).
#
# ## 2. Who gets which number?
#
# Both can open channels at any time, without asking. **Predict** the ids, if Alice and Bob each make two in
# the same moment:

# %%
from rtcpy.lab.table import Table

for end in (alice, bob):
    for label in ("one", "two"):
        end.create_data_channel(f"{end.name}'s {label}")
call.run(0.2)
show(Table(["channel", "id"], [[label, channel.id] for label, channel in alice.channels.items()]))
ids = [channel.id for channel in alice.channels.values()]
assert len(set(ids)) == len(ids)

# %% [markdown]
# Bob's are even, Alice's odd, so no two can meet. Even numbers belong to the **DTLS client** (RFC 8832 §6).
# That is not the one who offered: Bob's answer said so.

# %%
[setup] = [line for line in bob.peer.local_description.sdp.splitlines() if line.startswith("a=setup")]
print("Bob:", setup)
assert setup == "a=setup:active" and bob.channels["bob's one"].id % 2 == 0

# %% [markdown]
# A channel can also be agreed on beforehand, outside of WebRTC: both make it, `negotiated`, with the same
# id. Then nothing is said at all.

# %%
packets = call.packets
for end in (alice, bob):
    end.create_data_channel("agreed", negotiated=True, id=1000)
print(
    "packets:",
    call.packets - packets,
    "· states:",
    *(end.channels["agreed"].state.value for end in (alice, bob)),
)
alice.send("agreed", "no ceremony")
call.run(0.1)
print(bob.received[-1])
assert call.packets - packets > 0 and bob.received[-1] == "no ceremony"

# %% [markdown]
# ## 3. What a channel promises
#
# A message each 20 ms, and one packet in five is lost, either way. **Predict:** what becomes of the messages
# *behind* a lost one, if the channel is ordered?

# %%
from rtcpy.lab.messages import deliver, plot_deliveries

reliable = [deliver("ordered, reliable"), deliver("unordered, reliable", ordered=False)]
show(plot_deliveries(reliable))

# %% [markdown]
# Blue lines take 20 ms, the length of the path. Orange ones were held up. A lost message is sent again when
# the sender believes in the loss, and meanwhile an **ordered** channel keeps back everything that came after:
# it has arrived, and the application may not have it. That is *head-of-line blocking*, and the reason why a
# game does not run over TCP. **Unordered**, only the lost ones are late. Messages overtake each other then,
# and the application must not mind.

# %%
held_up = [sum(run.latency(n) > 0.03 for n in run.arrived) for run in reliable]
print("held up, ordered:", held_up[0], "· unordered:", held_up[1])
assert held_up[0] > 2 * held_up[1] and sorted(reliable[1].order) == reliable[0].order

# %% [markdown]
# Is a position of 200 ms ago worth sending again? Two limits tell SCTP when to give up:
# `max_retransmits`, so many repetitions, and `max_packet_life_time`, so many milliseconds. One of them, not
# both.

# %%
partial = [
    deliver("ordered, max_retransmits=0", max_retransmits=0),
    deliver("unordered, max_retransmits=0", ordered=False, max_retransmits=0),
    deliver("unordered, max_packet_life_time=100", ordered=False, max_packet_life_time=100),
]
show(plot_deliveries(partial))

# %% [markdown]
# The first is the trap. Nothing is repeated, and still messages are late: Bob cannot know that the missing
# one will never come. The sender has to notice the loss first, and to say "wait no longer": FORWARD TSN, RFC
# 3758. Unordered without repetition is what UDP would have been, encrypted and congestion-controlled: what
# arrives, arrives at once. The last one repeats what is still young.

# %%
for run in reliable + partial:
    print(run)
assert partial[1].worst < 0.03 and not reliable[0].lost and partial[1].lost

# %% [markdown]
# ## 4. Short and long
#
# **Predict:** how many bytes of user data does an empty message have on the wire?

# %%
alice.send("chat", "")
alice.send("chat", b"")
call.run(0.1)
print(bob.received[-2:])
for chunk in data_chunks(call, sender="alice")[-2:]:
    print(f"protocol {int(chunk.ppid)} {chunk.ppid.name:12} user data {chunk.user_data!r}")
assert bob.received[-2:] == ["", b""]

# %% [markdown]
# One. SCTP cannot carry a message without data, so a zero byte is sent, under an identifier of its own that
# says "this is nothing" (RFC 8831 §6.6). Text and bytes have different identifiers anyway, which is how the
# other side knows whether to hand up a string.
#
# A long one is cut into chunks. `B` marks the beginning, `E` the end:

# %%
alice.send("chat", b"x" * 50_000)
call.run(0.5)
pieces = [chunk for chunk in data_chunks(call, sender="alice") if chunk.user_data.startswith(b"xx")]
for chunk in pieces[:2] + pieces[-3:]:
    flags = ("B" if chunk.beginning else "-") + ("E" if chunk.ending else "-")
    print(f"{flags}  TSN …{chunk.tsn % 1000:03}  {len(chunk.user_data):6,} bytes")
print(len(pieces), "chunks in all")
assert sum(len(chunk.user_data) for chunk in pieces) == 50_000 and bob.received[-1] == b"x" * 50_000

# %% [markdown]
# How large a piece may be is found out by trying, while the first pieces are on their way: 1,132 bytes pass
# everywhere, and on this path much larger ones do (path MTU discovery, RFC 8899). How large a *message* may
# be, the other side has said in its description. What is longer is refused at once; nothing has been sent:

# %%
[limit] = [line for line in bob.peer.local_description.sdp.splitlines() if "max-message-size" in line]
print(limit)
try:
    alice.send("chat", bytes(262_145))
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## 5. Back-pressure
#
# `send` never waits. It puts the message into a buffer, and the line takes it out when it can. Here are 40
# blocks of 16 KiB, over a line of 1 Mbit/s. One sender asks nothing, the other looks at `buffered_amount`:

# %%
from rtcpy.lab.buffering import feed, plot_feedings


class Greedy:
    """Everything, now."""

    def __init__(self, channel, blocks) -> None:
        for block in blocks:
            channel.send(block)

    def on_low(self) -> None:
        """Nothing is left to do."""


# %%
class Polite:
    """Send while little is waiting; go on when `bufferedamountlow` is heard."""

    def __init__(self, channel, blocks) -> None:
        self.channel, self.blocks = channel, iter(blocks)
        channel.buffered_amount_low_threshold = 32_768
        self.on_low()

    def on_low(self) -> None:
        """There is room."""
        while self.channel.buffered_amount < 65_536:
            block = next(self.blocks, None)
            if block is None:
                return
            self.channel.send(block)


greedy, polite = feed(Greedy), feed(Polite)
show(plot_feedings([greedy, polite]))
print(greedy, polite, sep="\n")
assert abs(greedy.seconds - polite.seconds) < 0.1 and polite.peak * 5 < greedy.peak

# %% [markdown]
# Both are done at the same time: a full buffer makes no line faster. But with a film instead of 40 blocks the
# greedy one needs the film's size in memory, and what it says next waits behind all of that. At some point
# the buffer is full, and `send` says so:

# %%
from rtcpy import OperationError

try:
    for _ in range(10_000):
        alice.send("chat", bytes(65_536))
except OperationError as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## 6. Closing
#
# The states of a channel, from the table that the library runs by:

# %%
from rtcpy.explain.states import state_chart

show(state_chart("channel"))

# %% [markdown]
# DCEP has no message for closing. A channel is closed by *resetting its stream*: "my next message on it will
# be number 0 again". When both directions have been reset, it is gone (RFC 8831 §6.7). A fresh connection,
# which may have four streams only, so that numbers are scarce:

# %%
from rtcpy.peer import PeerConfiguration
from rtcpy.sctp import SctpConfig

few = PeerConfiguration(sctp=SctpConfig(outbound_streams=4, inbound_streams=4))
narrow = Session(seed="four streams", configuration=few)
narrow.connect()
narrow.alice.create_data_channel("files")
narrow.run(1)
print({label: channel.id for label, channel in narrow.alice.channels.items()})
try:
    narrow.alice.create_data_channel("third")
except OperationError as error:
    print(f"{type(error).__name__}: {error}")

# %%
narrow.news()
closed, seen = narrow.now, len(narrow.trace.entries)
narrow.alice.close_channel("files")
narrow.run(0.2)
show(narrow.news(), narrow.ladder().picture(since=closed, title="close()"))

# %% [markdown]
# Alice's request names the streams that she resets. Bob answers, and resets the same number in his direction,
# for which he asks in turn. Byte by byte, decrypted:

# %%
from rtcpy.explain.dissect import Dissector

request = next(
    entry for entry in narrow.trace.entries[seen:] if getattr(entry, "layer", "") == "sctp" and entry.data
)
show(Dissector().explain_layer("sctp", request.data))

# %% [markdown]
# *Last TSN* is the last chunk that she sent: the reset counts when everything up to there has arrived, so
# nothing that was sent before is lost. Only now is the number free, and the next channel gets it:

# %%
again = narrow.alice.create_data_channel("files, once more")
narrow.run(0.2)
print(again.label, "has id", again.id, "and is", again.state.value)
assert again.id == 3 and "files, once more" in narrow.bob.open

# %% [markdown]
# ## Exercises
#
# **1. Write the OPEN.** The bytes of section 1: `03`, the type, priority 256, the limit, the length of the
# label, the length of the protocol (there is none), the label. At most one of the two limits is not `None`;
# a limit of 0 is a limit.


# %%
def open_message(
    label: str, ordered: bool, max_retransmits: int | None, max_lifetime_ms: int | None
) -> bytes:
    """DATA_CHANNEL_OPEN."""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt, check_next_id, check_open_message

attempt(check_open_message, open_message)

# %% [markdown]
# **2. Give numbers.** Return an id for a new channel, or `None` if there is none left. `taken` has the ids in
# use, whoever made them; `streams` is how many streams there are, numbered from 0. The number 65535 is no
# stream.


# %%
def next_id(is_dtls_client: bool, taken: set[int], streams: int) -> int | None:
    """Even for the client, odd for the server."""
    ...  # your turn


# %%
attempt(check_next_id, next_id)

# %% [markdown]
# **3. A worse line.** No check, only curiosity: give `deliver` a link of its own, an `rtcpy.sim.LinkConfig`
# with twice the loss, or with 100 ms of jitter and no loss. Which channel suffers from which? And what does
# *one* retransmission buy?
#
# Model solutions are in `tests/notebooks/solutions.py`. Read on in `docs/layers/sctp.md`, `rtcpy/sctp/dcep.py`
# and `rtcpy/sctp/datachannel.py`; the specifications are RFC 8831 and RFC 8832.
