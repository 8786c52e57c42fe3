"""What a DATA packet costs in the SCTP layer alone: two associations joined in memory, no DTLS, no sockets.

    python benchmarks/sctp_association.py [seconds per case]

Prints CPU microseconds per DATA packet for both ends together, SACKs included; and, where aiortc is installed,
what parsing one packet with a DATA chunk costs in both libraries.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rtcpy.core.env import SeededEntropy
from rtcpy.sctp import Association, SctpConfig, StreamMessage
from rtcpy.sctp.config import DEFAULT_PATH_MTU
from rtcpy.sctp.packet import parse_packet


def pair(path_mtu: int, limit: int, *, zero_checksum: bool) -> tuple[Association, Association]:
    """Two associations that are up, with their path MTU found."""
    config = SctpConfig(
        path_mtu=path_mtu, path_mtu_limit=limit, zero_checksum=zero_checksum, remote_max_message_size=0
    )
    a = Association(config, entropy=SeededEntropy(1))
    b = Association(config, entropy=SeededEntropy(2))
    a.start(now=0.0)
    b.start(now=0.0)
    for _ in range(10):
        exchange(a, b, 0.001, batch=False)
        for end in (a, b):
            deadline = end.next_timeout()
            if deadline is not None and deadline <= 0.001:
                end.handle_timeout(now=0.001)
    return a, b


def exchange(a: Association, b: Association, now: float, *, batch: bool) -> int:
    """Carry what both ends have to the other; return the number of packets."""
    count = 0
    for source, target in ((a, b), (b, a)):
        packets = source.take_packets()
        count += len(packets)
        if batch:
            if packets:
                target.receive_batch(packets, now=now)
        else:
            for packet in packets:
                target.receive(packet, now=now)
    return count


def transfer(
    seconds: float, size: int, path_mtu: int, limit: int, *, batch: bool, zero_checksum: bool
) -> str:
    """Messages of `size` bytes from a to b as fast as they go; one line of results."""
    a, b = pair(path_mtu, limit, zero_checksum=zero_checksum)
    message = bytes(size)
    now = 0.01
    delivered = 0
    start_packets = a.packets_sent
    other = b.packets_sent
    start = time.process_time()
    while time.process_time() - start < seconds:
        for _ in range(50):
            now += 0.0005
            while a.buffered_amount(0) < 262144:
                a.send(0, 53, message, now=now)
            exchange(a, b, now, batch=batch)
            delivered += sum(len(event.data) for event in b.take_events() if type(event) is StreamMessage)
            a.take_events()
            for end in (a, b):
                deadline = end.next_timeout()
                if deadline is not None and deadline <= now:
                    end.handle_timeout(now=now)
    spent = time.process_time() - start
    packets = a.packets_sent - start_packets
    return (
        f"{size:6d} B messages, SCTP packets of {a.max_packet_size:5d} B, "
        f"{'zero checksum' if zero_checksum else 'CRC32c       '}, {'batches' if batch else 'singly '}: "
        f"{spent / packets * 1e6:6.2f} us per DATA packet, {delivered / spent / 1e6:7.1f} MB/s, "
        f"{(b.packets_sent - other) / packets:.2f} SACK per DATA"
    )


def per_call(functions: list[Callable[[], object]], seconds: float) -> list[float]:
    """CPU microseconds of one call of each function: best of many short runs, taken in turns against the noise."""
    best = [float("inf")] * len(functions)
    deadline = time.process_time() + seconds
    while time.process_time() < deadline:
        for at, function in enumerate(functions):
            start = time.process_time()
            for _ in range(1000):
                function()
            best[at] = min(best[at], (time.process_time() - start) * 1000)
    return best


def parsing(seconds: float) -> str:
    """One packet with one DATA chunk of 1,132 bytes."""
    a, _ = pair(DEFAULT_PATH_MTU, DEFAULT_PATH_MTU, zero_checksum=False)
    a.send(0, 53, bytes(1132), now=1.0)
    (packet,) = a.take_packets()
    functions: list[Callable[[], object]] = [lambda: parse_packet(packet), parse_packet(packet).serialize]
    try:
        from aiortc.rtcsctptransport import parse_packet as theirs
        from aiortc.rtcsctptransport import serialize_packet
    except ImportError:
        ours = per_call(functions, seconds)
        return f"one packet with DATA: parse {ours[0]:.2f} us, serialize {ours[1]:.2f} us"
    source, destination, tag, chunks = theirs(packet)
    functions += [lambda: theirs(packet), lambda: serialize_packet(source, destination, tag, chunks[0])]
    parse, serialize, their_parse, their_serialize = per_call(functions, seconds)
    return (
        f"one packet with DATA: parse {parse:.2f} us, aiortc {their_parse:.2f} us ({their_parse / parse:.2f}x); "
        f"serialize {serialize:.2f} us, aiortc {their_serialize:.2f} us ({their_serialize / serialize:.2f}x)"
    )


def main() -> None:
    """Run all cases."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for limit in (DEFAULT_PATH_MTU, 16421):
        for zero_checksum in (False, True):
            for batch in (False, True):
                print(
                    transfer(
                        seconds, 16384, DEFAULT_PATH_MTU, limit, batch=batch, zero_checksum=zero_checksum
                    ),
                    flush=True,
                )
    print(transfer(seconds, 64, DEFAULT_PATH_MTU, 1200, batch=False, zero_checksum=True), flush=True)
    print(parsing(seconds))


if __name__ == "__main__":
    main()
