"""Tests that pages of the documentation name: `test_module::test_function`, in backticks."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

META_TESTS = Path(__file__).parent

_NAMED = re.compile(r"`(test_\w+)(?:\.py)?::(test_\w+)`")


def named_tests(page: Path) -> list[tuple[str, str]]:
    """Module and function of every test that a page names, in the order of the page."""
    return _NAMED.findall(page.read_text(encoding="utf-8"))


def missing_tests(page: Path) -> list[str]:
    """What a page names that is not there."""
    return [
        f"{module}::{function}"
        for module, function in named_tests(page)
        if function not in _functions(module)
    ]


def rows_without_a_test(page: Path) -> Iterator[str]:
    """Rows of tables whose last cell names no test; a head and its line of dashes are no rows."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        is_row = line.startswith("|") and before.startswith("|") and not line.startswith("|-")
        if is_row and not _NAMED.search(line.rstrip("| ").rpartition(" | ")[2]):
            yield line


@cache
def _functions(module: str) -> frozenset[str]:
    file = META_TESTS / f"{module}.py"
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
