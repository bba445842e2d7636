"""A form's fingerprint: the parts of a multipart body whatever its boundary, and the bytes of everything else."""

from __future__ import annotations

import pytest

from asyncendpoints.http.forms import form_digest


def form(boundary: str, *parts: str) -> bytes:
    return b"".join(f"--{boundary}\r\n{part}\r\n".encode() for part in parts) + f"--{boundary}--\r\n".encode()


def kind(boundary: str) -> bytes:
    return b"multipart/form-data; boundary=" + boundary.encode()


def test_the_boundary_does_not_count() -> None:
    """The same parts under another boundary are the same form, however the boundary is written."""
    first = form_digest(kind("one"), form("one", "A", "B"))
    assert first is not None
    assert form_digest(kind("another"), form("another", "A", "B")) == first
    assert form_digest(b'Multipart/Form-Data; charset=utf-8; Boundary="a b"', form("a b", "A", "B")) == first


@pytest.mark.parametrize("parts", [["B", "A"], ["A"], ["A", "B", "B"], ["AB"], ["A\r\nB"], ["A", "C"]])
def test_everything_else_counts(parts: list[str]) -> None:
    """Order, number and content of the parts make another form."""
    assert form_digest(kind("b"), form("b", *parts)) != form_digest(kind("b"), form("b", "A", "B"))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"application/x-www-form-urlencoded", b"a=1&" * 200_000),
        (b"application/octet-stream", b"--b"),
        (b"multipart/form-data", b"--b"),
        (b"multipart/form-data; boundary=", b"--b"),
        (kind("b"), form("b", *["x"] * 5000)),
    ],
)
def test_other_bodies_stand_for_themselves(content_type: bytes, body: bytes) -> None:
    """Nothing is taken apart that is not a multipart form, or has more parts than any framework takes."""
    assert form_digest(content_type, body) is None
