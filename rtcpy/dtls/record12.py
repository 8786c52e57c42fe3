"""Records of DTLS 1.2: header, AEAD protection, replay window.

    content_type(8) version(16) epoch(16) sequence_number(48) length(16) fragment

Epoch and sequence number together are the nonce's changing part, for AES-GCM sent in clear as the "explicit
nonce" (RFC 5288 §3 lets the sender choose it; DTLS suggests just this number, RFC 5246 §6.2.3.3 wants it
never to repeat). Because it only ever rises and refuses to wrap, no nonce is used twice.

The window of numbers seen moves only after a record's tag has verified: otherwise a forged record with a
high number would make us deaf (CVE-2016-2181).

`Record` is the declaration; `parse_header` and the protection classes are its hand-written fast lane.

Specs: RFC 6347 §4.1, §4.1.2.6; RFC 5246 §6.2.3.3; RFC 5288 §3; RFC 7905 §2; RFC 9325 §4.4.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from rtcpy.core.errors import OperationError
from rtcpy.dtls.alerts import DtlsDecodeError
from rtcpy.dtls.events import DTLS_1_2, CipherSuite
from rtcpy.dtls.keys12 import SUITES
from rtcpy.wire import Wire, bits, const, length_of, opaque, wire


class ContentType(IntEnum):
    """TLS ContentType (IANA); 20…63 is also what demultiplexing gives to DTLS (RFC 7983 §7)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


RECORD_HEADER_LENGTH = 13  # bytes; RFC 6347 §4.1
MAX_PLAINTEXT = 1 << 14  # bytes of one record; RFC 6347 §4.1, RFC 5246 §6.2.1
MAX_CIPHERTEXT = MAX_PLAINTEXT + 2048  # bytes; RFC 5246 §6.2.3
SEQUENCE_LIMIT = 1 << 48  # RFC 6347 §4.1: sequence numbers must not wrap
REPLAY_WINDOW = 64  # records; preferred and default by RFC 6347 §4.1.2.6
_WINDOW_MASK = (1 << REPLAY_WINDOW) - 1
TAG_LENGTH = 16  # bytes; AES-GCM (RFC 5116 §5.1) and ChaCha20-Poly1305 (RFC 8439 §2.8) alike
EXPLICIT_NONCE_LENGTH = 8  # bytes; RFC 5288 §3
_GCM_OVERHEAD = EXPLICIT_NONCE_LENGTH + TAG_LENGTH

_RECORD = struct.Struct(">BHQH")  # content type, version, epoch and sequence number as one, length
_GCM_RECORD = struct.Struct(">BHQHQ")  # the same and the explicit nonce: RFC 5288 §3
_GCM_NONCE = struct.Struct(">4sQ")
_AAD = struct.Struct(">QBHH")  # sequence number, type, version, plaintext length: RFC 5246 §6.2.3.3
read_header = _RECORD.unpack_from
"""(content type, version, epoch and sequence number as one 64-bit number, length) of a record, unchecked."""
_SEQUENCE_MASK = SEQUENCE_LIMIT - 1


@wire("RFC 6347 §4.1", error=DtlsDecodeError)
class Record(Wire):
    """One record: what DTLS puts into datagrams."""

    content_type: int = bits(8, "what is inside", enum=ContentType)
    version: int = bits(16, "0xFEFD is DTLS 1.2; 0xFEFF in the very first flight")
    epoch: int = bits(16, "counts key changes")
    sequence_number: int = bits(48, "counts records within the epoch")
    length = length_of("fragment", 16, doc="bytes of the fragment")
    fragment: bytes = opaque("plaintext in epoch 0, else protected", length="length")


@wire("RFC 5246 §7.1", error=DtlsDecodeError)
class ChangeCipherSpec(Wire):
    """From the next record on the new keys are used; no handshake message, but a content type of its own."""

    type = const(8, 1, "change_cipher_spec: the only value there is")


def parse_header(packet: bytes, offset: int) -> tuple[int, int, int, int]:
    """Read a record header: (content type, version, epoch and sequence number as one 64-bit number, end of record).

    Raises:
        DtlsDecodeError: the record is cut short or longer than any may be.

    Spec: RFC 6347 §4.1.
    """
    if len(packet) - offset < RECORD_HEADER_LENGTH:
        raise DtlsDecodeError(
            f"a record header needs {RECORD_HEADER_LENGTH} bytes, {len(packet) - offset} left",
            offset=offset,
            rfc="RFC 6347 §4.1",
        )
    content_type, version, number, length = _RECORD.unpack_from(packet, offset)
    end = offset + RECORD_HEADER_LENGTH + length
    if end > len(packet):
        raise DtlsDecodeError(
            f"a record claims {length} bytes, {len(packet) - offset - RECORD_HEADER_LENGTH} left",
            offset=offset + 11,
            rfc="RFC 6347 §4.1",
            value=length,
        )
    if length > MAX_CIPHERTEXT:
        raise DtlsDecodeError(
            f"a record claims {length} bytes, at most {MAX_CIPHERTEXT} are allowed",
            offset=offset + 11,
            rfc="RFC 5246 §6.2.3",
            value=length,
        )
    return content_type, version, number, end


class ReplayWindow:
    """Which of the last 64 sequence numbers came already. Spec: RFC 6347 §4.1.2.6.

    `seen` is a bit map below the highest number: bit 0 is the highest itself.
    """

    __slots__ = ("highest", "seen")

    def __init__(self) -> None:
        self.highest = -1
        self.seen = 0

    def is_new(self, number: int) -> bool:
        """Whether `number` may still be accepted. Changes nothing: call `mark` once the tag has verified."""
        behind = self.highest - number
        return behind < 0 or (behind < REPLAY_WINDOW and not self.seen >> behind & 1)

    def mark(self, number: int) -> None:
        """Record that `number` came."""
        ahead = number - self.highest
        if ahead > 0:
            self.seen = (self.seen << ahead | 1) & _WINDOW_MASK if ahead < REPLAY_WINDOW else 1
            self.highest = number
        else:
            self.seen |= 1 << -ahead


class GcmProtection:
    """AES-GCM for one direction. The nonce is the 4-byte IV and 8 explicit bytes. Spec: RFC 5288 §3."""

    __slots__ = ("_decrypt", "_encrypt", "_iv")

    overhead = _GCM_OVERHEAD

    def __init__(self, key: bytes, iv: bytes) -> None:
        aead = AESGCM(key)
        self._encrypt, self._decrypt = aead.encrypt, aead.decrypt
        self._iv = iv

    def seal(self, number: int, content_type: int, data: bytes) -> bytes:
        """A whole record; `number` is epoch and sequence number."""
        length = len(data)
        return _GCM_RECORD.pack(
            content_type, DTLS_1_2, number, length + _GCM_OVERHEAD, number
        ) + self._encrypt(
            _GCM_NONCE.pack(self._iv, number), data, _AAD.pack(number, content_type, DTLS_1_2, length)
        )

    def open(self, number: int, content_type: int, record: bytes, begin: int, end: int) -> bytes:
        """The plaintext of ``record[begin:end]`` (the fragment). Raises InvalidTag; length is the caller's to check."""
        at = begin + EXPLICIT_NONCE_LENGTH
        return self._decrypt(
            self._iv + record[begin:at],
            record[at:end],
            _AAD.pack(number, content_type, DTLS_1_2, end - at - TAG_LENGTH),
        )


class ChaChaProtection:
    """ChaCha20-Poly1305 for one direction. The nonce is the 12-byte IV XOR the record's number. Spec: RFC 7905 §2."""

    __slots__ = ("_aead", "_iv")

    overhead = TAG_LENGTH

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._aead = ChaCha20Poly1305(key)
        self._iv = int.from_bytes(iv, "big")

    def seal(self, number: int, content_type: int, data: bytes) -> bytes:
        """A whole record; `number` is epoch and sequence number."""
        length = len(data)
        nonce = (self._iv ^ number).to_bytes(12, "big")
        sealed = self._aead.encrypt(nonce, data, _AAD.pack(number, content_type, DTLS_1_2, length))
        return _RECORD.pack(content_type, DTLS_1_2, number, length + TAG_LENGTH) + sealed

    def open(self, number: int, content_type: int, record: bytes, begin: int, end: int) -> bytes:
        """The plaintext of ``record[begin:end]`` (the fragment). Raises InvalidTag; length is the caller's to check."""
        return self._aead.decrypt(
            (self._iv ^ number).to_bytes(12, "big"),
            record[begin:end],
            _AAD.pack(number, content_type, DTLS_1_2, end - begin - TAG_LENGTH),
        )


Protection = GcmProtection | ChaChaProtection


def protection_for(suite: CipherSuite, key: bytes, iv: bytes) -> Protection:
    """The record protection of a cipher suite."""
    return GcmProtection(key, iv) if SUITES[suite].aead == "aes-gcm" else ChaChaProtection(key, iv)


class WriteEpoch:
    """Sends records of one epoch, counting. `protection` is None in epoch 0."""

    __slots__ = ("_limit", "_next", "_protection", "overhead")

    def __init__(self, epoch: int, protection: Protection | None) -> None:
        self._next = epoch << 48
        self._limit = (epoch << 48) + SEQUENCE_LIMIT
        self._protection = protection
        self.overhead = RECORD_HEADER_LENGTH + (protection.overhead if protection else 0)
        """Bytes that a record adds to its content."""

    @property
    def next_record(self) -> tuple[int, int]:
        """Epoch and sequence number of the next record."""
        return self._next >> 48, self._next & _SEQUENCE_MASK

    def protect(self, content_type: int, data: bytes, version: int = DTLS_1_2) -> bytes:
        """One record.

        Args:
            version: of the header; epoch 0 only (a first flight says 0xFEFF).

        Raises:
            OperationError: 2⁴⁸ records were sent; numbers, and with them nonces, would repeat.

        Spec: RFC 6347 §4.1 (sequence numbers must not wrap).
        """
        number = self._next
        if number >= self._limit:
            raise OperationError("all 2^48 sequence numbers of this epoch are used (RFC 6347 §4.1)")
        self._next = number + 1
        if self._protection is not None:
            return self._protection.seal(number, content_type, data)
        return _RECORD.pack(content_type, version, number, len(data)) + data

    def protect_numbered(self, sequence_number: int, content_type: int, data: bytes, version: int) -> bytes:
        """A plaintext record with a number of the peer's choice: for HelloVerifyRequest alone (RFC 6347 §4.2.1)."""
        assert self._protection is None
        return _RECORD.pack(content_type, version, sequence_number, len(data)) + data


class ReadEpoch:
    """Receives protected records of one epoch: window, tag, lengths."""

    __slots__ = ("_epoch", "_minimum", "_protection", "_window")

    def __init__(self, epoch: int, protection: Protection) -> None:
        self._epoch = epoch
        self._protection = protection
        self._minimum = protection.overhead
        self._window = ReplayWindow()

    @property
    def highest(self) -> int:
        """The highest sequence number accepted in this epoch; −1 before the first."""
        return self._window.highest

    def unprotect(self, content_type: int, number: int, packet: bytes, begin: int, end: int) -> bytes | None:
        """The plaintext of the fragment ``packet[begin:end]``, or None if it is a replay, forged or too long.

        Args:
            number: epoch and sequence number as one; the epoch must be this one.

        Spec: RFC 6347 §4.1.2.6 (window), §4.1.2.7 (invalid records are discarded silently).
        """
        number_in_epoch = number & _SEQUENCE_MASK
        window = self._window
        length = end - begin - self._minimum
        if (
            length < 0
            or length > MAX_PLAINTEXT
            or (number_in_epoch <= window.highest and not window.is_new(number_in_epoch))
        ):
            return None
        try:
            plain = self._protection.open(number, content_type, packet, begin, end)
        except InvalidTag:
            return None
        if number_in_epoch == window.highest + 1:  # the usual case of `mark`
            window.highest = number_in_epoch
            window.seen = (window.seen << 1 | 1) & _WINDOW_MASK
        else:
            window.mark(number_in_epoch)
        return plain

    def objection(self, number: int) -> str:
        """Why `unprotect` just refused the record with this number."""
        if self._window.is_new(number & _SEQUENCE_MASK):
            return "record whose tag or length is wrong (RFC 6347 §4.1.2.7)"
        return "record that came before, or is too old to tell (RFC 6347 §4.1.2.6)"
