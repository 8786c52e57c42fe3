"""rtcpy: WebRTC from scratch."""
