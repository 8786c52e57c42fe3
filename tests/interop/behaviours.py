"""What any two data-channel peers must do with each other, written once for all of them.

Each function drives a whole call between an offerer and an answerer; either of them is rtcpy.
"""

from __future__ import annotations

from tests.interop.ends import End, Message, negotiate

KIB = 1024


def blob(size: int, seed: int = 0) -> bytes:
    """`size` bytes in which a lost, doubled or shifted part shows."""
    return b"".join((seed * 1_000_003 + i).to_bytes(4, "big") for i in range(size // 4 + 1))[:size]


async def connect(a: End, b: End, label: str = "main") -> None:
    """One channel, created by the offerer, open at both ends."""
    await a.create_channel(label)
    await negotiate(a, b)
    await a.wait_open(label)
    await b.wait_open(label)


async def messages_of_all_kinds(a: End, b: End, *, largest: int = 256 * KIB) -> None:
    """Text, binary, empty and large messages arrive unchanged, in order and of the same kind, both ways."""
    await connect(a, b)
    messages: list[Message] = [
        "hello",
        "Grüße, 世界 🌍",
        b"\x00\x01\xfe\xff",
        "",
        b"",
        "after the empty ones",
        blob(16 * KIB),
        blob(largest, 7),
        "x" * (largest - 1),
        b"last",
    ]
    for sender, receiver in ((a, b), (b, a)):
        await sender.send("main", messages)
        assert await receiver.receive("main", len(messages)) == messages, f"{sender.name} -> {receiver.name}"


async def a_thousand_in_order(a: End, b: End) -> None:
    """1,000 messages each way at the same time: none lost, none doubled, none out of order."""
    await connect(a, b)
    from_a: list[Message] = [f"a{i}" if i % 3 else blob(i, i) for i in range(1, 1001)]
    from_b: list[Message] = [f"b{i}" if i % 2 else blob(i * 2, i) for i in range(1, 1001)]
    await a.send("main", from_a)
    await b.send("main", from_b)
    assert await b.receive("main", 1000) == from_a
    assert await a.receive("main", 1000) == from_b


async def unordered_without_retransmits(a: End, b: End) -> None:
    """An unreliable channel is announced as such and carries messages on a clean path."""
    await a.create_channel("lossy", ordered=False, max_retransmits=0)
    await negotiate(a, b)
    for end in (a, b):
        info = await end.wait_open("lossy")
        assert {"ordered", "max_retransmits"} <= info.unknown or (info.ordered, info.max_retransmits) == (
            False,
            0,
        )
    for sender, receiver in ((a, b), (b, a)):
        sent: list[Message] = [f"{sender.name}-{i}" for i in range(50)]
        await sender.send("lossy", sent)
        assert sorted(map(str, await receiver.receive("lossy", 50))) == sorted(map(str, sent))


async def attributes_are_preserved(a: End, b: End, *, unicode: bool = True, negotiated: bool = True) -> None:
    """Label, protocol, id, order and reliability mean the same at both ends."""
    label, protocol = ("größe ✓ 通道", "прото") if unicode else ("size", "proto")
    await a.create_channel(label, protocol=protocol)
    await a.create_channel("timed", ordered=True, max_packet_life_time=1500)
    if negotiated:
        for end in (a, b):
            await end.create_channel("agreed", negotiated=True, id=77)
    await negotiate(a, b)
    for name in (label, "timed") + (("agreed",) if negotiated else ()):
        here, there = await a.wait_open(name), await b.wait_open(name)
        assert here == there, f"{name}: {here} / {there}"
    info = await b.wait_open(label)
    assert (info.label, info.protocol) == (label, protocol)
    info = await b.wait_open("timed")
    assert "max_packet_life_time" in info.unknown or info.max_packet_life_time == 1500
    if negotiated:
        assert (await a.wait_open("agreed")).id == 77
        await b.send("agreed", ["over the agreed id"])
        assert await a.receive("agreed", 1) == ["over the agreed id"]


async def channels_by_either_side_early_and_late(a: End, b: End) -> None:
    """Both sides create channels before and after connecting; ids never collide."""
    await a.create_channel("a-early")
    await b.create_channel("b-early")
    await negotiate(a, b)
    for label in ("a-early", "b-early"):
        await a.wait_open(label)
        await b.wait_open(label)
    await a.create_channel("a-late")
    await b.create_channel("b-late")
    ids = set()
    for label in ("a-early", "b-early", "a-late", "b-late"):
        here, there = await a.wait_open(label), await b.wait_open(label)
        assert here == there, f"{here} / {there}"
        ids.add(there.id if "id" in here.unknown else here.id)
        await a.send(label, [f"{label} from a"])
        await b.send(label, [f"{label} from b"])
        assert await b.receive(label, 1) == [f"{label} from a"]
        assert await a.receive(label, 1) == [f"{label} from b"]
    assert len(ids) == 4


async def close_by_either_side(a: End, b: End) -> None:
    """Closing a channel is seen by the other side, delivers what was sent before, and leaves the others alone."""
    for label in ("one", "two", "keep"):
        await a.create_channel(label)
    await negotiate(a, b)
    for label in ("one", "two", "keep"):
        await a.wait_open(label)
        await b.wait_open(label)
    await a.send("one", ["last words of a"])
    await a.close_channel("one")
    assert await b.receive("one", 1) == ["last words of a"]
    await b.wait_closed("one")
    await a.wait_closed("one")
    await b.close_channel("two")
    await a.wait_closed("two")
    await b.wait_closed("two")
    await a.send("keep", ["still here"])
    assert await b.receive("keep", 1) == ["still here"]
    await a.create_channel("again")
    here, there = await a.wait_open("again"), await b.wait_open("again")
    assert here == there, f"{here} / {there}"


async def ice_restart_keeps_channels(a: End, b: End) -> None:
    """After a restart by either side the same channels go on, with no message lost."""
    await connect(a, b)
    await a.send("main", ["before"])
    assert await b.receive("main", 1) == ["before"]
    for initiator, other in ((a, b), (b, a)):
        offer, answer = await negotiate(initiator, other, ice_restart=True)
        assert "a=ice-ufrag" in offer and "a=ice-ufrag" in answer
        await initiator.wait_connection_state("connected")
        await other.wait_connection_state("connected")
        sent: list[Message] = [f"after restart by {initiator.name} {i}" for i in range(20)]
        await a.send("main", sent)
        await b.send("main", sent)
        assert await b.receive("main", 20) == sent
        assert await a.receive("main", 20) == sent
        assert await a.channel_state("main") == "open" == await b.channel_state("main")


async def gathered_descriptions(a: End, b: End) -> None:
    """Candidates inside the descriptions, none beside them: signalling by copy and paste."""
    await a.create_channel("main")
    offer, answer = await negotiate(a, b, trickle=False)
    assert "a=candidate:" in offer and "a=candidate:" in answer
    await a.wait_open("main")
    await b.wait_open("main")
    await b.send("main", ["pasted"])
    assert await a.receive("main", 1) == ["pasted"]


async def many_channels_at_once(a: End, b: End) -> None:
    """Channels made in one go, some of each side, all work."""
    labels = [f"c{i}" for i in range(20)]
    for i, label in enumerate(labels):
        await (a, b)[i % 2].create_channel(label)
    await negotiate(a, b)
    for label in labels:
        here, there = await a.wait_open(label), await b.wait_open(label)
        assert here == there, f"{here} / {there}"
        await a.send(label, [label])
        assert await b.receive(label, 1) == [label]


async def closing_the_connection_is_noticed(a: End, b: End) -> None:
    """When the answerer closes, the offerer's channels close (RFC 8827 §6.5, W3C webrtc §6.2.4), long before consent runs out."""
    await connect(a, b)
    await b.close_connection()
    await a.wait_closed("main")


ALL = [
    messages_of_all_kinds,
    a_thousand_in_order,
    unordered_without_retransmits,
    attributes_are_preserved,
    channels_by_either_side_early_and_late,
    close_by_either_side,
    ice_restart_keeps_channels,
    gathered_descriptions,
    many_channels_at_once,
    closing_the_connection_is_noticed,
]
