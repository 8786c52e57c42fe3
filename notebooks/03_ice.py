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
# # 03 · ICE: which of our addresses can you reach?
#
# After this you can
#
# - take a candidate's priority apart, and say which pair two agents will try first;
# - read a check list, and say for each pair why it is in the state that it is in;
# - say which two routers can be crossed without a relay, and why some cannot;
# - say how long a path may be used, and what ends it.
#
# It helps to have done [02](02_stun.py): the packets here are STUN.
#
# ## 1. Gathering
#
# Alice's computer has two network cards and is behind a router. Bob has one address, and a router of his own.
# Both routers are of the usual kind, *port-restricted*: they let in only what answers something that went
# out. A STUN server is outside. The clock is virtual, and everything comes from a seed.

# %%
from rtcpy.lab import Session, show
from rtcpy.lab.candidates import candidates, mappings, pairs, watch
from rtcpy.sim import PORT_RESTRICTED_CONE
from rtcpy.sim.script import trickle

call = Session(
    seed="ice",
    nats=(PORT_RESTRICTED_CONE, PORT_RESTRICTED_CONE),
    script=(trickle("alice", "bob"), trickle("bob", "alice")),  # hand candidates over as they are found
)
alice, bob = call.alice, call.bob
call.tamper("a second network card", lambda call: call.network.add_address("alice", "192.168.0.3"))

alice.create_data_channel("chat")
alice.set_local_description()
show(candidates(alice))
call.run(0.1)
show(candidates(alice), mappings(call, "alice"))

# %% [markdown]
# Two *host* candidates are there at once: her own addresses. The others took a question to the STUN server
# and its answer: *from where do you see me?* They are **server-reflexive**, `srflx`. Their *base* is where
# Alice really sends from. The router keeps the port where it can; port 5001 was already lent to the first
# card, so the second is seen as port 1024.
#
# ## 2. What a priority says
#
# 2130706431 looks like an accident. It is three numbers in a trench coat (RFC 8445 §5.1.2.1). Declare them,
# as in [00](00_bytes_and_declarations.py):

# %%
from rtcpy.explain import picture
from rtcpy.wire import Wire, bits, wire


@wire("RFC 8445 §5.1.2.1")
class Priority(Wire):
    """The recommended formula: 2²⁴ × type + 2⁸ × address + (256 − component)."""

    type_preference: int = bits(8, "how it was found: host 126, prflx 110, srflx 100, relay 0")
    local_preference: int = bits(16, "which of my addresses; the best has 65535")
    from_256: int = bits(8, "256 less the component; everything here is component 1")


found = alice.peer.transport.ice.local_candidates()
host, second_host, srflx, second_srflx = found
for candidate in (host, second_srflx):
    show(picture(Priority, candidate.priority.to_bytes(4, "big"), f"{candidate.priority}"))

# %% [markdown]
# The type stands in the highest bits, so *how* an address was found outweighs everything else: own addresses
# before borrowed ones, relays last. Among addresses of a type the card decides. A candidate's priority says
# how much its owner likes it, not how fast it is.

# %%
assert host.priority > second_host.priority > srflx.priority > second_srflx.priority
assert host.priority == 126 << 24 | 65535 << 8 | 255

# %% [markdown]
# The *foundation*, last of the small numbers, is a label: equal for candidates of the same type, from the
# same base address, by way of the same server. Alice's four all differ in something. What it is for comes in
# section 6.
#
# ## 3. Pairs
#
# Now the offer, the answer and the candidates change hands. Each side pairs each base of its own with each
# candidate of the other. A reflexive candidate of one's own makes no pair: packets leave from its base, and
# that pair exists already (RFC 8445 §6.1.2.4).

# %%
bob.set_remote_description(alice.peer.local_description)
bob.set_local_description()
alice.set_remote_description(bob.peer.local_description)
history_of_alice, history_of_bob = watch(call, 1.0)
show(pairs(alice), pairs(bob))

# %% [markdown]
# Two bases by two candidates of Bob's are four pairs; Bob's one base by four candidates of Alice's are four
# as well, and *in the same order*. Nobody has told the other that order. It comes from a formula that gives
# both sides the same number: with G the priority of the controlling agent's candidate (the offerer's) and D
# the other's, it is 2³² × min(G, D) + 2 × max(G, D) + (1 if G > D).

# %%
from rtcpy.ice import pair_priority

best, *_, worst = alice.peer.transport.ice.list_candidate_pairs()
G, D = host.priority, bob.peer.transport.ice.local_candidates()[0].priority
assert best.priority == pair_priority(G, D) == 2**32 * min(G, D) + 2 * max(G, D) + (1 if G > D else 0)
print(best.priority, "=", f"{best.priority >> 32} weaker, {(best.priority & 0xFFFFFFFF) >> 1} stronger")
print(worst.priority, "=", f"{worst.priority >> 32} weaker, {(worst.priority & 0xFFFFFFFF) >> 1} stronger")

# %% [markdown]
# The *weaker* half counts first: a path is no better than its worse end. The first two pairs have the same
# number at both ends, to the last digit. Pairs 3 and 4 have not: each side puts its own *base* into the
# formula where the other sees a reflexive address. What matters is the order, and that survives.
#
# ## 4. Checking
#
# A check is a STUN Binding request, signed with the password of the one who is asked. Each pair has a state.
# All that can happen to it:

# %%
from rtcpy.explain.states import state_chart

show(state_chart("ice-pair", current="succeeded", visited=["frozen", "waiting", "in-progress", "succeeded"]))

# %% [markdown]
# And what did happen. One column for each instant at which something changed; bold is new:

# %%
show(history_of_alice, history_of_bob)

# %% [markdown]
# Read Alice's from left to right.
#
# - Bob's host candidate came with his answer. Host with host is first in the list, so it is tried first,
#   though it leads nowhere: outside of Bob's house nobody knows 192.0.2.2. One new check goes out every 50 ms
#   and no more (*Ta*), lest ICE flood the network that it explores.
# - Bob's `srflx` candidate arrives 40 ms later, and two pairs join the list. They wait for their turn.
# - Their checks go out; the answers come after a round trip: *succeeded*. Data may flow from now on.
# - Half a second later one of them is **nominated**.
#
# Why did the checks to the routers get through, if those let in only answers? Both sides sent at about the
# same time. Alice's check opened *her* router for Bob's address, and Bob's opened his for hers. That is what
# "hole punching" means, and the ordered lists are what makes the two knock on the same doors together.

# %%
show(mappings(call, "alice"), mappings(call, "bob"))

# %% [markdown]
# ## 5. Who decides: nomination
#
# Two pairs work. Which one shall it be? The *controlling* agent says so, with one more check that carries
# USE-CANDIDATE. It is the one that made the offer; the other obeys. Here is that check:

# %%
from rtcpy.explain import explain
from rtcpy.stun import USE_CANDIDATE, parse_message

checks = [entry.data for entry in call.trace.packets("stun", who="bob") if entry.direction.value == "in"]
nomination = next(data for data in checks if USE_CANDIDATE in parse_message(data))
show(explain(nomination, passwords=[bob.peer.transport.ice.local_credentials.pwd]))

# %% [markdown]
# USERNAME is Bob's fragment, a colon, and Alice's: the one who is asked comes first. PRIORITY is what Alice's
# end of this pair would be worth if Bob had never heard of it (section 7). ICE-CONTROLLING tells her role, and
# a random number to defend it: should both claim to be controlling, whoever has the larger number answers the
# other's check with `487 Role Conflict`, and whoever has the smaller one gives way.
#
# Why half a second? A pair of two routers' faces is not the best imaginable, and the pairs above it in the
# list were still being tried. Waiting costs nothing: data flows on the best pair that works, nominated or not.
#
# ## 6. Frozen
#
# One state did not appear. Before BUNDLE put everything on one path, audio and video had a path each, and as
# many pairs again. Here are two agents with two streams. Bob offers two addresses, and the *better* one is
# dead. **Predict:** when will its pair in stream 1 be tried?

# %%
from rtcpy.lab.unbundled import unbundled

frozen = unbundled()
show(frozen)

# %% [markdown]
# Never, while there is something better to do. Of pairs with the same two foundations only the first is
# tried; the others are *frozen* until it has succeeded. What fails for one stream will fail for the other, so
# why knock twice? The good address proved itself in stream 0, and that moment thawed its twin in stream 1.
# The dead one's twin stayed where it was.

# %%
assert [move.new for move in frozen.moves if move.stream == 1][:2] == ["frozen", "frozen"]
assert {move.new for move in frozen.moves if move.stream == 1 and move.remote.host == "198.51.100.2"} == {
    "frozen"
}

# %% [markdown]
# ## 7. An address that nobody signalled
#
# Some routers lend another port for each destination. They are called *symmetric*. What the STUN server sees
# is then not what Bob will see. Alice is behind such a router, Bob behind a *full cone*, which lets in anybody:

# %%
from rtcpy.ice import CandidateType
from rtcpy.lab.crossings import try_crossing
from rtcpy.sim import FULL_CONE, SYMMETRIC

surprise = try_crossing(SYMMETRIC, FULL_CONE)
show(mappings(surprise.session, "alice"), candidates(surprise.session.bob, remote=True))

# %% [markdown]
# Three faces for one socket. Bob was told two of Alice's candidates. Then a check came from a third address,
# signed with his own password: whoever sent it has read his answer. So he takes it down as a
# **peer-reflexive** candidate, `prflx`, with the priority that stood in the check, answers, and at once
# checks back: a *triggered* check, which waits for no turn.

# %%
for step in surprise.session.steps[-6:]:
    print(f"{step.at * 1e3:4.0f} ms  {step.name}")
    for packet in step.packets:
        print(f"            → {packet.summary}")
learnt = surprise.session.bob.peer.transport.ice.remote_candidates()[-1]
assert learnt.type is CandidateType.PEER_REFLEXIVE and learnt.priority >> 24 == 110

# %% [markdown]
# ## 8. Which routers can be crossed?
#
# Twenty-five combinations, each with two whole peers that try. Green: both ends of the path were signalled.
# Yellow: one was learnt from a check. Red: there is no way.

# %%
from rtcpy.lab.crossings import crossings

matrix = crossings()
show(matrix)

# %% [markdown]
# The names are old and say too little (RFC 4787 §3), but they are what people use:
#
# | router | lends a new port for each destination? | lets in |
# |---|---|---|
# | full cone | no | anybody |
# | restricted | no | any port of an address that was sent to |
# | port-restricted | no | exactly the address and port that was sent to |
# | symmetric | yes | exactly the address and port that was sent to |
#
# Three combinations fail. Look at one of them as it stood at the end:

# %%
from collections import Counter

from rtcpy.lab.table import Table

failure = matrix["symmetric", "port-restricted"]
show(mappings(failure.session, "alice"), mappings(failure.session, "bob"), pairs(failure.session.alice))
told = Counter((refusal.who, refusal.check, refusal.section) for refusal in failure.session.refusals())
show(Table(["times", "who", "why not", "rule"], [[count, *what] for what, count in told.items()]))

# %% [markdown]
# Bob knocks at the port that the STUN server saw: his router now admits packets from exactly there. Alice's
# checks to him come from *another* port, which was made for him and which only his router knows. Bob would
# have to send there first, and to learn the port he would have to receive first. Neither gets in, and after
# 40 seconds ICE gives up. If Bob's router were only *restricted*, the port would not matter, and Alice's
# check would arrive. Two symmetric routers each wait for the other's secret.
#
# There is one way left: a relay that both can reach. That is TURN, and another lesson.

# %%
assert sorted(matrix.impossible) == [
    ("port-restricted", "symmetric"),
    ("symmetric", "port-restricted"),
    ("symmetric", "symmetric"),
]

# %% [markdown]
# ## 9. Do you still want to hear from me?
#
# Back to the call that works. A path is a *permission*, and it expires. Every 4 to 6 seconds each side asks
# again, with an ordinary check. Pull Bob's plug, and **predict**: when does Alice notice, and when does she
# stop?

# %%
call.run(10)
call.news()
call.tamper("Bob's plug is pulled", lambda call: call.network.kill("bob"))
pulled, before = call.now, len(call.steps)
call.run(45)
asked = [sent for step in call.steps[before:] for sent in step.packets if "Binding request" in sent.summary]
print("asked after", ", ".join(f"{sent.at - pulled:.1f} s" for sent in asked if sent.sender == "alice"))
for item in call.news().items:
    print(f"{item.at - pulled:5.1f} s after the plug: {item.who}'s {item.name}: {item.detail}")
assert not alice.peer.transport.ice.send_allowed

# %% [markdown]
# A question without an answer is asked again; after three seconds the state is `disconnected`, which may
# pass. 30 seconds after the last *answer* the permission is gone (RFC 7675 §5.1): not one more packet, and
# `failed`. Data that arrives does not count, only answers do. This is there so that nobody can be flooded by
# a peer that has not noticed his departure. Only an ICE restart, with new passwords, can bring the path back.
#
# ## 10. Break it
#
# Say what you expect, then run. Replace the letter by yours.

# %%
from rtcpy.lab.breaks import SAME_TIE_BREAKER, WRONG_INTEGRITY

show(WRONG_INTEGRITY)

# %%
my_prediction = "d"
show(WRONG_INTEGRITY.run().compare(my_prediction))

# %%
show(SAME_TIE_BREAKER)

# %%
my_prediction = "b"
show(SAME_TIE_BREAKER.run().compare(my_prediction))

# %% [markdown]
# ## Exercises
#
# **1. Priority.** Write the formula of section 2. A type preference is 0 to 126, a local preference 0 to
# 65535, a component 1 to 256.


# %%
def candidate_priority(type_preference: int, local_preference: int, component: int) -> int:
    """The priority of a candidate, a number of 31 bits."""
    ...  # your turn


# %% [markdown]
# If the check finds nothing wrong, your function is put into the stack, and two peers connect with it.

# %%
from rtcpy.lab.exercises import attempt
from rtcpy.testing.blanks import swapped

if attempt("candidate_priority", candidate_priority):
    with swapped("candidate_priority", candidate_priority) as used:
        yours = Session(seed="yours")
        yours.connect()
    show(candidates(yours.alice))
    print("connected; your function was asked", used.calls, "times")

# %% [markdown]
# **2. Foundation.** Return a text of 1 to 32 letters, digits, `+` and `/` that is equal exactly where all
# four arguments are equal. Addresses may be as long as IPv6 allows, so gluing will not do; a hash may.


# %%
def foundation(type: str, base: str, server: str, transport: str) -> str:
    """Equal for candidates that are likely to fare alike."""
    ...  # your turn


# %%
if attempt("foundation", foundation):
    with swapped("foundation", foundation) as used:
        yours = Session(seed="yours")
        yours.connect()
    show(candidates(yours.alice))
    print("connected; your function was asked", used.calls, "times")

# %% [markdown]
# **3. A forgetful router.** No check, only curiosity: mappings die when nothing passes. Put a router with
# `rtcpy.sim.NatConfig` and a timeout of 3 seconds before both ends of a `Session`, connect, let a minute
# pass, and look at the news. It may surprise you. Now let it lend *random* ports (`rtcpy.sim.PortAllocation`).
# What saved you before? And how long must a timeout be, if a consent check is sent every 4 to 6 seconds?
#
# Model solutions are in `tests/testing/blank_solutions.py`. Read on in `docs/layers/ice.md` and
# `rtcpy/ice/__init__.py`; the specification is RFC 8445.
