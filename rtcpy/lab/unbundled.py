"""Two ICE agents alone, with a path for each stream, as before BUNDLE: what foundations and freezing are for.

Specs: RFC 8445 §6.1.2.6 (freezing), §7.2.5.3.3 (unfreezing); RFC 9143 (BUNDLE, which made it rare).
"""

from __future__ import annotations

from rtcpy.core.env import SeededEntropy
from rtcpy.core.machine import Address
from rtcpy.ice import IceAgent, LocalAddress
from rtcpy.lab.candidates import PairHistory
from rtcpy.sim.link import LinkConfig
from rtcpy.sim.network import Network

PORT = 5000  # of stream 0; each stream has a socket of its own
ALICE = "192.0.2.1"
BOB = ("198.51.100.2", "198.51.100.3")
LIMIT = 5.0  # s of virtual time; they need less than one


def unbundled(*, streams: int = 2, dead: str = BOB[0], seed: int | str = "unbundled") -> PairHistory:
    """How Alice's pairs fare when she has one address, Bob has two, and nothing reaches one of his.

    Args:
        streams: 1 to 16, with a socket for each on every address.
        dead: the address that Bob offers and has not got.
        seed: of credentials and transaction ids.
    """
    network = Network(seed=seed, link=LinkConfig(delay=0.02))
    alice, bob = (
        IceAgent(controlling=name == "alice", entropy=SeededEntropy(f"{seed}/{name}"), streams=streams)
        for name in ("alice", "bob")
    )
    network.add_host("alice", alice, [ALICE])
    network.add_host("bob", bob, [address for address in BOB if address != dead])
    for agent, addresses in ((alice, (ALICE,)), (bob, BOB)):
        sockets = [
            LocalAddress(Address(address, PORT + stream), stream=stream)
            for stream in range(streams)
            for address in addresses
        ]
        agent.gather(sockets, now=0.0)
    for agent, other in ((alice, bob), (bob, alice)):
        for stream in range(streams):
            for candidate in other.local_candidates(stream):
                agent.add_remote_candidate(candidate, stream=stream, now=0.0)
        agent.end_of_remote_candidates(now=0.0)
    alice.set_remote_credentials(bob.local_credentials, now=0.0)
    history = PairHistory("alice")
    history.look(alice, network.now)
    bob.set_remote_credentials(alice.local_credentials, now=0.0)

    def chosen() -> bool:
        history.look(alice, network.now)
        return all(agent.selected_path_of(stream) for agent in (alice, bob) for stream in range(streams))

    network.drive(until=LIMIT, stop=chosen)
    return history
