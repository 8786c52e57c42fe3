"""Which routers can be crossed, against what RFC 4787's behaviours allow by reasoning."""

from __future__ import annotations

from rtcpy.ice import IceConnectionState
from rtcpy.lab.candidates import agent_of
from rtcpy.lab.crossings import ROUTERS, crossings, try_crossing
from rtcpy.sim import Behaviour, NatConfig, PortAllocation

MAPS_BY_DESTINATION = {"symmetric"}
FILTERS_BY_PORT = {"port-restricted", "symmetric"}


def test_every_combination_is_as_reasoning_has_it() -> None:
    """One side's port is unknown beforehand, and the other side's router wants to know it: then there is no way."""
    tried = crossings()
    assert set(tried.tried) == {(mine, theirs) for mine in ROUTERS for theirs in ROUTERS}
    for mine, theirs in tried.tried:
        hopeless = (mine in MAPS_BY_DESTINATION and theirs in FILTERS_BY_PORT) or (
            theirs in MAPS_BY_DESTINATION and mine in FILTERS_BY_PORT
        )
        assert ((mine, theirs) in tried.impossible) is hopeless, (mine, theirs)
        if not hopeless:
            ends = tried[mine, theirs].types.split(" – ")
            for router, type in ((mine, ends[0]), (theirs, ends[1])):
                assert type == {"none": "host", "symmetric": "prflx"}.get(router, "srflx")
    text, html = str(tried), tried._repr_html_()
    assert text.count("no way") == html.count("no way") == 3
    assert all(name in text and name in html for name in ROUTERS)


def test_one_attempt_can_be_looked_into() -> None:
    wide = NatConfig(filtering=Behaviour.ENDPOINT_INDEPENDENT, ports=PortAllocation.RANDOM)
    good = try_crossing(wide, None)
    assert good.path is not None and good.path.selected and good.types == "srflx – host"
    assert 0 < good.seconds < 1 and good.checks >= 2
    closed = try_crossing(NatConfig(blocks_udp=True), None)
    assert closed.path is None and closed.types == "" and 39 < closed.seconds < 45
    agents = [agent_of(end) for end in closed.session.ends]
    assert all(agent.state is IceConnectionState.FAILED for agent in agents)


def test_the_same_seed_gives_the_same_attempt() -> None:
    routers = dict.fromkeys(["symmetric", "none"], None) | {"symmetric": ROUTERS["symmetric"]}
    assert str(crossings(routers)) == str(crossings(routers))
