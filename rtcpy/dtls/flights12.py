"""The two handshakes of DTLS 1.2 as tables, and the flights in which messages travel.

Theory of operation. A handshake is a conversation in flights; whoever has sent one waits for the next:

    client                                                server
    ClientHello                             1 -->
                                        <-- 2             HelloVerifyRequest   (only if the server wants a cookie)
    ClientHello with cookie                 3 -->
                                        <-- 4             ServerHello, Certificate, ServerKeyExchange,
                                                          CertificateRequest, ServerHelloDone
    Certificate, ClientKeyExchange,
    CertificateVerify, [CCS], Finished      5 -->
                                        <-- 6             [CCS], Finished

`CLIENT` and `SERVER` below are the whole of what each side accepts, message by message. What is not in the
table is refused: there are no optional messages. In particular both certificates and CertificateVerify are
there (RFC 5763 §5: DTLS-SRTP authenticates mutually), so none can be skipped, and ChangeCipherSpec counts only
at its one place (CVE-2014-0224).

A `Flight` is sent as one, and again as one when its timer fires (RFC 6347 §4.2.4); fragments and record numbers
are made anew each time.

Specs: RFC 6347 §4.2.4, Figure 1; RFC 5246 §7.3; RFC 7627.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rtcpy.core.enums import KeyEnum
from rtcpy.dtls.events import DTLS_1_2
from rtcpy.dtls.messages import HANDSHAKE_HEADER_LENGTH, Message
from rtcpy.dtls.record12 import ContentType, WriteEpoch


class HandshakeState(KeyEnum):
    """What a side waits for. RFC 6347 names only WAITING and FINISHED; which message, RFC 5246 §7.3 says."""

    START = "start"
    WAIT_CLIENT_HELLO = "wait ClientHello"
    WAIT_SERVER_HELLO = "wait ServerHello"
    WAIT_CERTIFICATE = "wait Certificate"
    WAIT_SERVER_KEY_EXCHANGE = "wait ServerKeyExchange"
    WAIT_CERTIFICATE_REQUEST = "wait CertificateRequest"
    WAIT_SERVER_HELLO_DONE = "wait ServerHelloDone"
    WAIT_CLIENT_KEY_EXCHANGE = "wait ClientKeyExchange"
    WAIT_CERTIFICATE_VERIFY = "wait CertificateVerify"
    WAIT_CHANGE_CIPHER_SPEC = "wait ChangeCipherSpec"
    WAIT_FINISHED = "wait Finished"
    FINISHED = "finished"


class Input(KeyEnum):
    """What may come. Named as in RFC 5246 §7.4; ChangeCipherSpec is no handshake message, but has its turn too."""

    START = "start"
    CLIENT_HELLO = "ClientHello"
    HELLO_VERIFY_REQUEST = "HelloVerifyRequest"
    SERVER_HELLO = "ServerHello"
    CERTIFICATE = "Certificate"
    SERVER_KEY_EXCHANGE = "ServerKeyExchange"
    CERTIFICATE_REQUEST = "CertificateRequest"
    SERVER_HELLO_DONE = "ServerHelloDone"
    CLIENT_KEY_EXCHANGE = "ClientKeyExchange"
    CERTIFICATE_VERIFY = "CertificateVerify"
    CHANGE_CIPHER_SPEC = "ChangeCipherSpec"
    FINISHED = "Finished"


_S, _I = HandshakeState, Input

CLIENT: Mapping[tuple[HandshakeState, Input], HandshakeState] = {
    (_S.START, _I.START): _S.WAIT_SERVER_HELLO,
    (_S.WAIT_SERVER_HELLO, _I.HELLO_VERIFY_REQUEST): _S.WAIT_SERVER_HELLO,
    (_S.WAIT_SERVER_HELLO, _I.SERVER_HELLO): _S.WAIT_CERTIFICATE,
    (_S.WAIT_CERTIFICATE, _I.CERTIFICATE): _S.WAIT_SERVER_KEY_EXCHANGE,
    (_S.WAIT_SERVER_KEY_EXCHANGE, _I.SERVER_KEY_EXCHANGE): _S.WAIT_CERTIFICATE_REQUEST,
    (_S.WAIT_CERTIFICATE_REQUEST, _I.CERTIFICATE_REQUEST): _S.WAIT_SERVER_HELLO_DONE,
    (_S.WAIT_SERVER_HELLO_DONE, _I.SERVER_HELLO_DONE): _S.WAIT_CHANGE_CIPHER_SPEC,
    (_S.WAIT_CHANGE_CIPHER_SPEC, _I.CHANGE_CIPHER_SPEC): _S.WAIT_FINISHED,
    (_S.WAIT_FINISHED, _I.FINISHED): _S.FINISHED,
}

SERVER: Mapping[tuple[HandshakeState, Input], HandshakeState] = {
    (_S.START, _I.START): _S.WAIT_CLIENT_HELLO,
    (_S.WAIT_CLIENT_HELLO, _I.CLIENT_HELLO): _S.WAIT_CERTIFICATE,
    (_S.WAIT_CERTIFICATE, _I.CERTIFICATE): _S.WAIT_CLIENT_KEY_EXCHANGE,
    (_S.WAIT_CLIENT_KEY_EXCHANGE, _I.CLIENT_KEY_EXCHANGE): _S.WAIT_CERTIFICATE_VERIFY,
    (_S.WAIT_CERTIFICATE_VERIFY, _I.CERTIFICATE_VERIFY): _S.WAIT_CHANGE_CIPHER_SPEC,
    (_S.WAIT_CHANGE_CIPHER_SPEC, _I.CHANGE_CIPHER_SPEC): _S.WAIT_FINISHED,
    (_S.WAIT_FINISHED, _I.FINISHED): _S.FINISHED,
}

COMMITTED = frozenset({_S.WAIT_CHANGE_CIPHER_SPEC, _S.WAIT_FINISHED, _S.FINISHED})
"""States in which the peer has proved to hold its certificate's key over *our* hello: no way back from here."""

CHANGE_CIPHER_SPEC_BODY = b"\x01"  # RFC 5246 §7.1
MIN_FRAGMENT = 32  # bytes; less room than this at the end of a datagram is not worth a record


@dataclass(slots=True)
class Entry:
    """One message of a flight (or a ChangeCipherSpec, if `message` is None) and the epoch it is sent in."""

    epoch: int
    message: Message | None


@dataclass(slots=True)
class Flight:
    """Messages that are sent, and retransmitted, together."""

    entries: Sequence[Entry]
    version: int = DTLS_1_2  # of record headers in epoch 0

    def datagrams(self, writers: Mapping[int, WriteEpoch], mtu: int) -> list[bytes]:
        """The flight as UDP payloads of at most `mtu` **bytes**, with fresh record numbers.

        A message that fits into one datagram is not cut: some peers are bad at putting pieces together.

        Spec: RFC 6347 §4.1.1 (several records per datagram), §4.2.3 (fragments).
        """
        out: list[bytes] = []
        records: list[bytes] = []
        used = 0

        def add(content_type: int, writer: WriteEpoch, content: bytes) -> None:
            nonlocal used, records
            if used and used + writer.overhead + len(content) > mtu:
                out.append(b"".join(records))
                records, used = [], 0
            record = writer.protect(content_type, content, self.version)
            records.append(record)
            used += len(record)

        for entry in self.entries:
            writer = writers[entry.epoch]
            message = entry.message
            if message is None:
                add(ContentType.CHANGE_CIPHER_SPEC, writer, CHANGE_CIPHER_SPEC_BODY)
                continue
            header = writer.overhead + HANDSHAKE_HEADER_LENGTH
            offset, length = 0, len(message.body)
            while True:
                left = length - offset
                room = mtu - used - header
                if room < left and (header + left <= mtu or room < MIN_FRAGMENT):
                    room = mtu - header  # begins a new datagram
                size = min(left, room)
                add(ContentType.HANDSHAKE, writer, message.fragment(offset, size))
                offset += size
                if offset == length:
                    break
        if records:
            out.append(b"".join(records))
        return out
