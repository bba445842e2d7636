"""The certificates that a Redis URL names, read once: a forked child may not be allowed to read them again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from asyncendpoints.errors import ConfigurationError

if TYPE_CHECKING:
    from asyncendpoints.stores.redis_url import RedisAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What the files hold, in PEM."""

    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = field(default=None, repr=False)


def read_certificates(address: RedisAddress) -> Certificates:
    """Read the files that an address names.

    Raises:
        ConfigurationError: A file cannot be read; the message names the parameter and the file.
    """
    return Certificates(ca=_read("ca", address.ca), cert=_read("cert", address.cert), key=_read("key", address.key))


def _read(parameter: str, file: str | None) -> bytes | None:
    if file is None:
        return None
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the file that {parameter!r} in the Redis URL names cannot be read: {file} ({error.strerror})"
        ) from error
