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
# # 02 · STUN, byte by byte
#
# After this you can
#
# - read a Binding request and its answer in a hex dump, and get your public address out of it by hand;
# - say what a router does to your packets, and why STUN hides an address behind an XOR;
# - sign a message and predict which changes to it will be noticed, and by which check.
#
# It helps to have done [00](00_bytes_and_declarations.py).

# %%
from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Address, Datagram
from rtcpy.explain import explain
from rtcpy.lab import show
from rtcpy.stun import Message, MessageClass, Method, StunServer, new_transaction_id

request = Message(Method.BINDING, MessageClass.REQUEST, new_transaction_id(SeededEntropy("lesson 02")))
question = request.serialize(fingerprint=False)
show(explain(question, title="from where do you see me?"))

# %% [markdown]
# Twenty bytes, and that is a whole question. The first two say what it is: `00 01`, method Binding, class
# request. STUN, DTLS and RTP share one port, and one look at the first byte tells them apart: it is 0 to 3
# for STUN, 20 to 63 for DTLS, 128 to 191 for RTP (RFC 7983 §7). Bits of the class (C) sit *between* the bits
# of the method, for which history is to blame:

# %%
print(explain(question).boxes())

# %% [markdown]
# `00 00` says that nothing follows. `21 12 a4 42` is the *magic cookie*, the same in every message in the
# world. The last twelve bytes are random: the answer must repeat them, and whoever cannot guess them cannot
# forge an answer.
#
# ## The answer
#
# Alice's computer has the address 192.168.0.2, which means nothing outside her house. Let her ask, through a
# router:

# %%
from rtcpy.sim import Nat, NatConfig

router = Nat("203.0.113.1", NatConfig())
server_address = Address("192.0.2.53", 3478)
seen = router.outbound(Address("192.168.0.2", 5000), server_address, now=0.0)
print("sent from 192.168.0.2:5000; the server sees", seen)

server = StunServer()
server.receive(Datagram(question, local=server_address, remote=seen), now=0.02)
[answer] = server.take_packets()
show(explain(answer.data, title="there I see you"))

# %% [markdown]
# The library reads 203.0.113.1:5000 out of the attribute, but look at its bytes: the address is not in there.
# It was XORed with the cookie. In the early days it stood there in plain, and some routers searched packets
# for their own address and "helpfully" put the inner one back. Undo it by hand:

# %%
value = answer.data[24:32]
port = int.from_bytes(value[2:4], "big") ^ 0x2112
address = int.from_bytes(value[4:8], "big") ^ 0x2112A442
print(value.hex(" "), "->", ".".join(map(str, address.to_bytes(4, "big"))), port)
assert (str(seen.host), seen.port) == (".".join(map(str, address.to_bytes(4, "big"))), port)
assert bytes([203, 0, 113, 1]) not in answer.data

# %% [markdown]
# ## Who is asking? Signed questions
#
# ICE sends the same question to the *other peer*, to find out whether a path works, and signs it with a
# password that came with the offer or the answer. Two attributes are computed over everything before them:
# MESSAGE-INTEGRITY, an HMAC, and FINGERPRINT, a CRC that says "this is STUN".

# %%
from rtcpy.stun import PRIORITY, USERNAME, parse_message, short_term_key

key = short_term_key("9Cmkwt2HzYp181iJiyxfpbCJ")
check = Message(
    Method.BINDING,
    MessageClass.REQUEST,
    request.transaction_id,
    [USERNAME("gfd3:6NFC"), PRIORITY(1845494271)],
)
signed = check.serialize(key)
show(explain(signed, title="a connectivity check", passwords=["9Cmkwt2HzYp181iJiyxfpbCJ"]))

# %% [markdown]
# **Predict, then run.** Each bit of these bytes is flipped once, and the result is handed to the parser and
# to the check of the password. How many of the changes go unnoticed?

# %%
from collections import Counter

from rtcpy.core.errors import CryptoError
from rtcpy.stun import StunError


def verdict(data: bytes) -> str:
    """What a receiver makes of `data`."""
    try:
        parse_message(data).verify_integrity(key)
    except StunError:
        return "no STUN: broken format or checksum"
    except CryptoError:
        return "the password does not fit"
    return "accepted"


def flip(data: bytes, bit: int) -> bytes:
    """`data` with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


# %%
verdicts = [verdict(flip(signed, bit)) for bit in range(len(signed) * 8)]
for what, count in Counter(verdicts).most_common():
    print(f"{count:4} {what}")
print(
    "accepted with a change in bytes",
    sorted({bit // 8 for bit, what in enumerate(verdicts) if what == "accepted"}),
)
assert [bit for bit, what in enumerate(verdicts) if what == "accepted"] == list(range(68 * 8, 70 * 8))

# %% [markdown]
# Sixteen, in bytes 68 and 69. Look at the picture above: that is the *type* of FINGERPRINT. With another type
# it is no FINGERPRINT any more but an attribute that nobody knows, behind everything that is signed, and is
# ignored. What Alice meant to say is untouched.
#
# FINGERPRINT is a checksum, not a secret: somebody on the path can leave it off, or compute a new one. What
# holds then? The same without it:

# %%
bare = check.serialize(key, fingerprint=False)
verdicts = [verdict(flip(bare, bit)) for bit in range(len(bare) * 8)]
for what, count in Counter(verdicts).most_common():
    print(f"{count:4} {what}")
assert "accepted" not in verdicts

# %% [markdown]
# None is accepted: that is the work of the HMAC. It covers everything before it. What about something
# *behind* it? The attacker appends USE-CANDIDATE (`0025 0000`, "let us take this path") and corrects the
# length:

# %%
from rtcpy.stun import USE_CANDIDATE

forged = bare[:2] + (len(bare) - 20 + 4).to_bytes(2, "big") + bare[4:] + bytes.fromhex("0025 0000")
message = parse_message(forged)
message.verify_integrity(key)  # no error: what is covered is untouched
print("USE-CANDIDATE in the message:", USE_CANDIDATE in message)
for node in explain(forged).problems:
    print(f"{node.name}: {node.problem}")
assert USE_CANDIDATE not in message

# %% [markdown]
# The signature is right, and the attribute is not there: what follows MESSAGE-INTEGRITY is ignored, except
# FINGERPRINT (RFC 8489 §9). A library that forgets this rule lets strangers choose the path.
#
# ## Break it
#
# Now in a call. Bob's first check is on its way to Alice, and three times it is changed under way. **Predict**
# for each: does Alice answer? If not, which check fails?

# %%
from rtcpy.lab import Session
from rtcpy.stun.integrity import fingerprint


def sealed(data: bytes) -> bytes:
    """`data` with a FINGERPRINT that fits, for a checksum is no secret."""
    return data[:-4] + fingerprint(data[:-8]).to_bytes(4, "big")


def tampered(change) -> Session:
    """A call in which Bob's first check is changed on its way."""
    call = Session(seed="offer and answer")
    while "Binding request (you control)" not in str(call.pending):
        call.step()
    call.edit(call.pending.find("you control"), change)
    call.run(0.03)
    return call


# %%
changes = {
    "the last bit of FINGERPRINT": lambda data: flip(data, 8 * len(data) - 1),
    "the last bit of PRIORITY": lambda data: flip(data, 8 * 56 - 1),
    "the same, and a new FINGERPRINT": lambda data: sealed(flip(data, 8 * 56 - 1)),
}
for what, change in changes.items():
    refusal = tampered(change).refusals()[-1]
    print(f"{what}:\n    {refusal.check}   [{refusal.section}]")
assert refusal.section == "RFC 8489 §9.1.3"

# %% [markdown]
# She answers none of them. The first two are not STUN, and she does not even look who asks. The third is STUN,
# from somebody who does not know her password. The RFC would have her answer 401; rtcpy is silent on purpose,
# lest strangers make it send. What comes of it? Bob asks again, and the call comes about all the same:

# %%
call = tampered(changes["the same, and a new FINGERPRINT"])
story = list(call.walk())
print(story[-1].name, call.bob.received, f"{call.now * 1e3:.0f} ms")
assert call.bob.received == ["hello, Bob"]

# %% [markdown]
# ## Exercises
#
# **1. The header.** Return type, length and transaction id of a STUN message, or `None` if it cannot be one:
# fewer than 20 bytes, the two highest bits of the first byte not zero, or another cookie.


# %%
def stun_header(data: bytes) -> tuple[int, int, bytes] | None:
    """(type, length, transaction id)"""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt
from rtcpy.testing.blanks import swapped

attempt("stun_header", stun_header)

# %% [markdown]
# **2. XOR-MAPPED-ADDRESS.** You get the eight bytes of an IPv4 value: a zero byte, the family (1), the port,
# the address. Return the address as text, and the port. If the check finds nothing wrong, your function is put
# into the stack, and two peers connect with it.


# %%
def mapped_address(value: bytes) -> tuple[str, int]:
    """(address, port)"""
    ...  # your turn


# %%
if attempt("mapped_address", mapped_address):
    with swapped("mapped_address", mapped_address) as used:  # your function instead of the library's
        yours = Session(seed="yours")
        yours.connect()
    print("connected; your function was asked", used.calls, "times, and said")
    print([found.candidate for found in yours.alice.found if found and "srflx" in found.candidate])

# %% [markdown]
# **3. Look around.** No check: let Alice ask a second server through `router`. Which address does that one
# see? And if the router is a `Nat` of the kind `rtcpy.sim.SYMMETRIC`? What is the answer of a STUN server
# worth then?
#
# Model solutions are in `tests/notebooks/solutions.py`. Read on in `docs/layers/stun.md` and
# `rtcpy/stun/__init__.py`; the specification is RFC 8489.
