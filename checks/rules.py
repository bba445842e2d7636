"""Every rule of docs/rules.md has a test that names it, and no number is used that is not a rule."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.tree import Tree

PAGE: Final = "docs/rules.md"
HEADING: Final = re.compile(r"^### (?P<number>[A-Z]{3}-\d+[ab]?): ", re.MULTILINE)
NUMBER: Final = re.compile(r"\b(?P<number>(?:SUB|IDM|CLM|LSE|SET|RES|CAN|EFF|SHD|RTN|CLK|LST|REP)-\d+[ab]?)(?![\w-])")
IN_A_NAME: Final = re.compile(
    r"(?:^|_)(?P<letters>sub|idm|clm|lse|set|res|can|eff|shd|rtn|clk|lst|rep)_(?P<digit>\d+[ab]?)(?=_)"
)
CODE: Final = (".py", ".pyi", ".rs", ".lua", ".sql", ".md")
TESTS: Final = ("tests/", "python/asyncendpoints/testing/conformance/")


def findings(tree: Tree) -> Iterator[str]:
    """Yield rules without a test, and numbers without a rule."""
    if PAGE not in tree.files:
        yield f"{PAGE} is missing"
        return
    rules = HEADING.findall(tree.text(PAGE))
    known = set(rules)
    tested: set[str] = set()
    for name in tree.files:
        if not name.endswith(CODE) or name == PAGE:
            continue
        text = tree.text(name)
        for line, number in _numbers(text):
            # "LSE-3" stands for LSE-3a and LSE-3b together.
            if number not in known and not {f"{number}a", f"{number}b"} <= known:
                yield f"{name}:{line} names {number}, which is not in {PAGE}"
        if name.startswith(TESTS) and name.endswith(".py"):
            tested |= _tested(text)
    for number in rules:
        if number not in tested:
            yield f"{number} has no test: name it in the name or docstring of one"
        if rules.count(number) > 1:
            yield f"{number} stands twice in {PAGE}"


def _numbers(text: str) -> Iterator[tuple[int, str]]:
    for line, content in enumerate(text.splitlines(), start=1):
        for match in NUMBER.finditer(content):
            yield line, match["number"]


def _tested(text: str) -> set[str]:
    """Return the rules that a function's name or docstring names."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            named |= {f"{match['letters'].upper()}-{match['digit']}" for match in IN_A_NAME.finditer(node.name)}
            named |= {match["number"] for match in NUMBER.finditer(ast.get_docstring(node) or "")}
    return named
