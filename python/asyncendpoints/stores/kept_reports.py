"""The reports of processes, kept in this process: what a store without a database of its own has of them."""

from __future__ import annotations

from asyncendpoints.stores.base import HISTORY_SLOTS, SIGN_KEPT_MS, SLOT_MS, Report, Reports, Sign


class KeptReports:
    """Keeps reports. Calls may come from several threads."""

    def __init__(self) -> None:
        self._signs: dict[str, Sign] = {}
        self._history: dict[tuple[int, str], bytes] = {}

    def report(self, report: Report, *, now: int) -> int:
        """Keep a report, let go of what is too old, and return the time."""
        if report.card is None:
            self._signs.pop(report.process, None)
        else:
            self._signs[report.process] = Sign(report.process, report.card, now)
        if report.history is not None:
            self._history[(report.slot, report.process)] = report.history
        for name, sign in tuple(self._signs.items()):
            if sign.seen_at <= now - SIGN_KEPT_MS:
                del self._signs[name]
        for key in tuple(self._history):
            if key[0] <= now // SLOT_MS - HISTORY_SLOTS:
                del self._history[key]
        return now

    def reports(self, *, since: int, now: int) -> Reports:
        """Return the signs of life, and the history from slot `since` on."""
        signs = sorted(self._signs.values(), key=lambda sign: sign.process)
        history = sorted((slot, name, body) for (slot, name), body in tuple(self._history.items()) if slot >= since)
        return Reports(now, signs, history)
