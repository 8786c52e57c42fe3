"""The command line itself: help that teaches, errors that say what was expected."""

from __future__ import annotations

import pytest

from rtcpy.cli import serve
from rtcpy.cli.main import COMMANDS, main, make_parser
from rtcpy.core.machine import Address


def exit_status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr().out
    assert "commands:" in shown and "rtcpy COMMAND --help" in shown


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("--help") == 0
    overview = " ".join(capsys.readouterr().out.split())
    for command in COMMANDS:
        assert command.SUMMARY in overview
        assert exit_status(command.NAME, "--help") == 0
        text = capsys.readouterr().out
        assert "examples:" in text or "usage:" in text
        assert max(map(len, text.splitlines())) <= 120


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("--version") == 0
    assert capsys.readouterr().out.startswith("rtcpy ")


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("frobnicate") == 2
    assert "frobnicate" in capsys.readouterr().err


def test_command_names_are_unique() -> None:
    names = [command.NAME for command in COMMANDS]
    assert len(set(names)) == len(names)


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "run", interrupted)
    assert main(["serve", "--stun"]) == 130


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:3479", Address("127.0.0.1", 3479)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("127.0.0.1", Address("127.0.0.1", 3478)),
        ("[::1]:3479", Address("::1", 3479)),
        ("[::1]", Address("::1", 3478)),
        ("::1", Address("::1", 3478)),
        ("0.0.0.0", Address("0.0.0.0", 3478)),
    ],
)
def test_endpoints(text: str, address: Address) -> None:
    assert make_parser().parse_args(["serve", "--stun", text]).stun == [address]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("localhost:1", "'localhost' is no IP address"),
        ("127.0.0.1:", "'' is no port"),
        ("127.0.0.1:x", "'x' is no port"),
        ("127.0.0.1:65536", "'65536' is no port"),
        ("127.0.0.1:-1", "'-1' is no port"),
        ("127.0.0.1:²", "is no port"),
        ("[::1", "is written [::1]:3478"),
        ("[::1]3478", "is written [::1]:3478"),
        ("", "'' is no IP address"),
    ],
)
def test_endpoints_that_are_none(text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("serve", "--stun", text) == 2
    assert words in capsys.readouterr().err


def test_default_endpoint() -> None:
    assert make_parser().parse_args(["serve", "--stun"]).stun == [Address("127.0.0.1", 3478)]


def test_several_endpoints() -> None:
    arguments = make_parser().parse_args(["serve", "--stun", "127.0.0.1", "--stun", "[::1]:5"])
    assert arguments.stun == [Address("127.0.0.1", 3478), Address("::1", 5)]


def test_nothing_to_serve(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve"]) == 2
    assert "nothing to serve" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["ann", "ann:", ":hunter2"])
def test_users_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("serve", "--stun", "127.0.0.1", "--user", text) == 2
    error = capsys.readouterr().err
    assert "expected NAME:PASSWORD" in error
    assert "hunter2" not in error


def test_passwords_may_hold_colons() -> None:
    arguments = make_parser().parse_args(["serve", "--user", "ann:a:b"])
    assert arguments.user == [("ann", "a:b")]
