"""Wireshark's command line opens our capture files, reads the channel's messages, and decrypts DTLS by itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rtcpy.sim import LinkConfig
from rtcpy.sim.session import Session

pytestmark = pytest.mark.interop

PATIENCE = 60.0  # s; a bound on a broken run
SECRET = "only for your eyes"
TEXTS = ["Hello, Bob!", SECRET]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path = tmp_path_factory.mktemp("tshark") / "session.pcapng"
    session().trace.to_pcapng(path, start=1_750_000_000.0)
    return path


def session() -> Session:
    made = Session(seed=11, link=LinkConfig(loss=0.1))
    made.connect()
    for text in TEXTS:
        made.alice.send("chat", text)
    made.run(2.0)
    return made


def tshark(path: Path, *options: str) -> str:
    checks = [f"-o{protocol}.check_checksum:TRUE" for protocol in ("ip", "udp")]
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), *checks, *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert done.returncode == 0 and not complaints, done.stderr
    return done.stdout


def fields(path: Path, chosen: str, *names: str) -> list[list[str]]:
    wanted = [part for name in names for part in ("-e", name)]
    lines = tshark(path, "-Y", chosen, "-T", "fields", *wanted).splitlines()
    return [line.split("\t") for line in lines]


def test_it_sees_every_packet_on_its_interface_with_our_words(capture: Path) -> None:
    trace = session().trace
    rows = fields(capture, "frame", "frame.interface_name", "frame.comment", "frame.time_epoch")
    wire = [row for row in rows if row[0] == "alice: wire"]
    inside = [row for row in rows if row[0] == "alice: inside DTLS"]
    assert len(wire) == len(trace.packets("udp", who="alice"))
    assert len(inside) == len(trace.packets("sctp", who="alice")) and len(rows) == len(wire) + len(inside)
    assert all(row[1] for row in rows)
    times = [float(row[2]) for row in rows]
    assert times == sorted(times) and 1_750_000_000 <= times[0] < 1_750_000_001


def test_nothing_looks_wrong_to_it(capture: Path) -> None:
    wrong = tshark(capture, "-Y", "_ws.expert.severity >= 6291456")  # warnings and errors
    assert wrong == ""
    assert (
        fields(capture, "ip && (ip.checksum.status != 1 || udp.checksum.status != 1)", "frame.number") == []
    )


def test_messages_of_the_channel_are_read(capture: Path) -> None:
    rows = fields(capture, "sctp.data_payload_proto_id == 51", "sctp.data_sid", "data.data")
    told = [bytes.fromhex(data).decode() for _, data in rows]
    assert set(told) == set(TEXTS)
    label = fields(capture, "rtcdc.message_type == 3", "rtcdc.channel_type", "rtcdc.label")
    assert label and label[0][1] == "chat"


def test_it_decrypts_dtls_with_the_embedded_secrets(capture: Path) -> None:
    sealed = fields(capture, "dtls.record.content_type == 23", "frame.number")
    assert sealed
    opened = tshark(capture, "-Y", "dtls.record.content_type == 23", "-x")
    assert opened.count("Decrypted DTLS") >= len(sealed)
    letters = "".join(line[-16:].rstrip("\n") for line in opened.splitlines() if len(line) > 56)
    assert SECRET in letters, "the words of the message, from a record that was protected"
    finished = fields(capture, "dtls.handshake.type == 20", "frame.number")
    assert len(finished) >= 2, "both Finished were opened"


def test_without_secrets_dtls_stays_closed(capture: Path, tmp_path: Path) -> None:
    path = tmp_path / "closed.pcapng"
    session().trace.redacted().to_pcapng(path)
    assert fields(path, "dtls.handshake.type == 20", "frame.number") == []
    assert "Decrypted DTLS" not in tshark(path, "-Y", "dtls.record.content_type == 23", "-x")
