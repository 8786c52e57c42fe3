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
# # 09 · SCTP under loss
#
# After this you can
#
# - follow a message from chunks with numbers to a SACK that reports a gap, and to the chunk that fills it;
# - read a plot of the congestion window, and say at each corner which rule of RFC 9260 made it;
# - predict what a lost packet costs, and what a lost acknowledgement costs;
# - write the four small pieces that it stands on, and run the live stack on yours.
#
# UDP loses packets, DTLS does not care, and yet your messages arrive, once and in order. The layer that sees to it
# is SCTP (RFC 9260). Here it stands alone: two associations and a cable of 20 ms each way, in virtual time.
#
# ## A message becomes chunks

# %%
from rtcpy.lab import show
from rtcpy.lab.transfer import transfer

call = transfer(4_000, message=4_000)
print(call)
for sending in call.sendings:
    print(f"{sending.at * 1e3:4.0f} ms  chunk {sending.number}")
print("acknowledged:", [(round(at * 1e3), number) for at, number in call.acknowledged])

# %% [markdown]
# A message of 4,000 bytes does not fit into a packet of 1,200 bytes. It is cut into chunks, each with a number of
# its own, the TSN; here we count them from 0. The receiver says how far it has everything: that is a SACK. It says so
# at every second packet at the latest (RFC 9260 §6.2).
#
# ## How fast may one send?
#
# Nobody told the sender what the path can carry. It has to find out. Half a megabyte, no loss:

# %%
call = transfer(500_000)
show(call.plot_window(until=0.22))

# %% [markdown]
# The congestion window `cwnd` is what may be on its way without having been acknowledged. It begins with 4,404 bytes
# (RFC 9260 §7.2.1), and every 40 ms, one round trip, it doubles. That is *slow start*. Slow is only the start.

# %%
from itertools import pairwise

windows = [max(s.cwnd for s in call.samples if s.at <= round_trip * 0.04 + 0.001) for round_trip in range(5)]
print(windows, [round(b / a, 2) for a, b in pairwise(windows)])
print("ssthresh:", call.samples[-1].ssthresh)
assert windows[0] == 4404 and all(1.9 < b / a <= 2.1 for a, b in pairwise(windows))

# %% [markdown]
# ## One chunk is lost
#
# Packet 60 vanishes. **Predict:** when does the sender notice, when is the chunk sent again, and what happens to the
# window?

# %%
call = transfer(500_000, lose={60})
show(call.plot_chunks(since=0.1, until=0.3, title="chunk 60 is lost"))

# %% [markdown]
# The black line is what the receiver has without a gap. It stops at 60, although everything after it arrives. Each
# SACK now carries a *gap block*: "all up to 59, and also 61 to …". The sender does not believe the first report, since
# packets may merely overtake each other. At the third it does (RFC 9260 §7.2.4) and sends the chunk again, at once: *fast
# retransmit*. When the hole is filled, the line jumps over everything that had been waiting.

# %%
lost = next(s for s in call.sendings if s.lost)
again = next(s for s in call.sendings if s.again)
print(
    f"lost at {lost.at * 1e3:.0f} ms, sent again at {again.at * 1e3:.0f} ms: {(again.at - lost.at) / 0.04:.0f} round trips"
)
show(call.plot_window())
assert again.number == lost.number == 60 and not call.timeouts

# %% [markdown]
# And the window is cut in half (RFC 9260 §7.2.3): a loss means that the path is full. `ssthresh` remembers the height. Above
# it the window grows by one packet a round trip only, *congestion avoidance* (§7.2.2). Compare the two slopes.
#
# ## A real bottleneck
#
# Nobody throws dice on most paths. Packets get lost because a queue is full. A line of 8 Mbit/s with a router that
# holds 64 kB:

# %%
from rtcpy.sim import LinkConfig

call = transfer(3_000_000, link=LinkConfig(rate_bps=8e6, queue_bytes=64_000))
print(call)
show(call.plot_window(title="8 Mbit/s, a queue of 64 kB"))

# %% [markdown]
# Slow start shoots over the mark: when the queue is full, nearly a hundred packets are on their way into it, and
# are lost (the red bar). Twice the window is halved. Then it creeps up to where the next loss will be. The line carries
# 1,000 kB/s with headers, and most of it was used: that is what all this is for.
#
# ## What loss costs
#
# SCTP cannot know why a packet was lost. On a radio link, where it is no sign of a full queue, halving the window is
# wrong, and expensive. An old rule of thumb (Mathis and others, 1997) has only the packet, the round trip and the root of
# the loss in it: `1.22 * packet / (round_trip * sqrt(p))`.

# %%
from math import sqrt

packet, round_trip = 1.1, 0.04  # kB, s
for p in (0.003, 0.01, 0.03, 0.1):
    measured = [transfer(3_000_000, link=LinkConfig(loss=p), seed=seed).goodput / 1e3 for seed in range(5)]
    limit = 1.22 * packet / (round_trip * sqrt(p))
    print(
        f"loss {p:5.1%}: {sorted(measured)[2]:5.0f} kB/s in the middle of five, rule of thumb {limit:5.0f} kB/s"
    )

# %% [markdown]
# (It comes out a little higher here, since the slow start before the first loss counts, too.) Ten times the loss is a
# third of the speed, and it does not matter how fast the line is. This is why calls send media over RTP, which does not
# wait for what is lost, and not over a data channel.
#
# ## Break it: lose the acknowledgements instead
#
# **Predict**, before you run: 20 % of the *SACKs* are lost, and no data. How much slower is half a megabyte?

# %%
for what, back in (("no loss", LinkConfig()), ("20 % of SACKs lost", LinkConfig(loss=0.2))):
    call = transfer(500_000, back=back, seed=4)
    print(f"{what:<20} {call}")
assert call.lost == 0

# %% [markdown]
# Hardly. A SACK says *all up to*, so the next one makes up for it. Acknowledgements that repeat everything are cheap
# insurance.
#
# ## Silence: the timer
#
# Fast retransmit needs SACKs, and SACKs need data that arrives. If everything is lost there is only a clock: after RTO
# seconds without an answer, send again, with a window of one packet, and wait twice as long next time (RFC 9260 §6.3.3).
# Here the cable is cut for three seconds:

# %%
call = transfer(500_000, outage=(0.13, 3.0))
print(call)
print("the timer expired at", [round(at, 2) for at in call.timeouts])
show(call.plot_window())
waits = [b - a for a, b in pairwise(call.timeouts)]
assert len(waits) >= 2 and all(1.9 < b / a < 2.1 for a, b in pairwise(waits))

# %% [markdown]
# Each wait is twice the one before, so the cable has long been repaired when the sender tries again: patience has
# its price. Where does the first RTO come from? It is learnt from every round trip that can be measured, and from
# how much they differ: SRTT plus four times the mean deviation. Exercise 3.
#
# ## Exercises
#
# All four are in `rtcpy.testing.blanks`, with their rules; `attempt` looks for an input that yours gets wrong.
#
# **1. The checksum, and numbers that wrap.** CRC32c, to be continued from an earlier value (RFC 9260 appendix A); and how far
# one TSN is ahead of another when 0xFFFFFFFF is followed by 0 (RFC 1982 §3.2).


# %%
from rtcpy.testing.blanks import named, swapped

print(named("crc32c").task)
print()
print(named("serial_distance").task)


# %%
def crc32c(data: bytes, crc: int = 0) -> int:
    """CRC32c of data, continued from crc."""
    ...  # your turn


def serial_distance(a: int, b: int) -> int:
    """How far a is ahead of b, from -2**31 + 1 to 2**31 - 1."""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt

attempt("crc32c", crc32c)
attempt("serial_distance", serial_distance)

# %% [markdown]
# **2. The gaps.** What does a SACK report beyond the gap?

# %%
print(named("gap_blocks").task)


# %%
def gap_blocks(cumulative_tsn: int, received: set[int]) -> list[tuple[int, int]]:
    """(start, end) of each run of received TSNs, as offsets from the cumulative TSN."""
    ...  # your turn


# %%
attempt("gap_blocks", gap_blocks)

# %% [markdown]
# **3. How long to wait.** One more measured round trip: what are SRTT, RTTVAR and RTO now?

# %%
print(named("retransmission_timeout").task)


# %%
def retransmission_timeout(srtt: float | None, rttvar: float, rtt: float) -> tuple[float, float, float]:
    """(SRTT, RTTVAR, RTO) in seconds after one more measured round trip."""
    ...  # your turn


# %%
attempt("retransmission_timeout", retransmission_timeout)

# %% [markdown]
# When one of them is right, let the live stack run on it. With a right one the transfer below is the same to the
# microsecond; with a wrong one, see for yourself.

# %%
if attempt("gap_blocks", gap_blocks):
    with swapped("gap_blocks", gap_blocks) as used:
        print(transfer(500_000, lose={60}), "with yours, asked", used.calls, "times")
print(transfer(500_000, lose={60}), "with ours")

# %% [markdown]
# Model solutions are in `tests/testing/blank_solutions.py`. Read on in `docs/layers/sctp.md`, `rtcpy/sctp/congestion.py`
# and `rtcpy/sctp/outbound.py`.
