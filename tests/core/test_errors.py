"""The error tree: what a message says, which W3C name a usage error carries, what catches what."""

from __future__ import annotations

import pytest

from rtcpy.core import errors
from rtcpy.core.errors import CryptoError, ProtocolError, RtcError, RtcRangeError, UsageError, WireError


def test_a_wire_error_says_what_where_and_which_rule() -> None:
    error = WireError("length is 2, at least 4 expected", offset=6, rfc="RFC 9260 §3.2", value=2)
    assert str(error) == "length is 2, at least 4 expected at byte 6 (RFC 9260 §3.2)"
    assert (error.offset, error.rfc, error.value) == (6, "RFC 9260 §3.2", 2)
    assert str(WireError("no more")) == "no more"


def test_a_protocol_error_carries_what_to_answer() -> None:
    error = ProtocolError("a second ServerHello", rfc="RFC 5246 §7.3", alert_or_cause=10)
    assert str(error) == "a second ServerHello (RFC 5246 §7.3)"
    assert error.alert_or_cause == 10


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (errors.InvalidStateError, "InvalidStateError"),
        (errors.InvalidAccessError, "InvalidAccessError"),
        (errors.InvalidModificationError, "InvalidModificationError"),
        (errors.OperationError, "OperationError"),
        (errors.RtcSyntaxError, "SyntaxError"),
        (errors.NotSupportedError, "NotSupportedError"),
        (errors.NetworkError, "NetworkError"),
        (errors.AbortError, "AbortError"),
        (errors.RtcRangeError, "RangeError"),
    ],
)
def test_usage_errors_have_their_dom_names(cls: type[UsageError], name: str) -> None:
    assert cls("why").name == name
    assert issubclass(cls, UsageError) and issubclass(cls, RtcError)


def test_every_usage_error_is_in_the_table_above() -> None:
    found = {c.__name__ for c in vars(errors).values() if isinstance(c, type) and issubclass(c, UsageError)}
    assert found - {"UsageError"} == {
        "AbortError", "InvalidAccessError", "InvalidModificationError", "InvalidStateError", "NetworkError",
        "NotSupportedError", "OperationError", "RtcRangeError", "RtcSyntaxError",
    }  # fmt: skip


def test_the_families_do_not_catch_each_other() -> None:
    for a in (WireError, ProtocolError, CryptoError, UsageError):
        for b in (WireError, ProtocolError, CryptoError, UsageError):
            assert issubclass(a, b) == (a is b)


def test_a_range_error_is_a_value_error_for_python_callers() -> None:
    with pytest.raises(ValueError, match="65536"):
        raise RtcRangeError("id 65536")
