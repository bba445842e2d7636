"""Write the tables of figures in the README and in docs from `benches/results`: `python -m benches.report`.

`--check` changes nothing and says whether they are those that the results make.
"""

from __future__ import annotations

import argparse
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benches.peers import table as peers_table
from benches.results import Figure, load

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parent.parent


def number(value: float) -> str:
    """Write a number with as many digits as a reader can use."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def bound(figure: Figure) -> str:
    """Write a figure's target and whether it is met."""
    if figure.target is None:
        return ""
    return f"{'≤' if figure.at_most else '≥'} {number(figure.target)}{'' if figure.met else ' (missed)'}"


def row(figure: Figure) -> str:
    """Write one row of the table."""
    peer = "" if figure.peer is None or figure.peer_value is None else f"{figure.peer}: {number(figure.peer_value)}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return f"| {figure.what} | {number(figure.value)} {figure.unit} | {peer} | {ratio} | {bound(figure)} |"


def line(figure: Figure) -> str:
    """Write a figure for a terminal."""
    parts = [f"{figure.what}: {number(figure.value)} {figure.unit}"]
    if figure.ratio is not None and figure.peer_value is not None:
        parts.append(f"{figure.ratio:.2f} of {figure.peer} ({number(figure.peer_value)})")
    if figure.target is not None:
        parts.append(f"target {bound(figure)}")
    return "; ".join(parts)


def table() -> str:
    """Return the lines that stand between the README's marks."""
    results = load()
    if not results:
        return ""
    machines = {
        "{processor}, {cores} cores, Python {python}".format(**record["machine"]) for record, _ in results.values()
    }
    rows = [row(figure) for _, figures in results.values() for figure in figures]
    lines = [
        "",
        "| what | measured | against | ratio | target |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        f"Taken on {'; '.join(sorted(machines))}.",
        "",
    ]
    return "\n".join(lines) + "\n"


def peers(name: str) -> str:
    """Return the lines that stand between the marks of a table of peers, which a result file has."""
    found = load().get(name)
    if found is None:
        return ""
    return "\n".join(["", *peers_table.lines(peers_table.TABLES[name], found[0]["peers"]), "", ""])


_PEERS: Final = "docs/explanation/performance.md"
PLACES: Final[tuple[tuple[str, str, Callable[[], str]], ...]] = (
    ("README.md", "figures", table),
    (_PEERS, "peers", partial(peers, "7-redis")),
    (_PEERS, "peers on SQL", partial(peers, "8-sql")),
)
"""For each document the name of its marks, and what stands between them."""


def made(text: str, marks: str, lines: str) -> str:
    """Return a document with these lines between its marks."""
    place = re.compile(rf"(<!-- {marks}: begin [^\n]*-->\n).*?(<!-- {marks}: end -->)", re.DOTALL)
    return place.sub(lambda match: match[1] + lines + match[2], text)


def main() -> int:
    """Write the tables, or with `--check` say which are not those that the results make."""
    parser = argparse.ArgumentParser(prog="python -m benches.report", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a table is out of date")
    options = parser.parse_args()
    stale: list[str] = []
    for name, marks, lines in PLACES:
        document = ROOT / name
        present = document.read_text(encoding="utf-8")
        wanted = made(present, marks, lines())
        if wanted == present:
            continue
        if options.check:
            stale.append(name)
        else:
            document.write_text(wanted, encoding="utf-8")
    for name in stale:
        print(f"{name}: the figures are not those of benches/results; run python -m benches.report")
    return len(stale)


if __name__ == "__main__":
    sys.exit(main())
