"""Write the README's table of figures from `benches/results`: `python -m benches.report`, or `--check` it."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from benches.results import Figure, load

README: Final = Path(__file__).resolve().parent.parent / "README.md"
PLACE: Final = re.compile(r"(?P<begin><!-- figures: begin [^\n]*-->\n).*?(?P<end><!-- figures: end -->)", re.DOTALL)


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


def main() -> int:
    """Write the table, or with `--check` say whether it is the one that the results make."""
    parser = argparse.ArgumentParser(prog="python -m benches.report", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where the table is out of date")
    options = parser.parse_args()
    present = README.read_text(encoding="utf-8")
    made = PLACE.sub(lambda match: match["begin"] + table() + match["end"], present)
    if options.check:
        if made != present:
            print("README.md: the figures are not those of benches/results; run python -m benches.report")
        return int(made != present)
    README.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
