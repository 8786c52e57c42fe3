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
# # 01 · SDP, the letter before the call
#
# After this you can
#
# - read what a browser offers, line by line, and say which lines ICE, DTLS, SCTP and RTP each take from it;
# - tell what stands for the whole session from what stands for one section, and find a value that may be in either;
# - change a description without damaging what you do not understand;
# - say what a parser owes to hostile text.
#
# Two programs want to talk and know nothing of each other. Before the first packet, each writes the other a letter:
# who I am, what I can do, how to recognize me. The letter is text, its form is SDP (RFC 8866), and how it gets
# there is nobody's business but the application's.
#
# ## The smallest letter

# %%
import rtcpy
from rtcpy.lab import difference, sample, show

smallest = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
show(rtcpy.explain(smallest))

# %% [markdown]
# One letter, an equals sign, a value, a line end: that is the whole grammar of a line. No space may stand around the
# sign. The order of the letters is fixed, which is why a parser can be simple and quick. In WebRTC these four
# lines are a formality: `s=-` has no name to tell and `t=0 0` no time. Only one of them works: the third word of
# `o=` grows whenever the letter is written anew.
#
# ## A real one
#
# Chromium 156 was asked for audio, video and a data channel. Its offer has some hundred lines; look at their first
# words only:

# %%
from collections import Counter
from textwrap import fill

text = sample("chromium-av-data-offer.sdp")
lines = text.splitlines()
kinds = Counter(line.partition(":")[0].partition(" ")[0] if line[0] == "a" else line[:2] for line in lines)
print(len(lines), "lines:")
print(
    fill(", ".join(f"{count} x {kind}" for kind, count in kinds.most_common()), 100, break_on_hyphens=False)
)

# %% [markdown]
# An `m=` line begins a section: what stands before the first one is about the session, what follows is about that
# section, up to the next. WebRTC puts nearly all it has to say into attributes, `a=`.

# %%
from rtcpy import sdp

offer = sdp.parse(text)
for media in offer.media:
    print(f"mid {media.mid}: {media.media_line.serialize()}")
print("on one path together:", offer.bundle_groups)
assert [media.mid for media in offer.media] == ["0", "1", "2"]

# %% [markdown]
# Read the last `m=` line aloud. *Application*: no audio, no video. Port 9, the discard port: "I have no address yet"
# (RFC 8839 §4.4), and with ICE there will never be one on this line that matters. `UDP/DTLS/SCTP`: SCTP in DTLS in
# UDP. `webrtc-datachannel`: what is spoken on it.
#
# ## Who takes what from the letter
#
# | layer | its lines | lesson |
# |---|---|---|
# | ICE | `a=ice-ufrag`, `a=ice-pwd`, `a=ice-options`, `a=candidate` | 03 |
# | DTLS | `a=fingerprint`, `a=setup` | 05 |
# | SCTP | `a=sctp-port`, `a=max-message-size` | 09, 10 |
# | RTP | `a=rtpmap`, `a=fmtp`, `a=rtcp-fb`, `a=extmap`, `a=ssrc` … | 07, 08 |
# | the peer itself | `a=mid`, `a=group:BUNDLE`, `a=msid`, the direction | 11 |

# %%
data = offer.media[2]
ufrag, pwd = offer.ice_credentials(data)
print("ICE: ", ufrag, pwd)
print(
    "DTLS:",
    offer.fingerprints(data)[0].algorithm,
    offer.fingerprints(data)[0].value[:29],
    "…",
    offer.setup(data),
)
print("SCTP:", data.get(sdp.SctpPort), data.get(sdp.MaxMessageSize))
assert len(pwd) >= 22  # RFC 8839 §5.4: 128 bits at least

# %% [markdown]
# ## The same in another hand
#
# Firefox was asked for the same. Compare how the two begin:

# %%
other_text = sample("firefox-av-data-offer.sdp")
for one, another in zip(lines[:9], other_text.splitlines()[:9], strict=True):
    print(f"{one[:52]:<54}{another[:60]}")

# %% [markdown]
# Firefox writes its fingerprint once, before the first section: it holds for all of them. Chromium writes it into
# every section. Both may, so nobody should look for it in one place only. `inherited` looks in the section first, then
# above it (RFC 8839 §5.4, RFC 8122 §5):

# %%
other = sdp.parse(other_text)
section = other.media[0]
print("in the section:", section.all(sdp.Fingerprint))
print("inherited:     ", other.inherited(section, sdp.Fingerprint)[0].value[:29], "…")
assert not section.all(sdp.Fingerprint) and other.fingerprints(section)

# %% [markdown]
# Firefox also sorts its attributes by the alphabet, so the parameters of a codec (`a=fmtp`) come *before* the line
# that names it (`a=rtpmap`). RFC 8866 promises no order among attributes. A parser that reads downwards and
# expects the name first loses the parameters; ours collects both by their payload type:

# %%
video = other.media[1]
print([line for line in other_text.splitlines() if line.startswith(("a=fmtp:120", "a=rtpmap:120"))])
print(video.codecs()[0])
assert other_text.index("a=fmtp:120") < other_text.index("a=rtpmap:120")
assert video.codecs()[0].name == "VP8" and video.codecs()[0].fmtp["max-fs"] == "12288"

# %% [markdown]
# ## One line to the last letter
#
# Candidates come later, one by one, but they have the form of an attribute. This is the line with the most to say:

# %%
candidate = "a=candidate:3 1 udp 1677729535 203.0.113.7 40000 typ srflx raddr 192.168.0.2 rport 5000\r\n"
show(rtcpy.explain(smallest + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + candidate))

# %% [markdown]
# ## Change one thing, keep the rest
#
# People change descriptions, although nobody should have to ("munging"). It goes wrong when a library understands
# half of the text and forgets the other half. rtcpy keeps every line as it came, known or not, in its place:

# %%
strange = text.replace("a=sctp-port:5000\r\n", "a=sctp-port:5000\r\na=brand-new:of 2031\r\n")
again = sdp.parse(strange)
assert sdp.serialize(again) == strange  # to the byte

again.media[2].set(sdp.MaxMessageSize(65_536))
show(difference(strange, sdp.serialize(again), common=False))

# %% [markdown]
# ## What a parser owes to hostile text
#
# This text may come from anybody. The parser either returns a description or raises `SdpError`, nothing else; it says
# which line, which section, what it found; and it takes time in proportion to the length. **Predict** for each of
# these: description or error?

# %%
letters = {
    "a port that is no number": text.replace("m=application 9 ", "m=application nine "),
    "no o= line": text.replace(lines[1] + "\r\n", ""),
    "line ends without CR": text.replace("\r\n", "\n"),
    "a line that is no line": text.replace("s=-", "s"),
    "an attribute nobody knows": text.replace("a=mid:2", "a=mid:2\r\na=x"),
    "a fingerprint that is too short": text.replace("a=setup:actpass", "a=fingerprint:sha-256 12:34", 1),
}
for what, letter in letters.items():
    try:
        description = sdp.parse(letter)
        description.validate()
        print(f"{what}: fine")
    except sdp.SdpError as error:
        print(f"{what}: {error}")

# %% [markdown]
# Line ends without CR are accepted, since "parsers SHOULD be tolerant" (RFC 8866 §5). An unknown attribute is ignored,
# because otherwise nothing new could ever be invented (RFC 8866 §5.13). What is wrong inside one attribute is found when
# somebody asks for it, or when all is asked for, by `description.validate()`: parsing only splits the text into
# lines.
#
# ## Exercises
#
# **1. Codecs in any order.** Given the lines of one section, return the name of each payload type that has parameters
# (`a=fmtp`), with these parameters: for 120 above that is "VP8" and "max-fs=12288;max-fr=60". The name is what stands
# before the slash in `a=rtpmap`. Attributes come in any order.


# %%
def parameters(section: list[str]) -> dict[int, tuple[str, str]]:
    """For each payload type that has an a=fmtp line: (codec name, parameters)."""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt, check_parameters, check_ufrag

attempt(check_parameters, parameters)

# %% [markdown]
# **2. Section or session.** Return the ICE user fragment that holds for the section with a given mid: the one in the
# section if there is one, else the one above all sections, else `None`. You need nothing but the text.


# %%
def ufrag_of(text: str, mid: str) -> str | None:
    """The value of a=ice-ufrag that holds for the section with this mid."""
    ...  # your turn


# %%
attempt(check_ufrag, ufrag_of)

# %% [markdown]
# **3. Change something.** Take `offer`, remove every line of its video section that names a codec but VP8, and parse
# what comes out. What else has to change, so that the section does not contradict itself? (`validate` tells.)
#
# Model solutions are in `tests/notebooks/solutions.py`. Read on in `docs/layers/sdp.md` and `rtcpy/sdp/grammar.py`, where
# each regular expression stands beside the ABNF that it came from.
