"""``rtcpy ladder``: every output from traces and captures, and errors that say what was wrong with the input."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rtcpy.cli.main import main
from rtcpy.explain import Capture, Trace
from rtcpy.sim.session import Session
from tests.explain import capture_files as made

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ladder") / "call.trace"
    session = Session(seed=1)
    session.connect()
    session.alice.send("chat", "Hello, Bob!")
    session.run(0.3)
    session.trace.save(path)
    return path


def test_text_is_what_one_gets(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ladder", str(saved)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split() == ["ms", "alice", "bob"]
    assert "ClientHello" in shown and 'DATA (text "Hello, Bob!", stream 1)' in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert main(["ladder", str(saved), "--who", "bob"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["ms", "bob", "alice"]
    assert main(["ladder", str(saved), "--since", "50", "--until", "110"]) == 0
    part = capsys.readouterr().out
    assert "ClientHello" in part and "INIT" not in part and len(part.splitlines()) < len(shown.splitlines())


def test_every_file_that_can_be_asked_for(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    svg, page, capture = tmp_path / "a.svg", tmp_path / "a.html", tmp_path / "a.pcapng"
    command = [
        "ladder",
        str(saved),
        "--svg",
        str(svg),
        "--html",
        str(page),
        "--pcapng",
        str(capture),
        "--who",
        "bob",
    ]
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out == "" and "packets written to" in told.err
    assert f"the picture is in {svg}" in told.err and f"the page is in {page}" in told.err
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    text = page.read_text()
    assert (
        text.count("<svg ") >= 9 and "The states of bob" in text and "SCTP association is ESTABLISHED" in text
    )
    assert "pre_master_secret" not in text, "secrets only where they were asked for"
    bob = Trace.load(saved).datagrams(who="bob")
    assert [r.data for r in Capture.of(capture.read_bytes()) if r.layer == "udp"] == [e.data for e in bob]


def test_mermaid_and_keys_are_printed(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ladder", str(saved), "--mermaid"]) == 0
    assert capsys.readouterr().out.startswith("sequenceDiagram\n    participant L0 as alice\n")
    assert main(["ladder", str(saved), "--mermaid", "--no-notes"]) == 0
    assert "Note" not in capsys.readouterr().out
    assert main(["ladder", str(saved), "--key-tree"]) == 0
    assert "client_write_key, 16 B   (RFC 5246 §6.3)" in capsys.readouterr().out
    page = tmp_path / "keys.html"
    assert main(["ladder", str(saved), "--key-tree", "--html", str(page)]) == 0
    assert "pre_master_secret" in page.read_text()


def test_a_capture_is_as_good(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_, keys = tmp_path / "open.pcapng", tmp_path / "keys.log"
    trace = Trace.load(saved)
    trace.to_pcapng(open_)
    assert main(["ladder", str(open_)]) == 0
    told = capsys.readouterr()
    assert 'DATA (text "Hello, Bob!", stream 1)' in told.out
    assert told.err == ""
    closed = tmp_path / "closed.pcapng"
    trace.redacted().to_pcapng(closed)
    assert main(["ladder", str(closed)]) == 0
    told = capsys.readouterr()
    assert "Hello, Bob!" not in told.out
    assert "left out of the capture: 8 SCTP without the records that it was in" in told.err
    keys.write_text(trace.key_log())
    assert main(["ladder", str(closed), "--keys", str(keys)]) == 0
    assert "Hello, Bob!" in capsys.readouterr().out


def test_a_browsers_capture_has_its_media_in_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ladder", str(DATA / "captures" / "chromium-plain-media.pcap")]) == 0
    assert "× RTP type 111" in capsys.readouterr().out


def test_a_capture_that_was_cut_is_drawn_up_to_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes((DATA / "captures" / "chromium-plain-media.pcap").read_bytes()[:3000])
    assert main(["ladder", str(path)]) == 1
    told = capsys.readouterr()
    assert "Binding request" in told.out
    assert "only what is before the damage is drawn: the file ends within packet" in told.err


def test_both_ends_of_a_capture_are_named_by_their_addresses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = bytes.fromhex("00010008 2112a442 000102030405060708090a0b 0006 0003 613a6200")  # for "a:b"
    path = tmp_path / "a.pcap"
    path.write_bytes(made.pcap([made.udp("192.0.2.1", "192.0.2.2", request)] * 2, link=101))
    assert main(["ladder", str(path)]) == 0
    _, here, there = capsys.readouterr().out.splitlines()[0].split()
    assert here.startswith("192.0.2.1:") and there.startswith("192.0.2.2:")


def test_a_time_in_which_nothing_crossed(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ladder", str(saved), "--since", "9000"]) == 0
    assert "no datagram in that time: the first crossed at" in capsys.readouterr().err


def test_standard_input(
    saved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(saved.read_bytes())))
    assert main(["ladder", "-"]) == 0
    assert "ClientHello" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (None, "/input'\n"),
        (b"", "is empty"),
        (
            b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
            "is a session description; a ladder needs a trace",
        ),
        (
            b"00010000 2112a442 000102030405060708090a0b",
            "is one datagram; a ladder needs a trace or a capture",
        ),
        (b'{"rtcpy-trace": 99}\n', "line 1"),
        (b"\xd4\xc3\xb2\xa1", "the file ends within the file header"),
    ],
)
def test_what_is_no_trace_is_told(
    make: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "input"
    if make is not None:
        path.write_bytes(make)
    assert main(["ladder", str(path)]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("rtcpy ladder: ") and words in told.err and told.out == ""


def test_other_mistakes_are_told(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ladder", str(saved), "--who", "carol"]) == 1
    assert "no end is called 'carol', but alice, bob" in capsys.readouterr().err
    assert main(["ladder", str(saved), "--svg", str(tmp_path / "no" / "a.svg")]) == 1
    assert "No such file or directory" in capsys.readouterr().err
    Trace.load(saved).save(tmp_path / "shown", secrets=False)
    assert main(["ladder", str(tmp_path / "shown"), "--key-tree"]) == 1
    assert "saved without secrets" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ladder", str(saved), "--until", "-5"])
    assert "milliseconds since the beginning are expected" in capsys.readouterr().err
