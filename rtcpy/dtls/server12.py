"""The server's handshake: answers hellos, checks the client's flight, finishes.

Several ClientHellos may arrive before one of their senders proves to be the peer: retransmissions, or forgeries from
someone who can write the peer's address. Each acceptable one becomes an `Offer` with its own answer, all made with the
same server random and ephemeral keys. Whose CertificateVerify covers the transcript of an offer has sent that
hello, and the other offers are forgotten. So a forged hello costs a signature, not the call.

Specs: RFC 5246 §7.4, RFC 6347 §4.2.1, RFC 7627 §5.2, RFC 5746 §3.6, RFC 5764 §4.1, RFC 8422 §5.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import ClassVar

from rtcpy.core.env import Entropy
from rtcpy.core.errors import CryptoError
from rtcpy.dtls.alerts import AlertDescription, DtlsRuleError
from rtcpy.dtls.certificate import Certificate
from rtcpy.dtls.events import (
    DTLS_1_0,
    DTLS_1_2,
    CipherSuite,
    DtlsConfig,
    NamedGroup,
    SrtpProfile,
)
from rtcpy.dtls.extensions import (
    POINT_FORMAT_UNCOMPRESSED,
    EcPointFormats,
    ExtendedMasterSecret,
    ExtensionType,
    OfferedVersions,
    RenegotiationInfo,
    ServerExtension,
    SignatureAlgorithms,
    SupportedGroups,
    UseSrtp,
    by_type,
)
from rtcpy.dtls.flights12 import SERVER, Entry, Flight, HandshakeState, Input
from rtcpy.dtls.fragments import Hellos, Verdict
from rtcpy.dtls.groups import KeyShare
from rtcpy.dtls.handshake12 import RANDOM_LENGTH, Handshake12
from rtcpy.dtls.keys12 import SUITES, KeySchedule
from rtcpy.dtls.messages import (
    COMPRESSION_NULL,
    EMPTY_RENEGOTIATION_INFO_SCSV,
    SESSION_ID_LENGTH,
    CertificateMessage,
    CertificateRequest,
    CertificateType,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    Finished,
    HandshakeFragment,
    HandshakeType,
    HelloVerifyRequest,
    Message,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)
from rtcpy.dtls.signatures import ACCEPTED_SCHEMES, SignatureScheme, choose_scheme, sign, verify
from rtcpy.wire import Wire

MAX_OFFERS = 32  # hellos answered at a time; at 300 forged ones a second the true one stays for 100 ms
MAX_OFFER_BYTES = 1 << 17  # of transcripts; hellos with post-quantum shares take 1.5 KB, an answer 0.8
MAX_HELLO_SEQ = 8  # message_seq of a hello: 0, and 1 more per HelloVerifyRequest that its sender got


@dataclass(slots=True)
class Offer:
    """A ClientHello that we have answered, and what the answer says."""

    client_random: bytes
    suite: CipherSuite
    group: NamedGroup
    srtp_profile: SrtpProfile | None
    transcript: bytes  # ClientHello to ServerHelloDone
    flight: Flight


class ServerHandshake(Handshake12):
    """Sends flights 2, 4 and 6; reads flights 1, 3 and 5."""

    table = SERVER
    is_client: ClassVar[bool] = False

    def __init__(self, certificate: Certificate, entropy: Entropy, config: DtlsConfig) -> None:
        super().__init__(certificate, entropy, config)
        self._cookie_secret = entropy.token(RANDOM_LENGTH) if config.cookie else b""
        self._hellos = Hellos()
        self._offers: dict[bytes, Offer] = {}  # by hello, least recently seen first
        self._hello_seq = 0
        self._shares: dict[NamedGroup, KeyShare] = {}
        self._client_flight = bytearray()  # Certificate and ClientKeyExchange, waiting for their proof
        self._client_public = b""
        self.repeated_offer: Offer | None = None
        """Set by `accept` when the hello of a known offer came again: its flight is wanted once more."""
        self.verify_request: bytes | None = None
        """Set by `accept` when a hello is to be answered by this HelloVerifyRequest (body with header)."""

    def rollback(self) -> None:
        """Back to where hellos were answered; offers stay. Without any, nothing was read that must be forgotten."""
        assert not self.is_committed
        self.peer_chain = ()
        self._client_public = b""
        if self._offers:
            self._in_order.reset(self._hello_seq + 1)
            self.state = HandshakeState.WAIT_CERTIFICATE

    def release(self) -> None:
        """Drop the offers and shares as well."""
        super().release()
        self._client_flight.clear()
        self._offers.clear()
        self._hellos.clear()
        self._shares.clear()

    def accept(self, fragment: HandshakeFragment, epoch: int) -> Verdict | str:
        """As `Handshake12.accept`; hellos have no turn."""
        if fragment.type != HandshakeType.CLIENT_HELLO:
            if not self._offers and not self.is_committed:
                return "before any hello (RFC 5246 §7.4.1)"
            return super().accept(fragment, epoch)
        if epoch != 0 or self.is_committed:
            return "hello out of place (RFC 8827 §6.5)"
        if fragment.message_seq > MAX_HELLO_SEQ:
            return Verdict.TOO_FAR_AHEAD
        message = self._hellos.add(fragment)
        if isinstance(message, Verdict):
            return message
        return self._on_client_hello(message)

    # -- hellos -------------------------------------------------------------------------------

    def _on_client_hello(self, message: Message) -> Verdict | str:
        known = self._offers.pop(message.body, None)
        if known is not None and message.message_seq == self._hello_seq:
            self._offers[message.body] = known  # now the most recently seen
            self.repeated_offer = known
            return Verdict.OLD
        hello = ClientHello.parse(message.body)
        if self._config.cookie:
            cookie = self._cookie(hello)
            if not hmac.compare_digest(cookie, hello.cookie):
                self.verify_request = self._ask_for_cookie(cookie, message.message_seq)
                return Verdict.KEPT
        elif message.message_seq and not hello.cookie:
            return "hello numbered as if we had asked for a cookie (RFC 6347 §4.2.1)"
        if message.message_seq != self._hello_seq:
            # Another sender was asked for a cookie, by someone: numbering starts over with this hello.
            self._offers.clear()
            self._hello_seq = message.message_seq
        offer = self._answer(hello, message)
        while self._offers and (
            len(self._offers) >= MAX_OFFERS
            or sum(len(o.transcript) for o in self._offers.values()) + len(offer.transcript) > MAX_OFFER_BYTES
        ):
            del self._offers[next(iter(self._offers))]
        if not self._offers:
            self._in_order.reset(self._hello_seq + 1)
            self.state = SERVER[HandshakeState.WAIT_CLIENT_HELLO, Input.CLIENT_HELLO]
        self._offers[message.body] = offer
        self._make_flight(offer.flight)
        self._answered_seq = self._hello_seq + 1  # also if parts of a flight 5 were read meanwhile
        return Verdict.KEPT

    def _cookie(self, hello: ClientHello) -> bytes:
        """A MAC over what the client must repeat; we remember nothing for it. Spec: RFC 6347 §4.2.1."""
        fixed = ClientHello(
            client_version=hello.client_version,
            random=hello.random,
            session_id=hello.session_id,
            cipher_suites=hello.cipher_suites,
            compression_methods=hello.compression_methods,
            extensions=None,
        )
        return hmac.digest(self._cookie_secret, fixed.serialize(), hashlib.sha256)

    def _ask_for_cookie(self, cookie: bytes, message_seq: int) -> bytes:
        """Flight 2, numbered as the hello it answers; not part of the transcript. Spec: RFC 6347 §4.2.1, §4.2.2."""
        body = HelloVerifyRequest(server_version=DTLS_1_0, cookie=cookie).serialize()
        return Message(HandshakeType.HELLO_VERIFY_REQUEST, message_seq, body).transcript()

    def _answer(self, hello: ClientHello, message: Message) -> Offer:
        """Choose, and make flight 4.

        Raises:
            DtlsRuleError: there is nothing to choose from, or the hello breaks a rule.
        """
        found = by_type(hello.extensions)
        self._check_hello(hello, found)
        suite = self._choose_suite(hello)
        group = self._choose_group(found)
        scheme = self._choose_scheme(found)
        profile = self._choose_profile(found)
        server_hello = ServerHello(
            server_version=DTLS_1_2,
            random=self._random,
            cipher_suite=suite,
            compression_method=COMPRESSION_NULL,
            extensions=self._extensions(hello, found, profile),
        )
        share = self._shares.get(group)
        if share is None:
            share = self._shares[group] = KeyShare(group, self._entropy)
        key_exchange = ServerKeyExchange(group=group, public=share.public, scheme=scheme, signature=b"")
        key_exchange.signature = sign(
            self._certificate.private_key,
            scheme,
            (hello.random, self._random, key_exchange.signed_part()),
        )
        request = CertificateRequest(
            types=[CertificateType.ECDSA_SIGN, CertificateType.RSA_SIGN], schemes=list(ACCEPTED_SCHEMES)
        )
        self._next_send_seq = message.message_seq  # ours count on from the hello's: RFC 6347 §4.2.2
        self._transcript = bytearray(message.transcript())
        messages = [
            self._message(HandshakeType.SERVER_HELLO, server_hello),
            self._certificate_message(),
            self._message(HandshakeType.SERVER_KEY_EXCHANGE, key_exchange),
            self._message(HandshakeType.CERTIFICATE_REQUEST, request),
            self._message(HandshakeType.SERVER_HELLO_DONE, ServerHelloDone()),
        ]
        return Offer(
            client_random=hello.random,
            suite=suite,
            group=group,
            srtp_profile=profile,
            transcript=bytes(self._transcript),
            flight=Flight([Entry(0, m) for m in messages]),
        )

    def _check_hello(self, hello: ClientHello, found: dict[int, Wire | bytes]) -> None:
        """What every hello must say. Spec: RFC 5246 §7.4.1.2, RFC 7627 §5.2, RFC 5746 §3.6, RFC 8446 §4.2.1."""
        versions = found.get(ExtensionType.SUPPORTED_VERSIONS)
        speaks_1_2 = (
            DTLS_1_2 in versions.versions
            if isinstance(versions, OfferedVersions)
            else hello.client_version <= DTLS_1_2  # newer versions have smaller numbers: RFC 6347 §4.1
        )
        if not speaks_1_2 or hello.client_version > DTLS_1_2:
            raise DtlsRuleError(
                f"the client (version {hello.client_version:#06x}) does not offer DTLS 1.2",
                AlertDescription.PROTOCOL_VERSION,
                rfc="RFC 6347 §4.2.1",
            )
        if len(hello.session_id) > SESSION_ID_LENGTH:
            raise _illegal(f"session id of {len(hello.session_id)} bytes", "RFC 5246 §7.4.1.2")
        if COMPRESSION_NULL not in hello.compression_methods:
            raise _illegal("the client insists on compression", "RFC 9325 §3.3")
        if ExtensionType.EXTENDED_MASTER_SECRET not in found:
            raise _failure("the client does not know extended_master_secret", "RFC 7627 §5.2")
        info = found.get(ExtensionType.RENEGOTIATION_INFO)
        if isinstance(info, RenegotiationInfo) and info.renegotiated_connection:
            raise _failure("renegotiation_info is not empty", "RFC 5746 §3.6")
        if info is None and EMPTY_RENEGOTIATION_INFO_SCSV not in hello.cipher_suites:
            raise _failure("the client does not know renegotiation_info", "RFC 9325 §3.5")
        formats = found.get(ExtensionType.EC_POINT_FORMATS)
        if isinstance(formats, EcPointFormats) and POINT_FORMAT_UNCOMPRESSED not in formats.formats:
            raise _illegal("ec_point_formats lacks uncompressed", "RFC 8422 §5.1.2")

    def _choose_suite(self, hello: ClientHello) -> CipherSuite:
        """Our most preferred suite that the client has and our certificate fits."""
        for suite in self._config.cipher_suites:
            if suite in hello.cipher_suites and SUITES[suite].is_rsa == self._certificate.is_rsa:
                return suite
        raise _failure("no cipher suite in common", "RFC 5246 §7.4.1.3")

    def _choose_group(self, found: dict[int, Wire | bytes]) -> NamedGroup:
        """Our most preferred group that the client has; without its list any will do. Spec: RFC 8422 §4."""
        theirs = found.get(ExtensionType.SUPPORTED_GROUPS)
        for group in self._config.groups:
            if (
                group in theirs.groups
                if isinstance(theirs, SupportedGroups)
                else group == NamedGroup.SECP256R1
            ):
                return group
        raise _failure("no group in common", "RFC 8422 §5.1")

    def _choose_scheme(self, found: dict[int, Wire | bytes]) -> SignatureScheme:
        """A scheme that the client verifies. Without its list it means SHA-1, which we do not sign. Spec: RFC 9155 §2."""
        theirs = found.get(ExtensionType.SIGNATURE_ALGORITHMS)
        offered = theirs.schemes if isinstance(theirs, SignatureAlgorithms) else []
        scheme = choose_scheme(self._certificate.is_rsa, offered)
        if scheme is None:
            raise _failure("no signature scheme in common", "RFC 5246 §7.4.1.4.1")
        return scheme

    def _choose_profile(self, found: dict[int, Wire | bytes]) -> SrtpProfile | None:
        """Our most preferred SRTP profile that the client has; none in common is no error here. Spec: RFC 5764 §4.1.1."""
        theirs = found.get(ExtensionType.USE_SRTP)
        if isinstance(theirs, UseSrtp):
            for profile in self._config.srtp_profiles:
                if profile in theirs.profiles:
                    return profile
        return None

    def _extensions(
        self, hello: ClientHello, found: dict[int, Wire | bytes], profile: SrtpProfile | None
    ) -> list[ServerExtension]:
        """Answers to what the client asked, nothing else. Spec: RFC 5246 §7.4.1.4."""
        bodies: list[tuple[ExtensionType, Wire]] = [
            (ExtensionType.EXTENDED_MASTER_SECRET, ExtendedMasterSecret()),
            (ExtensionType.RENEGOTIATION_INFO, RenegotiationInfo()),  # to the SCSV as well: RFC 5746 §3.6
        ]
        if ExtensionType.EC_POINT_FORMATS in found:
            bodies.append(
                (ExtensionType.EC_POINT_FORMATS, EcPointFormats(formats=[POINT_FORMAT_UNCOMPRESSED]))
            )
        if profile is not None:
            bodies.append((ExtensionType.USE_SRTP, UseSrtp(profiles=[profile])))  # we take no MKI: §4.1.3
        return [ServerExtension(type=kind, body=body) for kind, body in bodies]

    # -- the client's flight --------------------------------------------------------------------

    def _on(self, kind: Input, message: Message, body: Wire) -> None:
        match body:
            case CertificateMessage():
                self._read_chain(body)
                self._client_flight = bytearray(message.transcript())
            case ClientKeyExchange():
                self._client_public = body.public
                self._client_flight += message.transcript()
            case CertificateVerify():
                self._on_certificate_verify(body, message)
            case Finished():
                self._read_finished(body)
                self._transcript += message.transcript()
                self._make_flight(Flight(self._finish()))

    def _on_certificate_verify(self, body: CertificateVerify, message: Message) -> None:
        """Find the offer that the client's signature covers; it is the handshake from here on. Spec: RFC 5246 §7.4.8."""
        assert self._peer_key is not None
        theirs = bytes(self._client_flight)
        chosen = None
        for offer in reversed(self._offers.values()):
            try:
                verify(self._peer_key, body.scheme, body.signature, (offer.transcript, theirs))
            except CryptoError as error:
                refusal = error
            else:
                chosen = offer
                break
        if chosen is None:
            raise refusal
        pre_master_secret = self._shares[chosen.group].exchange(self._client_public)
        transcript = chosen.transcript + theirs
        self.keys = KeySchedule.derive(
            chosen.suite, chosen.client_random, self._random, pre_master_secret, transcript
        )
        self.suite, self.group, self.srtp_profile = chosen.suite, chosen.group, chosen.srtp_profile
        self._transcript = bytearray(transcript + message.transcript())
        self.flight = chosen.flight
        self._offers.clear()
        self._hellos.clear()


def _illegal(message: str, rfc: str) -> DtlsRuleError:
    return DtlsRuleError(message, AlertDescription.ILLEGAL_PARAMETER, rfc=rfc)


def _failure(message: str, rfc: str) -> DtlsRuleError:
    return DtlsRuleError(message, AlertDescription.HANDSHAKE_FAILURE, rfc=rfc)
