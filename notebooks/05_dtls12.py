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
# # 05 · DTLS 1.2, byte by byte
#
# After this you can
#
# - name every byte of a handshake, and say what each of its four flights is for;
# - compute by hand all that is secret: the key exchange, the master secret, the keys, both Finished; and open a
#   record with nothing but AES;
# - say what ties these keys to the offer and the answer, and which changes on the way are noticed, by whom;
# - predict what happens when a flight is lost, cut into pieces, or sent twice.
#
# It helps to have done [00](00_bytes_and_declarations.py) and [01](01_sdp.py).
#
# ICE has found a path, and anybody on it can read, change and invent packets. DTLS settles two questions: are you
# the one whose fingerprint I was told? And which keys do only the two of us know? Here are two ends on a cable that
# takes 20 ms each way. Both draw their keys from a seed, so your run shows the bytes that this text quotes.

# %%
from rtcpy.lab import show
from rtcpy.lab.handshake import Handshake

bench = Handshake("lesson 05").run()
show(bench.ladder())
assert round(bench.now * 1000) == 80

# %% [markdown]
# Four datagrams, two round trips. What travels together and is repeated together is called a *flight*
# (RFC 6347 §4.2.4). In each datagram are *records*, and in most records is one *handshake message*:

# %%
show(bench.flights())
assert [row[3].text for row in bench.flights().rows] == ["1", "4", "5", "6"]

# %% [markdown]
# Where are flights 2 and 3? They are for servers on an open port. Such a server does not want to sign anything for an
# address that was forged, so it first asks for a *cookie* to be repeated. ICE has just shown that the address is real,
# and WebRTC leaves it out. With it, the whole takes a round trip more:

# %%
show(Handshake("lesson 05", cookie=True).run().flights())

# %% [markdown]
# ## Flight 1: ClientHello
#
# To the last byte. In Jupyter, rest the mouse on a byte, or look for it in the table.

# %%
from rtcpy.explain import Dissector

reader = Dissector(keys=bench.trace.key_log())  # keys will matter in flight 5
flights = [packet.data for packet in bench.trace.datagrams(who="client")]
show(reader.explain(flights[0], source="client"))

# %% [markdown]
# Three headers, one in the other:
#
# 1. **The record**, 13 bytes: type `16` (handshake), version `fe ff`, epoch 0, number 0, length. Versions are written as
#    one's complements, so newer ones are *smaller*: 1.0 is `fe ff`, 1.2 is `fe fd`. The first flight says 1.0, lest an old
#    server drop it unread. Epoch 0 means: no keys yet.
# 2. **The message**, 12 bytes: type `01`, length, and three fields that TLS does not have: a number, and which piece of
#    the message this is. TCP keeps things in order; UDP does not.
# 3. **The hello** itself: `fe fd`, I can do 1.2. Then 32 random bytes; no session to resume; no cookie; six cipher suites,
#    best first; and what came later than the format, as extensions. `00 17` is empty and may be the most important:
#    *extended master secret*. We will see why.
#
# ## Flight 4: who I am, and my half of the key

# %%
show(reader.explain(flights[1], source="server", destination="client"))

# %% [markdown]
# Five messages. **ServerHello** takes one from each list: suite `c0 2b`, that is ECDHE for the keys, ECDSA for the
# signature, AES-128-GCM for the records, SHA-256 for everything else.
#
# **Certificate** is a public key in an envelope. No authority has signed it: its owner has. Why believe it, then? Because
# its hash came by another way, in the offer or the answer. Compute that hash: the message has two lengths of three
# bytes, the rest is the certificate.

# %%
from hashlib import sha256

certificate = bench.said("Certificate", "server").body
der = certificate[6:]
assert int.from_bytes(certificate[3:6], "big") == len(der)

fingerprint = sha256(der).digest().hex(":").upper()
print("sha-256", fingerprint)
assert f"sha-256 {fingerprint}" == str(bench.certificates["server"].fingerprint())

# %% [markdown]
# The same in a whole connection, where the line is in the SDP: take the certificates off the wire, hash them, and look
# for the lines in the descriptions.

# %%
from rtcpy.lab import Session
from rtcpy.lab.handshake import messages

call = Session(seed="lesson 05")
call.connect()
for one in messages(call.trace):
    if one.name == "Certificate":
        line = f"a=fingerprint:sha-256 {sha256(one.body[6:]).digest().hex(':').upper()}"
        print(f"{one.who:<6}{line[:56]}…")
        assert line in call.end(one.who).peer.local_description.sdp

# %% [markdown]
# That is the only thread between the two worlds. Who can change the SDP on its way can change this line, and be the
# man in the middle. Whoever sees only packets cannot.
#
# A certificate alone proves nothing: everybody can copy it. **ServerKeyExchange** proves that its sender has the key
# that belongs to it. It has the server's half of the key exchange, signed together with *both* random numbers, so that
# a signature of yesterday is worth nothing today.

# %%
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

client_random = bench.said("ClientHello").body[2:34]
server_random = bench.said("ServerHello").body[2:34]

exchange = bench.said("ServerKeyExchange").body
params, scheme, signature = exchange[:36], exchange[36:38], exchange[40:]
print("signed:", params.hex(" "))
print("scheme:", scheme.hex(" "), "ecdsa_secp256r1_sha256")

key = x509.load_der_x509_certificate(der).public_key()
key.verify(signature, client_random + server_random + params, ec.ECDSA(hashes.SHA256()))
print("The signature fits")  # else: InvalidSignature

# %% [markdown]
# `03 00 1d` reads: a named curve, X25519. `20` is a length, the other 32 bytes are the public key. **CertificateRequest**
# asks the client for the same, and **ServerHelloDone** says: your turn.
#
# ## Flight 5: the client's half, and the first protected record

# %%
show(reader.explain(flights[2], source="client", destination="server"))

# %% [markdown]
# The client shows its own certificate, sends its half of the key exchange, and signs *everything that was said so far*
# (**CertificateVerify**). Then comes **ChangeCipherSpec**, one byte: from my next record on, new keys. And that next record
# says epoch `00 01`, and is not readable for anybody on the path. We can read it, because our explainer was given the
# keys. Where do they come from?
#
# ## The keys, by hand
#
# Both ends drew from a seed, so we can draw the same again: first a random number, then a private key.

# %%
from rtcpy.core.env import SeededEntropy

client, server = SeededEntropy("lesson 05/client"), SeededEntropy("lesson 05/server")
assert client.token(32) == client_random and server.token(32) == server_random
client_private, server_private = client.token(32), server.token(32)
print("client's private key:", client_private.hex())
print("server's private key:", server_private.hex())

# %% [markdown]
# X25519 multiplies a point of a curve with a number. All of it fits into a cell (RFC 7748 §5). Multiplying is easy;
# nobody knows how to get the number back. (The real one does not branch on secret bits, since time could tell them.)

# %%
P = 2**255 - 19


def x25519(private: bytes, public: bytes) -> bytes:
    """The point `public`, `private` times: RFC 7748 §5."""
    k = int.from_bytes(private, "little") & ~7 & (1 << 255) - 1 | 1 << 254
    u = int.from_bytes(public, "little") & (1 << 255) - 1
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in range(254, -1, -1):
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        x3, z3 = (d * a + c * b) ** 2 % P, u * (d * a - c * b) ** 2 % P
        e = a * a - b * b
        x2, z2 = a * a * b * b % P, e * (a * a + 121665 * e) % P
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


# %%
base = bytes([9]) + bytes(31)
client_public, server_public = bench.said("ClientKeyExchange").body[1:], params[4:]
assert x25519(client_private, base) == client_public and x25519(server_private, base) == server_public

pre_master_secret = x25519(client_private, server_public)
assert pre_master_secret == x25519(server_private, client_public)
print("pre-master secret:", pre_master_secret.hex())

# %% [markdown]
# Each takes its own private key and the other's public key, and both get the same 32 bytes. Whoever has seen both
# public keys and neither private one gets nothing.
#
# Now the **extended master secret** (RFC 7627). It is a hash of the pre-master secret and of *the whole conversation* up
# to here. So two conversations never share it, even if somebody in the middle arranges that they have the same
# pre-master secret. The hash takes messages as if each had been sent in one piece:

# %%
import hmac

session_hash = sha256(bench.transcript(until="ClientKeyExchange")).digest()
seed = b"extended master secret" + session_hash
a1 = hmac.digest(pre_master_secret, seed, "sha256")
a2 = hmac.digest(pre_master_secret, a1, "sha256")
master_secret = hmac.digest(pre_master_secret, a1 + seed, "sha256")
master_secret += hmac.digest(pre_master_secret, a2 + seed, "sha256")
master_secret = master_secret[:48]
print("master secret:", master_secret.hex())
assert master_secret == bench.master_secret()

# %% [markdown]
# That chain of HMACs, as long as one wants, is the *PRF* of TLS 1.2 (RFC 5246 §5). You will write it in exercise 1; until
# then, we borrow the library's. From the master secret come the keys of both directions, each with four bytes of its own
# for the nonce:

# %%
from rtcpy.dtls import keys12

block = keys12.prf("sha256", master_secret, b"key expansion", server_random + client_random, 40)
client_key, server_key, client_iv, server_iv = block[:16], block[16:32], block[32:36], block[36:]
print("client → server:", client_key.hex(" "), " IV", client_iv.hex(" "))
print("server → client:", server_key.hex(" "), " IV", server_iv.hex(" "))

# %% [markdown]
# All of it in one picture, as the library finds it in the recording. It should show the values that you have just
# computed:

# %%
tree = bench.trace.key_tree("client")
show(tree)
assert tree.find("pre_master_secret").value == pre_master_secret
assert tree.find("session_hash").value == session_hash
assert tree.find("client_write_key").value == client_key and tree.find("server_write_IV").value == server_iv

# %% [markdown]
# ## Flight 6, and what Finished is for

# %%
show(reader.explain(flights[3], source="server", destination="client"))

# %% [markdown]
# Up to here everything was in the clear, and somebody may have changed it: struck the good suites from the
# ClientHello, say. So each side sends, under the new keys, a hash of all that it has heard and said. If the two have
# heard different things, the hashes differ, and that is the end. The server's covers the client's Finished, too.

# %%
for side, heard in (("client", "CertificateVerify"), ("server", "Finished")):
    transcript = bench.transcript(until=heard)
    label = f"{side} finished".encode()
    verify_data = keys12.prf("sha256", master_secret, label, sha256(transcript).digest(), 12)
    print(f"{side}: {len(transcript)} bytes of messages -> {verify_data.hex(' ')}")
    assert verify_data == bench.said("Finished", side).body

# %% [markdown]
# ## A record, opened by hand
#
# The keys are for this. Let the client say something. This is all that anybody on the path sees of it:

# %%
from rtcpy import explain

record = bench.send("client", b"hello, server")
show(explain(record))

# %%
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

header, explicit_nonce, sealed = record[:13], record[13:21], record[21:]
nonce = client_iv + explicit_nonce
length = len(sealed) - 16  # of the plaintext: the rest is the tag
aad = header[3:11] + header[0:1] + header[1:3] + length.to_bytes(2, "big")
print("nonce:", nonce.hex(" "))
print("AAD:  ", aad.hex(" "))
plaintext = AESGCM(client_key).decrypt(nonce, sealed, aad)
print(plaintext)
assert plaintext == b"hello, server"

# %% [markdown]
# The *nonce* is 4 secret bytes and 8 that are sent along. They are epoch and record number again, which only rise, so no
# nonce is ever used twice. That matters: with AES-GCM, two records under one nonce give the key of the tag away.
#
# The *additional data* is not encrypted but is covered by the tag: epoch and number, type, version, length. Change one
# bit of the header, and the tag does not fit. **Predict, then run:** each bit of the record is flipped once, and all that
# comes of it is handed to the server. What will it accept?

# %%
for bit in range(len(record) * 8):
    changed = bytearray(record)
    changed[bit // 8] ^= 0x80 >> bit % 8
    bench.server.receive(bytes(changed), now=bench.now)

for reason, count in bench.server.dropped.most_common():
    print(f"{count:4} {reason}")
print("accepted:", bench.server.take_events())
assert bench.server.dropped.total() >= len(record) * 8

# %% [markdown]
# None is accepted, and none is answered: whoever throws in packets learns nothing. And none has done harm. The genuine
# record comes last, and is taken:

# %%
bench.server.receive(record, now=bench.now)
[heard] = bench.server.take_events()
print(heard)
assert heard.data == b"hello, server"

# %% [markdown]
# ## Where are we? The state machine
#
# Each side is a table: in this state, that message, then this state. Whatever is not in the table is refused. Let a client
# say hello, and stop the clock when flight 4 has arrived. One datagram took it through six states:

# %%
walk = Handshake("lesson 05")
walk.start()
print("hello said:      ", walk.chart("client").current)
walk.step()  # flight 1 arrives at the server
walk.step()  # flight 4 arrives at the client
print("flight 4 is here:", walk.chart("client").current)
show(walk.chart("client"))
assert walk.chart("client").current == "wait ChangeCipherSpec"

# %% [markdown]
# ## Loss
#
# UDP promises nothing. **Predict:** flight 4 is lost, the second datagram. Who notices, and when? What is sent again?

# %%
lossy = Handshake("lesson 05", lose=[2]).run()
show(lossy.ladder())
assert round(lossy.now * 1000) == 330

# %% [markdown]
# Both wait, and both keep a timer; the client's began first. After 250 ms without an answer it repeats its flight. The
# server, who waits for flight 5, sees an old flight instead, and knows what that means: mine got lost. It repeats its own at
# once. (RFC 6347 would wait a second. Real-time traffic may be less patient, RFC 9147 §5.8.2, and ICE has shown that the
# path works.)
#
# Flight 6 is the last one. Nobody answers it, so nobody waits. **Predict:** what if *that* is lost?

# %%
last = Handshake("lesson 05", lose=[4]).run()
show(last.flights())
assert [row[3].text for row in last.flights().rows] == ["1", "4", "5", "6", "5", "6"]

# %% [markdown]
# The client has not heard a Finished, and repeats flight 5, which for the server means: say yours again. That is why the
# server keeps its last flight after it is done.
#
# A repeated message has the number that it had before, and the hashes count it once. So the keys are the same as
# without any loss:

# %%
from rtcpy.explain.trace import TimerEntry

for loss in ([1], [2], [1, 2, 3], [3, 4]):
    one = Handshake("lesson 05", lose=loss).run()
    timers = [f"{timer.who} at {timer.at * 1e3:.0f} ms" for timer in one.trace.of(TimerEntry)]
    print(f"lost {loss}: connected after {one.now * 1e3:.0f} ms; timers: {', '.join(timers)}")
    assert one.master_secret() == master_secret

# %% [markdown]
# ## A small path
#
# Now the path carries 300 bytes. IP could cut a datagram into pieces, but firewalls drop such pieces, so DTLS cuts the
# messages itself. Find the pieces of each certificate:

# %%
small = Handshake("lesson 05", mtu=300).run()
show(small.flights())
assert max(len(packet.data) for packet in small.trace.datagrams()) <= 300

# %% [markdown]
# Each piece repeats the message's header and says which bytes it has. The hash takes the message as if it had been in one
# piece, so once more:

# %%
assert small.master_secret() == master_secret
print("the same master secret:", small.master_secret().hex()[:32], "…")

# %% [markdown]
# ## Break it
#
# Four accidents, in a whole connection with ICE below and SCTP above. Read the question, put your letter in the place of
# `"a"`, run, and compare.

# %%
from rtcpy.lab.breaks import CHANGED_FINISHED, FLIPPED_FINGERPRINT, LOST_FLIGHT, REPLAYED_RECORD

show(FLIPPED_FINGERPRINT)

# %%
show(FLIPPED_FINGERPRINT.run().compare("a"))

# %%
show(CHANGED_FINISHED)

# %%
show(CHANGED_FINISHED.run().compare("a"))

# %%
show(REPLAYED_RECORD)

# %%
show(REPLAYED_RECORD.run().compare("a"))

# %%
show(LOST_FLIGHT)

# %%
show(LOST_FLIGHT.run().compare("a"))

# %% [markdown]
# ## Keys for Wireshark
#
# All keys hang on the master secret, so a single line opens the recording. Its form is that of a *key log*: a label, the
# client's random number to say which connection, the secret.

# %%
import tempfile
from pathlib import Path

from rtcpy.explain import KeyLog

print(bench.trace.key_log())
folder = Path(tempfile.mkdtemp())
(folder / "keys.txt").write_text(bench.trace.key_log())
packets = bench.trace.to_pcapng(folder / "handshake.pcapng", who="client")
print(packets, "packets,", (folder / "handshake.pcapng").stat().st_size, "bytes")

assert KeyLog((folder / "keys.txt").read_text()).master_secret(client_random) == master_secret

# %% [markdown]
# Wireshark takes such a file in its preferences, under Protocols, TLS, "(Pre)-Master-Secret log filename". The pcapng file
# needs not even that: it has the line within itself, and Wireshark shows `hello, server` at once. Treat both as you would
# treat what was said.
#
# ## Exercises
#
# The cells run as they are, and say what is missing. As soon as an answer is right, it goes into the live stack, and two
# whole peers connect with it. Your window will have to face Mallory.
#
# **1. The PRF.** A(0) is label + seed, A(i) is HMAC-SHA256(secret, A(i−1)). The output is HMAC-SHA256(secret, A(1) + label +
# seed), then the same with A(2), and so on, cut to `length` bytes. You have seen it for 48 bytes.


# %%
def prf(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """`length` pseudorandom bytes: P_SHA256(secret, label + seed)."""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt
from rtcpy.testing.blanks import swapped

if attempt("prf", prf):
    with swapped("prf", prf) as used:
        yours = Session(seed="lesson 05")
        yours.connect()
    assert yours.trace.key_log() == call.trace.key_log()
    print("connected, with the same keys; your function was asked", used.calls, "times")

# %% [markdown]
# **2. The replay window.** `is_new` says whether a record with this number may be taken: it was not marked, and is not more
# than 63 behind the highest that was. It changes nothing, since the record may still turn out to be forged. `mark` is
# called when it was not. Keep 64 bits, not a growing set.


# %%
class ReplayWindow:
    """Which of the last 64 sequence numbers came already."""

    def is_new(self, number: int) -> bool:
        """Whether a record with this number may be taken. Changes nothing."""
        ...  # your turn

    def mark(self, number: int) -> None:
        """The record was genuine: its number is used up."""
        ...  # your turn


# %%
if attempt("ReplayWindow", ReplayWindow):
    with swapped("ReplayWindow", ReplayWindow) as used:
        outcome = REPLAYED_RECORD.run()
    show(outcome)
    print("your window was asked", used.calls, "times")

# %% [markdown]
# **3. Change something.** No check: how small may `mtu` be, and how many datagrams does the handshake need then? What if
# every second datagram of these is lost? (`lose` takes any collection of numbers.)
#
# Model solutions are in `tests/testing/blank_solutions.py`. Read on in `docs/layers/dtls.md` and `rtcpy/dtls/flights12.py`.
