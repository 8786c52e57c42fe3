"""Hypothesis strategies for STUN messages: every registered attribute with values that its format can carry."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from rtcpy.core.machine import Address
from rtcpy.stun import ErrorCode, Message, MessageClass, Method, PasswordAlgorithm
from rtcpy.stun import attributes as a
from rtcpy.stun import values as v

transaction_ids = st.binary(min_size=12, max_size=12)
ports = st.integers(0, 0xFFFF)
ipv4_addresses = st.builds(Address, st.ip_addresses(v=4).map(str), ports)
ipv6_addresses = st.builds(
    # v4-mapped ones are spelled differently by different Pythons and have a test of their own
    Address,
    st.ip_addresses(v=6).filter(lambda ip: ip.ipv4_mapped is None).map(str),
    ports,
)
addresses = ipv4_addresses | ipv6_addresses
text = st.text(max_size=120)
u8, u16, u32, u64 = (st.integers(0, (1 << width) - 1) for width in (8, 16, 32, 64))
algorithms = st.builds(PasswordAlgorithm, u16, st.binary(max_size=9))

VALUES = {
    a.MAPPED_ADDRESS: addresses,
    a.USERNAME: text,
    a.ERROR_CODE: st.builds(ErrorCode, st.integers(300, 699), text),
    a.UNKNOWN_ATTRIBUTES: st.lists(u16, max_size=9).map(tuple),
    a.REALM: text,
    a.NONCE: st.binary(max_size=128),
    a.PASSWORD_ALGORITHM: algorithms,
    a.USERHASH: st.binary(min_size=32, max_size=32),
    a.XOR_MAPPED_ADDRESS: addresses,
    a.PASSWORD_ALGORITHMS: st.lists(algorithms, max_size=3).map(tuple),
    a.ALTERNATE_DOMAIN: st.text(string.ascii_lowercase + ".-", max_size=40),
    a.SOFTWARE: text,
    a.ALTERNATE_SERVER: addresses,
    a.PRIORITY: u32,
    a.USE_CANDIDATE: st.just(True),
    a.ICE_CONTROLLED: u64,
    a.ICE_CONTROLLING: u64,
    a.CHANNEL_NUMBER: u16,
    a.LIFETIME: u32,
    a.XOR_PEER_ADDRESS: addresses,
    a.DATA: st.binary(max_size=40),
    a.XOR_RELAYED_ADDRESS: addresses,
    a.REQUESTED_ADDRESS_FAMILY: u8,
    a.EVEN_PORT: st.booleans(),
    a.REQUESTED_TRANSPORT: u8,
    a.DONT_FRAGMENT: st.just(True),
    a.RESERVATION_TOKEN: st.binary(min_size=8, max_size=8),
    a.ADDITIONAL_ADDRESS_FAMILY: u8,
    a.ADDRESS_ERROR_CODE: st.builds(v.AddressError, u8, st.integers(300, 699), text),
    a.ICMP: st.builds(v.IcmpError, u8, u8, u32),
}

known_attributes = st.sampled_from(list(VALUES)).flatmap(lambda kind: VALUES[kind].map(kind))
unknown_codes = u16.filter(lambda code: code not in a.REGISTRY and code not in (0x0008, 0x001C, 0x8028))
unknown_attributes = st.builds(
    lambda code, value: v.unknown_attribute(code)(value), unknown_codes, st.binary(max_size=9)
)

methods = st.sampled_from(list(Method)) | st.integers(0, 0xFFF)
messages = st.builds(
    Message,
    methods,
    st.sampled_from(list(MessageClass)),
    transaction_ids,
    st.lists(known_attributes | unknown_attributes, max_size=6),
)
keys = st.binary(max_size=80)
