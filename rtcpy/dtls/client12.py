"""The client's handshake: says hello, checks the server's flight, answers.

Parts of the server's flight (its chosen parameters, its CertificateRequest) are proved only by its Finished. So
a flight that was forged or damaged in just these parts can be answered in good faith, and the true one may still come.
Hence a client that has answered goes on reading with a `fork`: the same flight again means that our answer got lost;
another one gets an answer of its own. The server's Finished decides which of them was right.

Specs: RFC 5246 §7.4, RFC 6347 §4.2.1, RFC 7627 §5.2, RFC 5746 §3.4, RFC 5764 §4.1, RFC 8422 §5, RFC 8446 §4.1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa

from rtcpy.core.env import Entropy
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
    ClientExtension,
    EcPointFormats,
    ExtendedMasterSecret,
    ExtensionType,
    RenegotiationInfo,
    SignatureAlgorithms,
    SupportedGroups,
    UseSrtp,
    by_type,
)
from rtcpy.dtls.flights12 import CLIENT, Entry, Flight, HandshakeState, Input
from rtcpy.dtls.groups import KeyShare
from rtcpy.dtls.handshake12 import Handshake12
from rtcpy.dtls.keys12 import SUITES, KeySchedule
from rtcpy.dtls.messages import (
    COMPRESSION_NULL,
    SESSION_ID_LENGTH,
    CertificateMessage,
    CertificateRequest,
    CertificateType,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    Finished,
    HandshakeType,
    HelloVerifyRequest,
    Message,
    ServerHello,
    ServerKeyExchange,
)
from rtcpy.dtls.signatures import ACCEPTED_SCHEMES, SignatureScheme, choose_scheme, sign, verify
from rtcpy.wire import Wire

MAX_HELLO_VERIFY_REQUESTS = (
    8  # one is normal; more if the secret changed, or if forged or damaged ones came between
)
DOWNGRADE_TO_1_2 = b"DOWNGRD\x01"  # end of the ServerHello random; RFC 8446 §4.1.3
DOWNGRADE_TO_1_1 = b"DOWNGRD\x00"


def is_downgraded(server_random: bytes, negotiated: int, highest: int) -> bool:
    """Whether the server says that it could have done better than `negotiated`, and so could we.

    Versions are DTLS numbers: newer is *smaller*. A client whose newest version is 1.2 takes ``DOWNGRD 01`` for what it
    is to it, eight random bytes: Chromium and Firefox send it to every 1.2 client.

    Spec: RFC 8446 §4.1.3.
    """
    tail = server_random[-8:]
    if highest < DTLS_1_2 and negotiated >= DTLS_1_2 and tail == DOWNGRADE_TO_1_2:
        return True
    return negotiated > DTLS_1_2 and tail in (DOWNGRADE_TO_1_1, DOWNGRADE_TO_1_2)


class ClientHandshake(Handshake12):
    """Sends flights 1, 3 and 5; reads flights 2, 4 and 6."""

    table = CLIENT
    is_client: ClassVar[bool] = True

    def __init__(
        self, certificate: Certificate, entropy: Entropy, config: DtlsConfig, random: bytes = b""
    ) -> None:
        super().__init__(certificate, entropy, config, random)
        self._cookies = 0
        self._hello = b""  # transcript of the ClientHello in force
        self._hello_seq = 0
        self._hello_flight: Flight | None = None
        self._flight_read = b""  # transcript up to the server's flight, once it is complete
        self._server_random = b""
        self._key_exchange: ServerKeyExchange | None = None
        self._schemes: Sequence[int] = ()
        # Shared by all forks:
        self._shares: dict[NamedGroup, KeyShare] = {}
        self._answers: dict[bytes, ClientHandshake] = {}  # by transcript up to ServerHelloDone
        self.repeats: ClientHandshake | None = None
        """Set when the server's flight turned out to be one that this other handshake has answered."""

    def start(self) -> None:
        """Make flight 1."""
        self._say_hello(b"")
        self._move(Input.START)

    def fork(self) -> ClientHandshake:
        """A handshake that has said the same hello and read nothing yet."""
        other = ClientHandshake(self._certificate, self._entropy, self._config, self._random)
        other._hello, other._cookies = self._hello, self._cookies
        other._next_send_seq = self._hello_seq + 1
        other._hello_seq = self._hello_seq
        other.flight = self._hello_flight
        other._hello_flight = self._hello_flight
        other._shares, other._answers = self._shares, self._answers
        other.rollback()
        return other

    def forget(self) -> None:
        """This answer will not be given: should the flight come again, look at it afresh."""
        self._answers.pop(self._flight_read, None)

    def rollback(self) -> None:
        """Back to where only our ClientHello was sent."""
        assert not self.is_committed
        self._transcript = bytearray(self._hello)
        self._in_order.reset(self._cookies)
        self.state = HandshakeState.WAIT_SERVER_HELLO
        self.peer_chain = ()

    def _say_hello(self, cookie: bytes) -> None:
        """Flight 1, or 3 with a cookie: the same random and parameters. Spec: RFC 6347 §4.2.1."""
        config = self._config
        bodies: list[tuple[ExtensionType, Wire]] = [
            (ExtensionType.EXTENDED_MASTER_SECRET, ExtendedMasterSecret()),
            (ExtensionType.RENEGOTIATION_INFO, RenegotiationInfo()),
            (ExtensionType.SUPPORTED_GROUPS, SupportedGroups(groups=list(config.groups))),
            (ExtensionType.EC_POINT_FORMATS, EcPointFormats(formats=[POINT_FORMAT_UNCOMPRESSED])),
            (ExtensionType.SIGNATURE_ALGORITHMS, SignatureAlgorithms(schemes=list(ACCEPTED_SCHEMES))),
        ]
        if config.srtp_profiles:
            bodies.append((ExtensionType.USE_SRTP, UseSrtp(profiles=list(config.srtp_profiles))))
        hello = ClientHello(
            client_version=DTLS_1_2,
            random=self._random,
            cookie=cookie,
            cipher_suites=list(config.cipher_suites),
            compression_methods=[COMPRESSION_NULL],
            extensions=[ClientExtension(type=kind, body=body) for kind, body in bodies],
        )
        self._transcript.clear()  # neither the first hello nor the request for a cookie is hashed
        message = self._message(HandshakeType.CLIENT_HELLO, hello)
        self._hello = bytes(self._transcript)
        # RFC 6347 §4.2.1 lets a first flight carry the version of DTLS 1.0, which every server reads.
        self._hello_flight = Flight([Entry(0, message)], version=DTLS_1_0)
        self._hello_seq = message.message_seq
        self._make_flight(self._hello_flight)

    def _on(self, kind: Input, message: Message, body: Wire) -> None:
        if isinstance(body, HelloVerifyRequest):
            self._on_hello_verify_request(body)
            return
        if isinstance(body, Finished):
            self._read_finished(body)
        self._transcript += message.transcript()
        match body:
            case ServerHello():
                self._on_server_hello(body)
            case CertificateMessage():
                self._on_certificate(body)
            case ServerKeyExchange():
                self._on_server_key_exchange(body)
            case CertificateRequest():
                self._on_certificate_request(body)
            case _:
                if kind is Input.SERVER_HELLO_DONE:
                    self._answer()

    def _on_hello_verify_request(self, body: HelloVerifyRequest) -> None:
        """Say hello again, with the cookie. The version in it means nothing. Spec: RFC 6347 §4.2.1."""
        if self._cookies == MAX_HELLO_VERIFY_REQUESTS:
            raise DtlsRuleError(
                f"more than {MAX_HELLO_VERIFY_REQUESTS} HelloVerifyRequests",
                AlertDescription.UNEXPECTED_MESSAGE,
                rfc="RFC 6347 §4.2.1",
            )
        self._cookies += 1
        self._say_hello(body.cookie)

    def _on_server_hello(self, body: ServerHello) -> None:
        """Check every choice of the server against what was offered. Spec: RFC 5246 §7.4.1.3."""
        if body.server_version != DTLS_1_2:
            raise DtlsRuleError(
                f"the server chose version {body.server_version:#06x}, only DTLS 1.2 (0xfefd) was offered",
                AlertDescription.PROTOCOL_VERSION,
                rfc="RFC 5246 §7.4.1.3",
            )
        if is_downgraded(body.random, body.server_version, DTLS_1_2):
            raise _illegal("the server's random carries a downgrade sentinel", "RFC 8446 §4.1.3")
        if len(body.session_id) > SESSION_ID_LENGTH:
            raise _illegal(f"session id of {len(body.session_id)} bytes", "RFC 5246 §7.4.1.3")
        if body.cipher_suite not in self._config.cipher_suites:
            raise _illegal(f"cipher suite {body.cipher_suite:#06x} was not offered", "RFC 5246 §7.4.1.3")
        if body.compression_method != COMPRESSION_NULL:
            raise _illegal(f"compression method {body.compression_method}", "RFC 9325 §3.3")
        self._check_extensions(by_type(body.extensions))
        self.suite = CipherSuite(body.cipher_suite)
        self._server_random = body.random

    def _check_extensions(self, found: dict[int, Wire | bytes]) -> None:
        """An answer to each extension that must have one, and to none that was not offered. Spec: RFC 5246 §7.4.1.4."""
        profile: SrtpProfile | None = None
        for kind, body in found.items():
            match body:
                case RenegotiationInfo():
                    if body.renegotiated_connection:
                        raise DtlsRuleError(
                            "renegotiation_info is not empty",
                            AlertDescription.HANDSHAKE_FAILURE,
                            rfc="RFC 5746 §3.4",
                        )
                case EcPointFormats():
                    if POINT_FORMAT_UNCOMPRESSED not in body.formats:
                        raise _illegal("ec_point_formats lacks uncompressed", "RFC 8422 §5.1.2")
                case UseSrtp() if self._config.srtp_profiles:
                    if len(body.profiles) != 1 or body.profiles[0] not in self._config.srtp_profiles:
                        raise _illegal(f"use_srtp profiles {body.profiles[:8]}", "RFC 5764 §4.1.1")
                    if body.mki:
                        raise _illegal("use_srtp names an MKI that was not offered", "RFC 5764 §4.1.3")
                    profile = SrtpProfile(body.profiles[0])
                case ExtendedMasterSecret():
                    pass
                case _:
                    raise DtlsRuleError(
                        f"extension {kind} was not offered",
                        AlertDescription.UNSUPPORTED_EXTENSION,
                        rfc="RFC 5246 §7.4.1.4",
                    )
        for kind, rfc in (
            (ExtensionType.EXTENDED_MASTER_SECRET, "RFC 7627 §5.2"),
            (ExtensionType.RENEGOTIATION_INFO, "RFC 9325 §3.5"),
        ):
            if kind not in found:
                raise DtlsRuleError(
                    f"the server does not know {kind.name.lower()}",
                    AlertDescription.HANDSHAKE_FAILURE,
                    rfc=rfc,
                )
        self.srtp_profile = profile

    def _on_certificate(self, body: CertificateMessage) -> None:
        """The server's certificate must fit the suite it chose. Spec: RFC 8422 §2."""
        self._read_chain(body)
        assert self.suite is not None and self._peer_key is not None
        if isinstance(self._peer_key, rsa.RSAPublicKey) != SUITES[self.suite].is_rsa:
            raise DtlsRuleError(
                f"the server's certificate does not fit {self.suite.name}",
                AlertDescription.UNSUPPORTED_CERTIFICATE,
                rfc="RFC 8422 §2",
            )

    def _on_server_key_exchange(self, body: ServerKeyExchange) -> None:
        """The signature covers our random, so this server answers *us*, now. Spec: RFC 8422 §5.4."""
        if body.group not in self._config.groups:
            raise _illegal(f"group {body.group} was not offered", "RFC 8422 §5.4")
        assert self._peer_key is not None
        verify(
            self._peer_key,
            body.scheme,
            body.signature,
            (self._random, self._server_random, body.signed_part()),
        )
        self._key_exchange = body

    def _on_certificate_request(self, body: CertificateRequest) -> None:
        """The server takes certificates of our kind, or there is no mutual authentication. Spec: RFC 5246 §7.4.4."""
        wanted = CertificateType.RSA_SIGN if self._certificate.is_rsa else CertificateType.ECDSA_SIGN
        if wanted not in body.types or choose_scheme(self._certificate.is_rsa, body.schemes) is None:
            raise DtlsRuleError(
                f"the server takes no {wanted.name} certificate with a scheme that we can sign",
                AlertDescription.HANDSHAKE_FAILURE,
                rfc="RFC 5246 §7.4.4",
            )
        self._schemes = body.schemes

    def _answer(self) -> None:
        """Flight 5. Spec: RFC 5246 §7.4.6 to §7.4.9."""
        assert self._key_exchange is not None and self.suite is not None
        self._flight_read = bytes(self._transcript)
        self.repeats = self._answers.get(self._flight_read)
        if self.repeats is not None:
            return
        group = NamedGroup(self._key_exchange.group)
        share = self._shares.get(group)
        if share is None:
            share = self._shares[group] = KeyShare(group, self._entropy)
        pre_master_secret = share.exchange(self._key_exchange.public)
        scheme = choose_scheme(self._certificate.is_rsa, self._schemes)
        assert scheme is not None, "checked when it came"
        certificate = self._certificate_message()
        key_exchange = self._message(
            HandshakeType.CLIENT_KEY_EXCHANGE, ClientKeyExchange(public=share.public)
        )
        self.keys = KeySchedule.derive(
            self.suite, self._random, self._server_random, pre_master_secret, bytes(self._transcript)
        )
        self.group = group
        proof = self._message(HandshakeType.CERTIFICATE_VERIFY, self._prove(scheme))
        entries = [Entry(0, certificate), Entry(0, key_exchange), Entry(0, proof), *self._finish()]
        self._make_flight(Flight(entries))
        self._answers[self._flight_read] = self

    def _prove(self, scheme: SignatureScheme) -> CertificateVerify:
        """Sign the handshake so far. Spec: RFC 5246 §7.4.8."""
        signature = sign(self._certificate.private_key, scheme, [bytes(self._transcript)])
        return CertificateVerify(scheme=scheme, signature=signature)


def _illegal(message: str, rfc: str) -> DtlsRuleError:
    return DtlsRuleError(message, AlertDescription.ILLEGAL_PARAMETER, rfc=rfc)
