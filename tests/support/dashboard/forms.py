"""Forms as they stand in a page."""

from __future__ import annotations

from html.parser import HTMLParser


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "input" and values.get("type") == "hidden":
            self.found[values["name"] or ""] = values.get("value") or ""


def fields_of(page: str) -> dict[str, str]:
    """Return the hidden fields of a page."""
    parser = _Fields()
    parser.feed(page)
    return parser.found
