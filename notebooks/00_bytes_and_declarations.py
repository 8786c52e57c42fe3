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
# # 00 · Bytes and declarations
#
# After this you can
#
# - take a packet and its diagram from an RFC, and say what every bit of it means;
# - write such a diagram down once, as a *declaration*, and get a parser, a writer, an explanation and test
#   data from it;
# - find the place where a broken packet breaks.
#
# No network is needed. Run the cells from top to bottom; change them, and run again.

# %%
from rtcpy.explain import explain, picture
from rtcpy.lab import show
from rtcpy.sctp.chunks import DataChunk

hello = bytes.fromhex("00 03 00 15  1a 2b 3c 4d  00 01  00 00  00 00 00 33  68 65 6c 6c 6f  00 00 00")
show(picture(DataChunk, hello, "a browser says hello"))

# %% [markdown]
# That is the packet that travels when a page calls `channel.send("hello")`, once it has been decrypted and
# its common header has been taken off: a *DATA chunk* of SCTP. Every colour is one field. In Jupyter, rest
# the mouse on a byte to read what it is.
#
# Most of it can be read with four rules:
#
# 1. **The high byte comes first.** `00 01` is 1, and `1a 2b 3c 4d` is one number, 439041101. RFCs call that
#    *network byte order*, programmers *big-endian*.
# 2. **A field need not be a byte.** The second byte, `03`, holds four flags and four bits that nobody uses
#    yet.
# 3. **Lengths count something.** Here `00 15` is 21: the 16 bytes of the header and the 5 of the text. It
#    does not count the three zero bytes at the end.
# 4. **Padding** brings the next thing to a multiple of four. `00 00 00` says nothing.

# %%
assert int.from_bytes(bytes.fromhex("1a 2b 3c 4d"), "big") == 0x1A2B3C4D
print("big-endian:   ", int.from_bytes(bytes.fromhex("1a 2b 3c 4d"), "big"))
print("little-endian:", int.from_bytes(bytes.fromhex("1a 2b 3c 4d"), "little"), "(yours, probably)")

flags = hello[1]
print(f"flags:         {flags:08b}")
print("ending:       ", bool(flags & 0b0001))
print("beginning:    ", bool(flags & 0b0010))
print("unordered:    ", bool(flags & 0b0100))
assert int.from_bytes(hello[2:4], "big") == 16 + len(b"hello")

# %% [markdown]
# ## The diagram is the program
#
# RFC 9260 §3.3.1 draws the chunk like this. (Not quite: *this* picture was drawn by the library.)

# %%
show(explain(DataChunk))

# %% [markdown]
# The picture can be drawn because rtcpy does not contain a parser for this chunk and a writer, each with the
# offsets in it once more. It contains the diagram. You find it in `rtcpy/sctp/chunks.py`, and it is this:
#
# ```python
# @wire("RFC 9260 §3.3.1", error=SctpDecodeError)
# class DataChunk(Wire):
#     type = const(8, ChunkType.DATA, "DATA")
#     _reserved = reserved(4)
#     immediate: bool = flag("I: the receiver should send the SACK at once", default=False)
#     unordered: bool = flag("U: deliver without stream order", default=False)
#     beginning: bool = flag("B: first fragment", default=True)
#     ending: bool = flag("E: last fragment", default=True)
#     length = length_of("user_data", 16, plus=16, doc="bytes of this chunk, without padding")
#     tsn: int = bits(32, "transmission sequence number")
#     ...
# ```
#
# A line with a type (`tsn: int`) is something you set and read. A line without one (`length`) exists only on
# the wire: it is computed, so that it cannot be wrong.

# %%
chunk = DataChunk.parse(hello)
print(chunk.tsn, chunk.ppid.name, chunk.user_data)

chunk.user_data = b"hello, world"
print(chunk.serialize().hex(" "))
assert chunk.serialize()[2:4].hex() == "001c"  # the length followed by itself: 28
assert len(chunk.serialize()) == 28  # 16 and 12: no padding needed

# %% [markdown]
# ## Declare one yourself
#
# Every packet of audio or video begins with the RTP header (RFC 3550 §5.1). Twelve bytes, then a list of
# sources that were mixed together, whose length stands in *four bits* near the beginning.

# %%
from rtcpy.wire import Wire, array, bits, const, count_of, flag, wire


@wire("RFC 3550 §5.1")
class RtpHeader(Wire):
    """The beginning of every packet of media."""

    version = const(2, 2, "always 2")
    padding: bool = flag("padding bytes follow the payload", default=False)
    extension: bool = flag("a header extension follows", default=False)
    csrc_count = count_of("csrc", 4, "how many sources were mixed in")
    marker: bool = flag("video: the last packet of a picture", default=False)
    payload_type: int = bits(7, "which codec; the SDP says what the number means")
    sequence_number: int = bits(16, "one more for every packet")
    timestamp: int = bits(32, "when it was recorded, in ticks of the codec's clock")
    ssrc: int = bits(32, "which stream")
    csrc: list[int] = array(32, "the sources that were mixed in", count="csrc_count", default_factory=list)


show(explain(RtpHeader))

# %% [markdown]
# Three things came with it. It **reads and writes**:

# %%
header = RtpHeader(payload_type=111, sequence_number=7, timestamp=960, ssrc=0xCAFE, csrc=[1, 2])
data = header.serialize()
assert RtpHeader.parse(data) == header
assert data[0] == 0b10_0_0_0010  # version 2, no padding, no extension, two sources
show(picture(RtpHeader, data))

# %% [markdown]
# It **knows what is wrong**, and where. The first byte of this one begins with the bits `01`:

# %%
from rtcpy.core.errors import WireError


def why(broken: bytes) -> str:
    """What the parser says about `broken`."""
    try:
        RtpHeader.parse(broken)
    except WireError as error:
        return str(error)
    return "it is fine"


print(why(b"\x40" + data[1:]))

# %% [markdown]
# **Predict, then run:** the header above has two mixed sources, twenty bytes in all. What does the parser say
# if the last byte is missing? If the last *four* are? If there is one byte too many? If the count says 3? If
# it says 1?

# %%
print("19 bytes:  ", why(data[:-1]))
print("16 bytes:  ", why(data[:-4]))
print("21 bytes:  ", why(data + b"\0"))
print("count of 3:", why(b"\x83" + data[1:]))
print("count of 1:", why(b"\x81" + data[1:]))
assert "it is fine" not in {
    why(data[:-1]),
    why(data[:-4]),
    why(data + b"\0"),
    why(b"\x83" + data[1:]),
    why(b"\x81" + data[1:]),
}

# %% [markdown]
# And it **can make test data**. [Hypothesis](https://hypothesis.works) draws headers from the same
# declaration, and `check_wire` puts them through eight laws: what is written is read back equal; the
# explanation covers each bit exactly once; cut anywhere, it is refused; random bytes raise `WireError` and
# nothing else.

# %%
from rtcpy.testing import check_wire

check_wire(RtpHeader, examples=50)
print("50 headers and 50 inputs that are nearly headers: all laws hold")

# %% [markdown]
# Every format in rtcpy is put through these laws in the test suite. Where a format is on a fast path (the
# DATA chunk is), there is a hand-written parser beside the declaration, and the laws say that the two agree,
# down to the error messages.
#
# ## Where you meet it
#
# `picture` was told what it sees. `explain` finds out. Give it a datagram of a live call, and it goes from the
# outside inwards: a record of DTLS; encrypted in it, a packet of SCTP; in that, a chunk.

# %%
from rtcpy.lab import Session

call = Session(seed="hello")
call.connect()
call.alice.send("chat", "hello")
datagram = call.pending[call.pending.find("hello")].explain()
show(datagram)
[(_, packet)] = datagram.insides()
assert DataChunk.parse(packet.data[12:]).user_data == chunk.user_data[:5] == b"hello"

# %% [markdown]
# The lower half is the chunk that this lesson began with, behind its common header. Its numbers differ; its
# form does not. Nothing here was drawn by hand, or written down a second time: it all comes from declarations
# like yours.
#
# ## Exercises
#
# The cells below run as they are, and say what is missing. Replace the body, run again.
#
# **1. Padding.** Return `data` with as many zero bytes after it as are needed for a multiple of four. Mind
# the case in which none are.


# %%
def padded(data: bytes) -> bytes:
    """`data` and its padding."""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt, check_channel_data, check_data_header, check_padded

attempt(check_padded, padded)

# %% [markdown]
# **2. By hand.** Read a DATA chunk without the library: return its TSN (bytes 4 to 7), whether the B flag is
# set, and whether the E flag is.


# %%
def data_header(chunk: bytes) -> tuple[int, bool, bool]:
    """(TSN, beginning, ending)"""
    ...  # your turn


# %%
attempt(check_data_header, data_header)

# %% [markdown]
# **3. A declaration.** A TURN relay saves bytes with *ChannelData* messages (RFC 8656 §12.4): 16 bits of
# channel number, 16 bits that count the bytes of the data, then the data; call that field `data`. Complete the
# declaration. You need two functions of `rtcpy.wire`: `length_of` and `opaque`.

# %%
from rtcpy.wire import length_of, opaque  # noqa: F401


@wire("RFC 8656 §12.4")
class ChannelData(Wire):
    """Data to or from a peer behind the relay."""

    channel: int = bits(16, "0x4000 to 0x4FFF")
    # your turn: two lines


# %%
attempt(check_channel_data, ChannelData)

# %% [markdown]
# Model solutions are in `tests/notebooks/solutions.py`. Read on in `rtcpy/wire/__init__.py`; every layer
# stands on it. The next lesson is [01 · SDP](01_sdp.py); if you came for offer and answer, go to
# [11](11_offer_answer.py).
