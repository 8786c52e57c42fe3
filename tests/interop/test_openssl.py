"""Our DTLS client against `openssl s_server -dtls1_2`, our server against `s_client`, over UDP on loopback."""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from rtcpy.core.env import FixedClock, SystemEntropy
from rtcpy.core.machine import Event
from rtcpy.dtls import (
    ApplicationData,
    CipherSuite,
    Closed,
    Connected,
    DtlsConfig,
    DtlsConnection,
    DtlsState,
    Role,
    SrtpProfile,
)
from tests.dtls.link import certificate

pytestmark = pytest.mark.interop

HOST = "127.0.0.1"
LABEL = "EXPERIMENTAL rtcpy"
PATIENCE = 30.0  # s; a bound on a broken run, no part of a good one
PROFILES = "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

CASES = [
    pytest.param("ecdsa", "ECDHE-ECDSA-AES128-GCM-SHA256", 1500, id="ecdsa-aes128"),
    pytest.param("ecdsa", "ECDHE-ECDSA-AES256-GCM-SHA384", 300, id="ecdsa-aes256-mtu300"),
    pytest.param("ecdsa", "ECDHE-ECDSA-CHACHA20-POLY1305", 1500, id="ecdsa-chacha20"),
    pytest.param("rsa", "ECDHE-RSA-AES128-GCM-SHA256", 300, id="rsa-aes128-mtu300"),
    pytest.param("rsa", "ECDHE-RSA-AES256-GCM-SHA384", 1500, id="rsa-aes256"),
    pytest.param("rsa", "ECDHE-RSA-CHACHA20-POLY1305", 300, id="rsa-chacha20-mtu300"),
]


def _openssl() -> str:
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("openssl is not installed")
    return found


def _identity(kind: str, folder: Path) -> list[str]:
    ours = certificate("openssl", kind)
    key, cert = folder / "key.pem", folder / "cert.pem"
    key.write_bytes(ours.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    cert.write_bytes(x509.load_der_x509_certificate(ours.der).public_bytes(Encoding.PEM))
    return ["-key", str(key), "-cert", str(cert)]


class Run:
    """Our end on a real socket, and the program's pipes, until something is true. Nothing here sleeps."""

    def __init__(
        self, connection: DtlsConnection, sock: socket.socket, program: subprocess.Popen[bytes]
    ) -> None:
        self.connection, self.sock, self.program = connection, sock, program
        self.peer: tuple[str, int] | None = None
        self.events: list[Event] = []
        self.output = b""
        self.datagrams: list[bytes] = []
        self.sent: list[bytes] = []

    def until(self, condition: Callable[[Run], bool]) -> None:
        assert self.program.stdout is not None
        pipe: int | None = self.program.stdout.fileno()
        deadline = time.monotonic() + PATIENCE
        while True:
            for packet in self.connection.take_packets():
                assert self.peer is not None
                self.sent.append(packet)
                self.sock.sendto(packet, self.peer)
            self.events.extend(self.connection.take_events())
            if condition(self):
                return
            now = time.monotonic()
            assert now < deadline, (
                self.output.decode(errors="replace"),
                self.events,
                self.connection.dropped,
            )
            wake = min(deadline, self.connection.next_timeout() or deadline)
            watched = [self.sock] if pipe is None else [self.sock, pipe]
            ready, _, _ = select.select(watched, [], [], max(0.0, wake - now))
            if self.sock in ready:
                try:
                    data, peer = self.sock.recvfrom(1 << 16)
                except ConnectionError:  # ICMP: the program is not listening yet
                    continue
                self.peer = self.peer or peer
                self.datagrams.append(data)
                self.connection.receive(data, now=time.monotonic())
            if pipe in ready:
                chunk = os.read(pipe, 1 << 16)
                self.output += chunk
                pipe = pipe if chunk else None
            self.connection.handle_timeout(now=time.monotonic())

    def say(self, line: bytes) -> None:
        """Type a line into the program."""
        assert self.program.stdin is not None
        self.program.stdin.write(line)
        self.program.stdin.flush()


@contextmanager
def _run(
    role: Role, kind: str, arguments: list[str], config: DtlsConfig, folder: Path
) -> Iterator[tuple[Run, list[str]]]:
    connection = DtlsConnection(
        role=role,
        certificate=certificate("ours", kind),
        entropy=SystemEntropy(),
        wall_clock=FixedClock(),
        config=config,
    )
    now = time.monotonic()
    connection.set_remote_fingerprints([certificate("openssl", kind).fingerprint()], now=now)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        ours.bind((HOST, 0))
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
        probe.close()
        common = [
            *_identity(kind, folder),
            "-dtls1_2",
            "-timeout",
            "-keymatexport",
            LABEL,
            "-keymatexportlen",
            "32",
        ]
        if role is Role.CLIENT:
            head = ["s_server", "-accept", f"{HOST}:{port}", "-Verify", "1", "-naccept", "1"]
        else:
            head = ["s_client", "-connect", f"{HOST}:{ours.getsockname()[1]}"]
        command = [_openssl(), *head, *common, *arguments]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as program:
            run = Run(connection, ours, program)
            try:
                if role is Role.CLIENT:
                    run.peer = (HOST, port)
                    run.until(lambda r: b"ACCEPT" in r.output)
                connection.start(now=time.monotonic())
                yield run, command
            finally:
                program.kill()


def _check(run: Run) -> Connected:
    """Connected, the same exported key, and a line each way."""
    run.until(lambda r: r.connection.state is DtlsState.CONNECTED)
    (connected,) = [e for e in run.events if isinstance(e, Connected)]
    run.until(lambda r: re.search(rb"Keying material: [0-9A-F]{64}", r.output) is not None)
    theirs = re.search(rb"Keying material: ([0-9A-F]{64})", run.output)
    assert theirs is not None
    ours = run.connection.export_keying_material(LABEL, None, 32)
    assert ours.hex().upper().encode() == theirs[1]
    run.connection.send(b"a line from rtcpy\n", now=time.monotonic())
    run.until(lambda r: b"a line from rtcpy" in r.output)
    run.say(b"a line from openssl\n")
    run.until(lambda r: any(isinstance(e, ApplicationData) for e in r.events))
    assert [e.data for e in run.events if isinstance(e, ApplicationData)] == [b"a line from openssl\n"]
    return connected


@pytest.mark.parametrize(("kind", "cipher", "mtu"), CASES)
@pytest.mark.parametrize("role", Role)
def test_handshake_and_data(role: Role, kind: str, cipher: str, mtu: int, tmp_path: Path) -> None:
    arguments = ["-cipher", cipher, "-mtu", str(mtu), "-use_srtp", PROFILES]
    with _run(role, kind, arguments, DtlsConfig(mtu=min(mtu, 1200)), tmp_path) as (run, _):
        connected = _check(run)
        expected = (
            cipher.replace("-", "_")
            .replace("ECDHE_RSA", "ECDHE_RSA_WITH")
            .replace("ECDHE_ECDSA", "ECDHE_ECDSA_WITH")
        )
        name = connected.cipher_suite.name.replace("AES_128", "AES128").replace("AES_256", "AES256")
        assert name.startswith(expected)
        # Each end follows its own order of preference, ours as server, theirs as ours is the client.
        server_choice = SrtpProfile.AEAD_AES_128_GCM if role is Role.SERVER else SrtpProfile.AEAD_AES_256_GCM
        assert connected.srtp_profile is server_choice
        assert max(map(len, run.sent)) <= mtu
        if mtu == 300:
            assert len([d for d in run.datagrams if d[0] == 22]) > 2, "nothing came in pieces"
        run.connection.close(now=time.monotonic())
        run.until(lambda r: Closed(None) in r.events)


def test_the_server_wants_a_cookie(tmp_path: Path) -> None:
    """`-listen` answers the first hello with a HelloVerifyRequest."""
    with _run(Role.CLIENT, "ecdsa", ["-listen"], DtlsConfig(), tmp_path) as (run, _):
        _check(run)
        assert any(d[0] == 22 and d[13] == 3 for d in run.datagrams), "no HelloVerifyRequest came"


def test_we_want_a_cookie(tmp_path: Path) -> None:
    with _run(Role.SERVER, "ecdsa", [], DtlsConfig(cookie=True), tmp_path) as (run, _):
        _check(run)
        assert run.sent[0][13] == 3, "the first answer is a HelloVerifyRequest"


def test_only_p256(tmp_path: Path) -> None:
    for role, arguments in ((Role.CLIENT, ["-named_curve", "P-256"]), (Role.SERVER, ["-groups", "P-256"])):
        with _run(role, "ecdsa", arguments, DtlsConfig(), tmp_path) as (run, _):
            assert _check(run).group.name == "SECP256R1"


def test_pss_signatures_only(tmp_path: Path) -> None:
    """An RSA peer that takes and makes nothing but RSASSA-PSS."""
    schemes = "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384"
    for role in Role:
        arguments = ["-sigalgs", schemes, "-client_sigalgs", schemes]
        with _run(role, "rsa", arguments, DtlsConfig(), tmp_path) as (run, _):
            assert _check(run).cipher_suite in (
                CipherSuite.ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                CipherSuite.ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            )


def test_the_program_says_goodbye(tmp_path: Path) -> None:
    """`Q` at the beginning of a line ends s_client with close_notify."""
    with _run(Role.SERVER, "ecdsa", [], DtlsConfig(), tmp_path) as (run, _):
        _check(run)
        run.say(b"Q\n")
        run.until(lambda r: Closed(0) in r.events)


@pytest.mark.parametrize("digest", ["SHA2-256", "SHA2-384"])
def test_prf_equals_openssl_kdf(digest: str) -> None:
    """The PRF against `openssl kdf TLS1-PRF`, of any length."""
    from rtcpy.dtls.keys12 import prf

    for length in (1, 12, 32, 48, 49, 200):
        secret, label, seed = b"secret" * 8, b"a label", bytes(range(64))
        options = [
            f"digest:{digest}",
            f"hexsecret:{secret.hex()}",
            f"hexseed:{label.hex()}",
            f"hexseed:{seed.hex()}",
        ]
        command = [
            _openssl(),
            "kdf",
            "-keylen",
            str(length),
            *(x for o in options for x in ("-kdfopt", o)),
            "TLS1-PRF",
        ]
        printed = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout
        expected = bytes.fromhex(printed.decode().strip().replace(":", ""))
        assert prf(digest.replace("SHA2-", "sha"), secret, label, seed, length) == expected
