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
# # 14 · Your browser
#
# After this you can
#
# - put a browser on the other side of a `PeerConnection`, with sixty lines of JavaScript;
# - read what a real browser offers, line by line, and say which of it is news to you;
# - find in the packets what the browser does differently from rtcpy, and why it works all the same.
#
# This is the one lesson with real sockets and a real clock. Nothing leaves the machine. Where it can (root on
# Linux), it makes a network of its own, with a headless Chromium and this Python in it. Elsewhere, click the link
# and be the other side yourself.
#
# ## The page

# %%
from rtcpy.lab import BrowserLab, show

lab = BrowserLab().start()
show(lab)

# %% [markdown]
# One port serves two things: a page, and a WebSocket beside it over which descriptions and candidates travel as
# JSON. That is all signalling is. The page's part of it, the whole of it:

# %%
from rtcpy.lab.browser import PAGE

script = PAGE.read_text(encoding="utf-8").partition("<script>\n")[2].partition("  // What follows")[0]
print(script)

# %% [markdown]
# ## Somebody calls

# %%
if lab.private:
    lab.open_chromium()
call = lab.wait_for_call(60)
print(call.receive())
call.send("Hello from Python")

# %% [markdown]
# You have just seen five protocols by two implementations that have never heard of each other agree. Now slowly.
#
# ## What the browser offered

# %%
from rtcpy.signaling import DescriptionMessage

offer = next(
    m.description for who, m in call.signalling if who == "page" and isinstance(m, DescriptionMessage)
)
print(offer.sdp)
assert "m=application 9 UDP/DTLS/SCTP webrtc-datachannel" in offer.sdp

# %% [markdown]
# The same lines as ours in lesson 11, in another order and with a few more. What did each side signal? A
# description, then candidates as they were found:

# %%
for who, message in call.signalling:
    if isinstance(message, DescriptionMessage):
        print(f"{who:<6} {message.description.type}")
    elif message.candidate is not None and message.candidate.candidate:
        print(
            f"{who:<6}   candidate {message.candidate.candidate.partition('udp ')[2] or message.candidate.candidate}"
        )

# %% [markdown]
# If the browser's candidate ends in `.local`, it is hiding its address from the page: the name means something
# only to those who can ask for it on the local network (mDNS). We did not ask. Why is there a connection? Because
# the browser knew *our* address and sent the first check; where that check came from, ICE believes (a
# *peer-reflexive* candidate, RFC 8445 §7.3.1.3).

# %%
stats = call.do(call.pc.get_stats())
for kind in ("local-candidate", "remote-candidate"):
    for report in stats.of_type(kind):
        print(kind, report["candidateType"], report["address"], report["port"])

# %% [markdown]
# ## On the wire

# %%
show(call.trace.ladder().render())

# %% [markdown]
# ## What the page saw

# %%
for name, value in call.browser_log:
    print(f"{name:<20} {value}")
assert ("connectionState", "connected") in call.browser_log

# %% [markdown]
# ## Goodbye
#
# Closing our end says so to the browser: an SCTP ABORT and a DTLS alert, then silence.

# %%
call.do(call.pc.close())
lab.close()
print(call.pc.connection_state)
assert call.pc.connection_state == "closed"

# %% [markdown]
# ## Exercises
#
# **1. Who hides?** Return whether a candidate hides its address behind a name of mDNS. The address is the fifth
# word of the line, the name ends in `.local`, and neither case nor a final dot matter.


# %%
def hides_its_address(candidate: str) -> bool:
    """`candidate:…` as it is signalled; True for a name that ends in .local."""
    ...  # your turn


# %%
from rtcpy.lab.exercises import attempt, check_hides_its_address

attempt(check_hides_its_address, hides_its_address)

# %% [markdown]
# **2. Look closer.** `call.trace` still has everything; its `save` writes it to a file, which the command
# line can explain, too. Which cipher suite did the browser choose, and was it our first?
#
# **3. Change something.** Start a second `BrowserLab`, call it, and close Chromium without a word
# (its method `close_chromium`). How long until `call.pc.connection_state` changes, to what, and which timer of RFC
# 7675 said so?
#
# Model solutions are in `tests/notebooks/solutions.py`. The page is `rtcpy/lab/pages/call.html`: change it, and
# reload.
