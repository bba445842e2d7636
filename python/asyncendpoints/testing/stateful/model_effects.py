"""The side effects of `once`, as plainly as they can be written."""

from __future__ import annotations


class ModelEffects:
    """For each origin and key: who reserved it, and what was recorded."""

    def __init__(self) -> None:
        self._effects: dict[tuple[str, str], tuple[str, bytes | None]] = {}

    def reserve(self, origin: str, key: str, nonce: str, takeover: bool) -> tuple[str, bytes | None]:
        """Return the word, and the value where it was recorded."""
        held = self._effects.get((origin, key))
        if held is not None and held[1] is not None:
            return "recorded", held[1]
        if held is None or takeover or held[0] == nonce:
            self._effects[origin, key] = (nonce, None)
            return "reserved", None
        return "uncertain", None

    def record(self, origin: str, key: str, nonce: str, value: bytes | None) -> bool:
        """Record a value, or give the reservation back; return whether it is as wanted."""
        held = self._effects.get((origin, key))
        if held is None:
            return value is None
        holder, recorded = held
        if holder != nonce or (recorded is not None and value is None):
            return False
        if value is None:
            del self._effects[origin, key]
        elif recorded is None:
            self._effects[origin, key] = (nonce, value)
        return True

    def keep_only(self, origins: set[str]) -> None:
        """Forget the effects of every other origin."""
        self._effects = {place: held for place, held in self._effects.items() if place[0] in origins}
