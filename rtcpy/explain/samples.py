"""Texts that real browsers wrote, for lessons; whole and unchanged.

- `chromium-video-offer.sdp`: Chromium 156, one video transceiver, before gathering.
- `chromium-av-data-offer.sdp`, `firefox-av-data-offer.sdp`: Chromium 156 and Firefox 153 asked for the same: audio, video,
  a data channel.

No specification; the texts are session descriptions of RFC 8866.
"""

from __future__ import annotations

from importlib.resources import files


def sample(name: str) -> str:
    """The text called `name`, with its line ends as they were sent."""
    return files("rtcpy.explain").joinpath("texts", name).read_bytes().decode()
