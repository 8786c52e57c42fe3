"""OpaqueString: RFC 8265's own examples, each class of RFC 8264, the context rules, and idempotence."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcpy.core.errors import RtcSyntaxError, UsageError
from rtcpy.stun import opaque_string


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("correct horse battery staple", "correct horse battery staple"),  # RFC 8265 §4.3, examples 12–16
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("πßå", "πßå"),
        ("Jack of ♦s", "Jack of ♦s"),
        ("foo\u1680bar", "foo bar"),
        ("a\u00a0b\u3000c", "a b c"),  # every other kind of space, §4.2.2 rule 2
        ("e\u0301", "é"),  # NFC, rule 4
        ("\u212b", "\u00e5".upper()),  # ANGSTROM SIGN becomes the letter
        ("Ⅸ", "Ⅸ"),  # but compatibility forms stay: this is not SASLprep
        ("ａ", "ａ"),  # rule 1: no width mapping
        ("ﬁ", "ﬁ"),
        ("マトリックス", "マトリックス"),
        ("l·l", "l·l"),
        ("͵α", "͵α"),
        ("א׳", "א׳"),
        ("カ・", "カ・"),
        ("क्\u200dष", "क्\u200dष"),  # ZERO WIDTH JOINER behind a virama
        ("١٢", "١٢"),
        ("۱۲", "۱۲"),
        ("\u0f0b", "\u0f0b"),
    ],
)
def test_accepted(text: str, result: str) -> None:
    assert opaque_string(text) == result


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("my cat is a \tby", "character 13, U\\+0009"),  # RFC 8265 §4.3, example 18
        ("a\x7f", "character 2, U\\+007F"),
        ("a\u0085", "U\\+0085"),
        ("\u00adx", "character 1, U\\+00AD"),  # invisible, RFC 8264 §9.13
        ("a\u200b", "U\\+200B"),
        ("a\ufeff", "U\\+FEFF"),
        ("a\U000e0001", "U\\+E0001"),
        ("\u1100", "U\\+1100"),  # Old Hangul, §9.9
        ("\u0640", "U\\+0640"),  # RFC 5892 §2.6
        ("\u0378", "U\\+0378"),  # unassigned, §9.10
        ("\ufdd0", "U\\+FDD0"),  # noncharacter
        ("\ud800", "U\\+D800"),
        ("\ue000", "U\\+E000"),  # private use: in no class
        ("l·m", "U\\+00B7"),
        ("·", "U\\+00B7"),
        ("͵a", "U\\+0375"),
        ("a׳", "U\\+05F3"),
        ("a・", "U\\+30FB"),
        ("a\u200d", "U\\+200D"),
        ("\u200c", "U\\+200C"),
        ("١۱", "U\\+0661"),
        ("۱١", "U\\+06F1"),
    ],
)
def test_refused(text: str, where: str) -> None:
    with pytest.raises(RtcSyntaxError, match=where) as caught:
        opaque_string(text)
    assert "RFC 8265" in str(caught.value)


def test_empty_is_refused() -> None:
    """RFC 8265 §4.3, example 17."""
    with pytest.raises(RtcSyntaxError, match="must not be empty"):
        opaque_string("")


def test_the_error_does_not_repeat_the_password() -> None:
    with pytest.raises(RtcSyntaxError) as caught:
        opaque_string("hunter2\x00")
    assert "hunter2" not in str(caught.value)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1))
def test_printable_ascii_is_unchanged(text: str) -> None:
    assert opaque_string(text) == text


@given(st.text(min_size=1, max_size=12))
def test_the_result_is_stable(text: str) -> None:
    """What comes out is NFC, has one kind of space, and comes out again; anything else is a `UsageError`."""
    try:
        once = opaque_string(text)
    except UsageError:
        return
    assert opaque_string(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not any(unicodedata.category(c) in ("Cc", "Cn", "Cs", "Co") for c in once)
    assert all(c == " " for c in once if unicodedata.category(c) == "Zs")
