"""What the handshakes in a recording have told: who is client, which suite, which keys; and records opened with them.

`Handshakes` hears every handshake message as it goes by, puts fragments together, and remembers randoms and suites.
With a key log it derives the record keys of DTLS 1.2, by the same code as the stack itself, and opens records by
trying: the tag of a record says whether the keys were right, so neither addresses nor the order of paths matter.

Nobody is authenticated here and nothing is decided: this reads recordings. All that grows has a limit.

Specs: RFC 6347 §4.2.3 (fragments), §4.1.2 (records); RFC 5246 §6.3 (keys); RFC 8446 §4.1.3 (the version chosen).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag

from rtcpy.core.errors import WireError
from rtcpy.dtls.events import DTLS_1_2, CipherSuite
from rtcpy.dtls.extensions import ExtensionType
from rtcpy.dtls.fragments import Assembly, Verdict, check
from rtcpy.dtls.keys12 import SUITES, KeySchedule
from rtcpy.dtls.messages import ClientHello, HandshakeFragment, HandshakeType, Message, ServerHello
from rtcpy.dtls.record12 import Protection, protection_for
from rtcpy.dtls.registries import HELLO_RETRY_REQUEST_RANDOM
from rtcpy.explain.keylog import KeyLog

ASSEMBLIES_MAX = 64  # messages being put together at once
HELLOS_MAX = 64  # ClientHellos remembered until a ServerHello answers
CONNECTIONS_MAX = 64  # connections remembered; the oldest goes


@dataclass(slots=True)
class Connection:
    """One handshake that was seen: from a ServerHello on."""

    client: Hashable
    server: Hashable
    client_random: bytes
    server_random: bytes
    suite: int
    version: int
    protections: dict[bool, Protection] | None = field(default=None, repr=False)  # by "the client sends"

    def open_keys(self, keys: KeyLog) -> bool:
        """Derive the record keys if the key log has the secret; whether there are keys now. Spec: RFC 5246 §6.3."""
        if self.protections is None and self.version == DTLS_1_2 and self.suite in SUITES:
            master = keys.master_secret(self.client_random)
            if master is not None:
                suite = CipherSuite(self.suite)
                block = KeySchedule(suite, self.client_random, self.server_random, master).key_block()
                self.protections = {
                    True: protection_for(suite, block.client_key, block.client_iv),
                    False: protection_for(suite, block.server_key, block.server_iv),
                }
        return self.protections is not None


class Handshakes:
    """The handshakes of a recording, heard message by message.

    Args:
        keys: secrets, if there are any; may be added to later.
    """

    __slots__ = ("_assemblies", "_hellos", "connections", "keys")

    def __init__(self, keys: KeyLog | None = None) -> None:
        self.keys = keys if keys is not None else KeyLog()
        self.connections: list[Connection] = []  # latest last
        self._hellos: list[
            tuple[Hashable, Hashable, bytes]
        ] = []  # source, destination, client random; latest last
        self._assemblies: dict[tuple[Hashable, Hashable, int, int, int], Assembly] = {}

    def hear(self, fragment: HandshakeFragment, source: Hashable, destination: Hashable) -> Message | None:
        """Take a fragment that came by; the message that it completes, if it is one of several and the last."""
        if check(fragment) is not Verdict.KEPT:
            return None
        if len(fragment.fragment) == fragment.length:
            self._note(Message(fragment.type, fragment.message_seq, fragment.fragment), source, destination)
            return None
        key = (source, destination, fragment.message_seq, int(fragment.type), fragment.length)
        assembly = self._assemblies.pop(key, None) or Assembly(fragment.length)
        assembly.add(fragment.fragment_offset, fragment.fragment)
        if not assembly.is_complete:
            self._assemblies[key] = assembly
            while len(self._assemblies) > ASSEMBLIES_MAX:
                del self._assemblies[next(iter(self._assemblies))]
            return None
        message = Message(fragment.type, fragment.message_seq, assembly.body())
        self._note(message, source, destination)
        return message

    def _note(self, message: Message, source: Hashable, destination: Hashable) -> None:
        """Remember what a hello says."""
        try:
            if message.type == HandshakeType.CLIENT_HELLO:
                self._hellos.append((source, destination, ClientHello.parse(message.body).random))
                del self._hellos[:-HELLOS_MAX]
            elif message.type == HandshakeType.SERVER_HELLO:
                self._answered(ServerHello.parse(message.body), source, destination)
        except WireError:
            return  # the dissector shows what is wrong with it

    def _answered(self, hello: ServerHello, source: Hashable, destination: Hashable) -> None:
        asked = [entry for entry in self._hellos if entry[:2] == (destination, source)] or self._hellos
        if not asked or hello.random == HELLO_RETRY_REQUEST_RANDOM:
            return
        client, _, client_random = asked[-1]
        for known in self.connections:
            if (known.client_random, known.server_random) == (client_random, hello.random):
                return  # a retransmission
        version = hello.server_version
        for extension in hello.extensions or ():
            if extension.type == ExtensionType.SUPPORTED_VERSIONS and isinstance(extension.body, bytes):
                version = int.from_bytes(extension.body[:2], "big")
        suite = int(hello.cipher_suite)
        self.connections.append(Connection(client, source, client_random, hello.random, suite, version))
        del self.connections[:-CONNECTIONS_MAX]

    def between(self, source: Hashable, destination: Hashable) -> Connection | None:
        """The connection that a record from `source` belongs to most likely: of these two, else the latest."""
        for one in reversed(self.connections):
            if {one.client, one.server} == {source, destination}:
                return one
        return self.connections[-1] if self.connections else None

    def open(
        self, content_type: int, number: int, record: bytes, begin: int, end: int
    ) -> tuple[bytes, Connection, bool] | None:
        """The plaintext of ``record[begin:end]``, its connection, and whether the client sent it.

        Args:
            content_type: from the record's header.
            number: epoch and sequence number as one.
            record: the buffer.
            begin: where the fragment begins.
            end: where it ends.
        """
        for connection, is_client, protection in self._candidates():
            if end - begin < protection.overhead:
                continue
            try:
                plain = protection.open(number, content_type, record, begin, end)
            except InvalidTag:
                continue
            return plain, connection, is_client
        return None

    def _candidates(self) -> Iterator[tuple[Connection, bool, Protection]]:
        for connection in reversed(self.connections):
            if connection.open_keys(self.keys) and connection.protections is not None:
                for is_client, protection in connection.protections.items():
                    yield connection, is_client, protection
