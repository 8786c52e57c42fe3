"""Against OpenSSL in memory, through pyOpenSSL: both roles, all suites, fragments, exporter, SRTP profile, alerts."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from rtcpy.core.env import FixedClock, SeededEntropy
from rtcpy.dtls import (
    ApplicationData,
    CipherSuite,
    Closed,
    Connected,
    DtlsConfig,
    DtlsConnection,
    DtlsState,
    Failed,
    KeyingMaterial,
    NamedGroup,
    Role,
    SrtpProfile,
)
from tests.dtls.link import certificate

SUITE_NAMES = {
    CipherSuite.ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
    CipherSuite.ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
    CipherSuite.ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
    CipherSuite.ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
    CipherSuite.ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
    CipherSuite.ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
}
PROFILE_NAMES = {
    SrtpProfile.AES128_CM_HMAC_SHA1_80: b"SRTP_AES128_CM_SHA1_80",
    SrtpProfile.AES128_CM_HMAC_SHA1_32: b"SRTP_AES128_CM_SHA1_32",
    SrtpProfile.AEAD_AES_128_GCM: b"SRTP_AEAD_AES_128_GCM",
    SrtpProfile.AEAD_AES_256_GCM: b"SRTP_AEAD_AES_256_GCM",
}
KINDS = ("ecdsa", "rsa")


class OpenSsl:
    """A DTLS 1.2 end made of OpenSSL and two memory BIOs."""

    def __init__(
        self,
        role: Role,
        kind: str,
        *,
        ciphers: str = "ALL",
        profiles: bytes = b":".join(PROFILE_NAMES.values()),
        mtu: int = 1200,
        ask: bool = True,
        groups: bytes = b"",
    ) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        identity = certificate("openssl", kind)
        context.use_privatekey(identity.private_key)
        context.use_certificate(x509.load_der_x509_certificate(identity.der))
        context.set_cipher_list(ciphers.encode())
        if profiles:
            context.set_tlsext_use_srtp(profiles)
        mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT if ask else SSL.VERIFY_NONE
        context.set_verify(mode, lambda *_: True)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        self.ssl = SSL.Connection(context)
        self.ssl.set_ciphertext_mtu(mtu)
        if role is Role.CLIENT:
            self.ssl.set_connect_state()
        else:
            self.ssl.set_accept_state()
        self.done = False
        self.error: Exception | None = None
        self.data: list[bytes] = []
        self.closed = False

    def step(self) -> None:
        """Handshake, then read."""
        try:
            if not self.done:
                self.ssl.do_handshake()
                self.done = True
            while True:
                self.data.append(self.ssl.recv(1 << 15))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error as error:
            self.error = error

    def take(self) -> list[bytes]:
        out = []
        while True:
            try:
                out.append(self.ssl.bio_read(1 << 16))
            except SSL.WantReadError:
                return out


def _ours(role: Role, kind: str, peer_kind: str, config: DtlsConfig) -> DtlsConnection:
    connection = DtlsConnection(
        role=role,
        certificate=certificate("ours", kind),
        entropy=SeededEntropy(kind + peer_kind),
        wall_clock=FixedClock(),
        config=config,
    )
    connection.set_remote_fingerprints([certificate("openssl", peer_kind).fingerprint()], now=0.0)
    return connection


def _run(ours: DtlsConnection, theirs: OpenSsl, *, start: bool = True) -> list[object]:
    """Pass datagrams until both are silent."""
    events: list[object] = []
    if start:
        ours.start(now=0.0)
    for _ in range(50):
        theirs.step()
        to_us, to_them = theirs.take(), list(ours.take_packets())
        if not to_us and not to_them:
            break
        for datagram in to_us:
            # OpenSSL's memory BIO runs datagrams together; the records tell where they end.
            ours.receive(datagram, now=0.0)
        for datagram in to_them:
            theirs.ssl.bio_write(datagram)
            theirs.step()
    events.extend(ours.take_events())
    return events


def _check(ours: DtlsConnection, theirs: OpenSsl, events: list[object]) -> Connected:
    assert theirs.error is None, theirs.error
    assert theirs.done and ours.state is DtlsState.CONNECTED, (theirs.done, ours.state, events, ours.dropped)
    (connected,) = [e for e in events if isinstance(e, Connected)]
    label = "EXTRACTOR-rtcpy"
    for context in (None, b"", b"context"):
        exported = theirs.ssl.export_keying_material(label.encode(), 48, context)
        assert ours.export_keying_material(label, context, 48) == exported
    for size in (0, 1, 1200, 1 << 14):
        ours.send(bytes(size), now=0.0)
        if size:
            theirs.ssl.send(bytes(size))
        more = _run(ours, theirs, start=False)
        assert [e.data for e in more if isinstance(e, ApplicationData)] == ([bytes(size)] if size else [])
    assert [len(d) for d in theirs.data] == [1, 1200, 1 << 14]  # OpenSSL does not report empty records
    return connected


@pytest.mark.parametrize("suite", SUITE_NAMES, ids=lambda s: s.name)
@pytest.mark.parametrize("role", Role)
def test_every_suite(role: Role, suite: CipherSuite) -> None:
    kind = "rsa" if "RSA" in suite.name.replace("ECDSA", "") else "ecdsa"
    other = Role.SERVER if role is Role.CLIENT else Role.CLIENT
    ours = _ours(role, kind, kind, DtlsConfig(cipher_suites=(suite,)))
    theirs = OpenSsl(other, kind, ciphers=SUITE_NAMES[suite])
    connected = _check(ours, theirs, _run(ours, theirs))
    assert connected.cipher_suite is suite
    assert theirs.ssl.get_cipher_name() == SUITE_NAMES[suite]


@pytest.mark.parametrize("theirs_kind", KINDS)
@pytest.mark.parametrize("ours_kind", KINDS)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("mtu", [1200, 256])
def test_certificates_and_fragments(role: Role, ours_kind: str, theirs_kind: str, mtu: int) -> None:
    other = Role.SERVER if role is Role.CLIENT else Role.CLIENT
    ours = _ours(role, ours_kind, theirs_kind, DtlsConfig(mtu=mtu))
    theirs = OpenSsl(other, theirs_kind, mtu=mtu)
    _check(ours, theirs, _run(ours, theirs))
    peer = theirs.ssl.get_peer_certificate(as_cryptography=True)
    assert peer is not None and peer.public_bytes(Encoding.DER) == certificate("ours", ours_kind).der
    assert ours.remote_certificates == (certificate("openssl", theirs_kind).der,)


@pytest.mark.parametrize("group", NamedGroup)
@pytest.mark.parametrize("role", Role)
def test_groups(role: Role, group: NamedGroup) -> None:
    # RSA: the groups also limit the curves of ECDSA certificates (RFC 8422 §4), and P-256 is left out once.
    other = Role.SERVER if role is Role.CLIENT else Role.CLIENT
    ours = _ours(role, "rsa", "rsa", DtlsConfig(groups=(group,)))
    theirs = OpenSsl(other, "rsa")
    assert _check(ours, theirs, _run(ours, theirs)).group is group


@pytest.mark.parametrize("profile", SrtpProfile)
@pytest.mark.parametrize("role", Role)
def test_srtp_keys_equal_openssl(role: Role, profile: SrtpProfile) -> None:
    other = Role.SERVER if role is Role.CLIENT else Role.CLIENT
    ours = _ours(role, "ecdsa", "ecdsa", DtlsConfig(srtp_profiles=(profile,)))
    theirs = OpenSsl(other, "ecdsa")
    events = _run(ours, theirs)
    assert _check(ours, theirs, events).srtp_profile is profile
    assert theirs.ssl.get_selected_srtp_profile() == PROFILE_NAMES[profile]
    (keys,) = [e for e in events if isinstance(e, KeyingMaterial)]
    size = 2 * (profile.key_length + profile.salt_length)
    block = theirs.ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", size, None)
    mine = (keys.local_key, keys.remote_key, keys.local_salt, keys.remote_salt)
    client_first = mine if role is Role.CLIENT else (mine[1], mine[0], mine[3], mine[2])
    assert b"".join(client_first) == block


@pytest.mark.parametrize("role", Role)
def test_no_srtp_profile_in_common(role: Role) -> None:
    other = Role.SERVER if role is Role.CLIENT else Role.CLIENT
    ours = _ours(role, "ecdsa", "ecdsa", DtlsConfig(srtp_profiles=(SrtpProfile.AEAD_AES_128_GCM,)))
    theirs = OpenSsl(other, "ecdsa", profiles=b"SRTP_AES128_CM_SHA1_80")
    assert _check(ours, theirs, _run(ours, theirs)).srtp_profile is None


def test_close_notify_both_ways() -> None:
    for role in Role:
        other = Role.SERVER if role is Role.CLIENT else Role.CLIENT
        ours, theirs = _ours(role, "ecdsa", "ecdsa", DtlsConfig()), OpenSsl(other, "ecdsa")
        _check(ours, theirs, _run(ours, theirs))
        ours.close(now=1.0)
        assert _run(ours, theirs, start=False) == [Closed(None)]
        assert theirs.closed
        ours, theirs = _ours(role, "ecdsa", "ecdsa", DtlsConfig()), OpenSsl(other, "ecdsa")
        _check(ours, theirs, _run(ours, theirs))
        theirs.ssl.shutdown()
        assert _run(ours, theirs, start=False) == [Closed(0)]
        assert ours.state is DtlsState.CLOSED


def test_a_server_that_asks_for_no_certificate_is_refused() -> None:
    """RFC 5763 §5: both ends authenticate, or there is no connection."""
    ours = _ours(Role.CLIENT, "ecdsa", "ecdsa", DtlsConfig())
    theirs = OpenSsl(Role.SERVER, "ecdsa", ask=False)
    assert _run(ours, theirs) == []
    assert not theirs.done
    deadline = ours.next_timeout()
    while deadline is not None and ours.state is DtlsState.CONNECTING:
        ours.handle_timeout(now=deadline)
        deadline = ours.next_timeout()
    (failed,) = ours.take_events()
    assert isinstance(failed, Failed) and failed.alert == 10


def test_a_client_without_certificate_is_refused() -> None:
    ours = _ours(Role.SERVER, "ecdsa", "ecdsa", DtlsConfig())
    context = SSL.Context(SSL.DTLS_METHOD)
    theirs = OpenSsl(Role.CLIENT, "ecdsa")
    theirs.ssl = SSL.Connection(context)
    theirs.ssl.set_ciphertext_mtu(1200)
    theirs.ssl.set_connect_state()
    assert _run(ours, theirs) == []
    assert ours.state is DtlsState.CONNECTING and not theirs.done
    assert any("handshake message" in reason for reason in ours.dropped)
