"""The browser of the tests sees what a page must never do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import Visit, find_barriers, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HEAD = '<!doctype html><html lang="en"><head><title>t</title></head><body><main><h1>t</h1>'


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text(f"{HEAD}</main></body></html>", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('<img src="../beside.png" alt="x">', "leaves the report"),
        ('<img src="https://labelgate.invalid/x.png" alt="x">', "leaves the report"),
        ('<img src="missing.png" alt="x">', "is not there"),
        ("<script>throw Error('oh')</script>", "raises: oh"),
        ("<script>console.error('oh')</script>", "error: oh"),
        ("<script>alert(1)</script>", "asks: 1"),
    ],
)
def test_what_a_page_must_never_do_is_noted(
    page: Path, browser: Browser, content: str, told: str
) -> None:
    index = page / "index.html"
    index.write_text(f"{HEAD}{content}</main></body></html>", encoding="utf-8")
    problems: list[str] = []
    with browser.new_page() as opened:
        watch(opened, page, problems)
        opened.goto(index.as_uri())
    assert any(problem.startswith(told) for problem in problems), problems


def test_barriers_are_found(page: Path, visit: Visit) -> None:
    opened = visit(page)
    assert find_barriers(opened) == []
    opened.evaluate("document.body.append(document.createElement('button'))")
    assert any(line.startswith("button-name") for line in find_barriers(opened))
