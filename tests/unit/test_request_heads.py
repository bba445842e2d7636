"""What the headers of a request say is found in one pass, and stored as it was sent."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncendpoints._core import Head, fingerprint_of
from asyncendpoints.http.stored import stored_request
from asyncendpoints.policy import Policy
from asyncendpoints.request import StoredRequest, decode_request, encode_request

HEADERS = [
    (b"host", b"a"),
    (b"host", b"b"),
    (b"x-key", b"k1"),
    (b"content-type", b"text/plain"),
    (b"content-length", b"12"),
    (b"prefer", b"wait=1"),
    (b"accept", b"*/*"),
    (b"prefer", b"respond-async"),
    (b"expect", b"100-Continue"),
    (b"x-other", b"k2"),
]


def scope(headers: Any) -> dict[str, Any]:
    """Return the scope of a request with these headers."""
    return {"method": "PUT", "path": "/x", "query_string": b"a=\xe9", "headers": headers, "root_path": "/r"}


@pytest.mark.parametrize("shape", [list, tuple, iter, lambda pairs: [list(pair) for pair in pairs]])
def test_one_pass_finds_all_whatever_the_server_keeps_headers_in(shape: Any) -> None:
    """The protocol asks for an iterable of two-item iterables; lists of lists occur."""
    head = Head(shape(HEADERS), (b"x-key", b"x-other"))
    assert (head.host, head.length, head.expects, head.carries) == (b"a", 12, True, True)
    assert (head.content_types, head.accepts) == ([b"text/plain"], [b"*/*"])
    assert (head.keys, head.prefers) == ([b"k1", b"k2"], [b"wait=1", b"respond-async"])


def test_a_request_without_headers_says_nothing() -> None:
    """No body is declared, and no host."""
    head = Head([], ())
    assert (head.host, head.length, head.expects, head.carries, head.keys) == (None, -1, False, False, [])


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"", -1),
        (b"-1", -1),
        (b"+1", -1),
        (b"1 ", -1),
        (b"9" * 18, 10**18 - 1),
        (b"9" * 20, -1),
    ],
)
def test_a_length_is_digits(value: bytes, length: int) -> None:
    """Everything else declares nothing; what is too long for a number is not one."""
    assert Head([(b"content-length", value)], ()).length == length


def test_the_largest_length_of_all_is_over_every_limit() -> None:
    """Nineteen digits may be more than the machine's word."""
    assert Head([(b"content-length", b"9" * 19)], ()).length == 2**63 - 1


def test_chunks_are_a_body_of_unknown_length() -> None:
    """Transfer-Encoding says that something comes."""
    assert Head([(b"transfer-encoding", b"chunked")], ()).carries


@pytest.mark.parametrize("count", [0, 1, 15, 16, 300, 70_000])
def test_any_number_of_headers_is_stored(count: int) -> None:
    """In the order sent, repeated ones too; credentials are left out."""
    sent = [(b"cookie", b"c"), *((b"n%d" % number, b"v") for number in range(count))]
    stored = decode_request(stored_request(scope(sent), Policy()))
    assert stored.headers == [(f"n{number}", "v") for number in range(count)]
    assert (stored.method, stored.path, stored.query, stored.root_path) == ("PUT", "/r/x", "a=é", "/r")


@given(value=st.binary(max_size=300))
def test_header_values_are_latin_1(value: bytes) -> None:
    """Each byte is a character, as ASGI servers and frameworks take them."""
    stored = decode_request(stored_request(scope([(b"x", value)]), Policy()))
    assert stored.headers == [("x", value.decode("latin-1"))]


@given(text=st.text(st.characters(codec="utf-8"), max_size=300), embed=st.sampled_from([None, True, False]))
def test_a_stored_request_comes_back_as_it_was(text: str, embed: bool | None) -> None:
    """Whatever its texts are, also those that a script gives and no header could carry."""
    request = StoredRequest("DELETE", text, text, {"a": text}, text, [(text, text)], {"v": b"1"}, text, text, embed)
    assert decode_request(encode_request(request)) == request


def test_a_long_text_is_stored_whole() -> None:
    """Texts have lengths of one, two and four bytes."""
    for size in (31, 32, 255, 256, 65_535, 65_536):
        assert decode_request(encode_request(StoredRequest(path="p" * size))).path == "p" * size


def test_a_fingerprint_is_blake2b() -> None:
    """Of the parts' lengths, a line feed, and the parts (RFC 7693)."""
    said = hashlib.blake2b(b"1 0 3\nabcd", digest_size=32).digest()
    assert fingerprint_of(b"a", b"", b"bcd") == said
    assert fingerprint_of() == hashlib.blake2b(b"\n", digest_size=32).digest()
