"""Key logs: the secrets of a connection as text, one a line, as NSS and everyone after it writes them.

    CLIENT_RANDOM <32 bytes of client random> <48 bytes of master secret>

With such a line and the hellos of a recording, its protected records can be opened, here or by Wireshark: whoever has
the file can read the connection. DTLS 1.2 has the one label above; 1.3 has several, which are kept and passed on.

Owns the text. Opening records with it is `handshakes`'.

Specs: none (the format of ``SSLKEYLOGFILE`` as documented by NSS); RFC 5246 §8.1 (the master secret).
"""

from __future__ import annotations

from collections.abc import Iterator

from rtcpy.core.errors import WireError

MASTER_SECRET = "CLIENT_RANDOM"
"""The label of a DTLS 1.2 master secret."""
RANDOM_LENGTH = 32  # bytes; RFC 5246 §7.4.1.2
MASTER_SECRET_LENGTH = 48  # bytes; RFC 5246 §8.1
_FIELDS = 3


class KeyLogError(WireError):
    """Text that is no key log. `offset` is the number of the line, from 1."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.message if self.offset is None else f"line {self.offset}: {self.message}"


class KeyLog:
    """Secrets, by label and client random. `repr` shows none of them.

    Args:
        text: a key log to begin with.
    """

    __slots__ = ("_secrets",)

    def __init__(self, text: str = "") -> None:
        self._secrets: dict[tuple[str, bytes], bytes] = {}
        if text:
            self.read(text)

    @classmethod
    def parse(cls, text: str) -> KeyLog:
        """The secrets in `text`. Raises KeyLogError with the line."""
        return cls(text)

    def read(self, text: str) -> None:
        """Add the secrets in `text`; empty lines and comments (``#``) do not matter.

        Raises:
            KeyLogError: a line that is none of a key log; the message says why. Lines before it were taken.
        """
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            fields = line.split()
            if len(fields) != _FIELDS:
                raise KeyLogError(
                    f"{len(fields)} words, a label and two hexadecimal values expected", offset=number
                )
            label, client_random, secret = fields[0], _bytes(fields[1], number), _bytes(fields[2], number)
            if len(client_random) != RANDOM_LENGTH:
                raise KeyLogError(
                    f"client random of {len(client_random)} bytes, {RANDOM_LENGTH} expected", offset=number
                )
            if label == MASTER_SECRET and len(secret) != MASTER_SECRET_LENGTH:
                raise KeyLogError(
                    f"master secret of {len(secret)} bytes, {MASTER_SECRET_LENGTH} expected", offset=number
                )
            self.add(label, client_random, secret)

    def add(self, label: str, client_random: bytes, secret: bytes) -> None:
        """One secret; a later one under the same label replaces it."""
        self._secrets[label, bytes(client_random)] = bytes(secret)

    def secret(self, label: str, client_random: bytes) -> bytes | None:
        """The secret of this label in the connection with this client random."""
        return self._secrets.get((label, client_random))

    def master_secret(self, client_random: bytes) -> bytes | None:
        """The DTLS 1.2 master secret of the connection with this client random."""
        return self.secret(MASTER_SECRET, client_random)

    def __iter__(self) -> Iterator[tuple[str, bytes, bytes]]:
        """(label, client random, secret), in the order in which they came."""
        for (label, client_random), secret in self._secrets.items():
            yield label, client_random, secret

    def __len__(self) -> int:
        return len(self._secrets)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyLog) and self._secrets == other._secrets

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        labels = ", ".join(dict.fromkeys(label for label, _ in self._secrets))
        return f"<KeyLog of {len(self)} secrets: {labels}>" if self._secrets else "<KeyLog, empty>"

    def serialize(self) -> str:
        """The text, with a line for each secret."""
        return "".join(f"{label} {client.hex()} {secret.hex()}\n" for label, client, secret in self)

    __str__ = serialize


def _bytes(text: str, line: int) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise KeyLogError(f"{text[:20]!r} is not hexadecimal", offset=line) from None
