"""``python -m rtcpy``: the same command as ``rtcpy``."""

from rtcpy.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
