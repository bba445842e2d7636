"""What is stored of a request comes back as it was."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from asyncendpoints.http.scripted import scripted_request
from asyncendpoints.http.stored import full_path, stored_request
from asyncendpoints.policy import Policy
from asyncendpoints.request import StoredRequest, decode_request, encode_request


@pytest.mark.parametrize(
    ("root", "path", "full"),
    [
        ("", "/x", "/x"),
        ("/api", "/x", "/api/x"),
        ("/api", "/api/x", "/api/x"),
        ("/api", "/api", "/api"),
        ("/api", "/apis/x", "/api/apis/x"),
        ("/api/", "/api/x", "/api/x"),
        ("/", "/x", "/x"),
    ],
)
def test_a_path_is_whole_with_or_without_its_root(root: str, path: str, full: str) -> None:
    """The root path goes before a path that does not have it; a name that only begins like it is another."""
    assert full_path({"path": path, "root_path": root}) == full


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 2**70, -(2**70), 10**400, 127, 128])
def test_a_path_parameter_that_is_an_integer_stays_one(number: int) -> None:
    """Integers have no bound: one of more than 64 bits is stored as what it is."""
    scope: dict[str, Any] = {
        "method": "POST",
        "path": "/x",
        "query_string": b"",
        "headers": [],
        "path_params": {"n": number, "name": "a"},
    }
    stored = decode_request(stored_request(scope, Policy()))
    assert stored.path_params == {"n": number, "name": "a"}
    assert decode_request(encode_request(stored)) == stored
    assert decode_request(encode_request(scripted_request({"n": number}))).path_params == {"n": number}


def test_an_extension_that_nobody_wrote_is_refused() -> None:
    """A request of a later version of the library is not misread."""
    stored = StoredRequest(path_params={"n": msgspec.msgpack.Ext(9, b"x")})
    with pytest.raises(msgspec.ValidationError, match="extension 9"):
        decode_request(encode_request(stored))
