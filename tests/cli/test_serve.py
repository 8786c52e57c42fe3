"""``python -m rtcpy serve`` as people run it: a process, a port, a signal."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Address
from rtcpy.stun import (
    XOR_MAPPED_ADDRESS,
    LongTermClient,
    Message,
    MessageClass,
    Method,
    Verdict,
    new_transaction_id,
    parse_message,
)

pytestmark = pytest.mark.sockets

COMMAND = [sys.executable, "-m", "rtcpy", "serve"]
ENTROPY = SeededEntropy("cli")
PATIENCE = 30  # s until a hung process fails the test; a normal one needs well under one


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Address]]:
    """A running server and the address that it says it listens on."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("stun: listening on 127.0.0.1:"), (line, process.poll())
        assert process.stdout.readline() == "Press Ctrl-C to stop.\n"
        yield process, Address("127.0.0.1", int(line.split()[3].rpartition(":")[2]))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(client: socket.socket, data: bytes, to: Address) -> Message:
    client.settimeout(PATIENCE)
    client.sendto(data, to)
    return parse_message(client.recv(2048))


def binding() -> Message:
    return Message(Method.BINDING, MessageClass.REQUEST, new_transaction_id(ENTROPY))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_from_start_to_signal(number: signal.Signals) -> None:
    with (
        serving("--stun", "127.0.0.1:0", "--verbose") as (process, server),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.bind(("127.0.0.1", 0))
        request = binding()
        answer = ask(client, request.serialize(), server)
        assert answer == request.success([XOR_MAPPED_ADDRESS(Address(*client.getsockname()))])
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert err == ""
        assert f"you are 127.0.0.1:{client.getsockname()[1]}" in out
        assert "stun: stopped; 1 answered" in out


def test_with_an_account() -> None:
    with (
        serving("--stun", "127.0.0.1:0", "--realm", "example.org", "--user", "ann:secret") as (_, server),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.bind(("127.0.0.1", 0))
        account = LongTermClient("ann", "secret")
        assert account.handle_response(ask(client, account.sign(binding()), server)) is Verdict.RETRY
        assert account.realm == "example.org"
        answer = ask(client, account.sign(binding()), server)
        assert account.handle_response(answer) is Verdict.ACCEPT
        assert answer.get(XOR_MAPPED_ADDRESS) == Address(*client.getsockname())


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_address_in_use() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        result = run("--stun", f"127.0.0.1:{port}")
    assert result.returncode == 1
    assert result.stdout == ""
    assert (
        f"cannot listen on 127.0.0.1:{port}: Address already in use (another program has this port"
        in result.stderr
    )
    assert "Traceback" not in result.stderr


def test_an_address_of_another_machine() -> None:
    result = run("--stun", "192.0.2.1:0")  # TEST-NET-1, RFC 5737
    assert result.returncode == 1
    assert "no interface of this machine has this address" in result.stderr


def test_a_realm_that_is_too_long() -> None:
    result = run("--stun", "127.0.0.1:0", "--user", "a:b", "--realm", "x" * 40)
    assert result.returncode == 2
    assert "longer than 36 bytes" in result.stderr
    assert "Traceback" not in result.stderr


def test_signaling_beside_stun() -> None:
    pytest.importorskip("websockets", reason="needs the websockets package")
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    process = subprocess.Popen(
        [*COMMAND, "--stun", "127.0.0.1:0", "--signaling", "127.0.0.1:0", "--token", "s3cret"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("stun: listening on 127.0.0.1:")
        line = process.stdout.readline()
        assert line.startswith("signaling: listening on ws://127.0.0.1:") and line.endswith("/ROOM\n")
        assert process.stdout.readline() == "Press Ctrl-C to stop.\n"
        url = line.split()[3].removesuffix("/ROOM")
        with pytest.raises(InvalidStatus):
            connect(f"{url}/lesson", proxy=None)
        with (
            connect(f"{url}/lesson?token=s3cret", proxy=None) as one,
            connect(f"{url}/lesson?token=s3cret", proxy=None) as two,
        ):
            assert '"welcome"' in str(one.recv(PATIENCE))
            assert '"welcome"' in str(two.recv(PATIENCE))
            assert '"joined"' in str(one.recv(PATIENCE))
            two.send('{"bye":true}')
            assert one.recv(PATIENCE) == '{"bye":true}'
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert err == ""
        assert "stun: stopped" in out
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_a_signaling_port_in_use() -> None:
    pytest.importorskip("websockets", reason="needs the websockets package")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        result = run("--signaling", f"127.0.0.1:{port}")
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert "another program has this port" in result.stderr
