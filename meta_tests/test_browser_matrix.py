"""The first page in a real browser: the matrix is searched, filtered, sorted, paged, and walked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import Visit, find_barriers
from handmade_reports import PAIRS, RGB, make_report, result, write_folder

if TYPE_CHECKING:
    from playwright.sync_api import Page

DECODES, SOURCES = "every_image_decodes", "no_source_dominates"
HOSTILE = (
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(2)>", "\u202egpj.exe", "🦩",
    "javascript:alert(3)", "../../etc/passwd", "x" * 300, "\"'><svg onload=alert(4)>", "&lt;b&gt;",
)  # fmt: skip


def draw(path: str) -> RGB:
    raise FileNotFoundError(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """250 classes, of which 003 and 203 have files that do not decode, and 203 copies as well."""
    names = [f"class {number:03d}" for number in range(250)] + list(HOSTILE)
    broken = {"class 003": 12.0, "class 203": 5.0}
    results: list[dict[str, Any]] = [
        result(
            DECODES,
            name,
            "failed" if name in broken else "passed",
            value=broken.get(name, 0.0),
        )
        for name in names
    ]
    results += [result(PAIRS, n, "failed" if n == "class 203" else "passed") for n in names]
    results += [result(SOURCES, name, "not_measured", value=None) for name in names]
    results += [result("planted_copies_are_found", "mirror", value=0.97)]
    report = make_report(results)
    report["properties"][PAIRS]["severity"] = "critical"
    return write_folder(tmp_path_factory.mktemp("matrix"), report, draw)


def rows_of(page: Page) -> list[str]:
    names = page.locator("section.kind:visible tbody th bdi:first-of-type")
    return names.all_inner_texts()


def test_the_first_rows_are_read_without_scripts(folder: Path, visit: Visit) -> None:
    page = visit(folder, javascript=False)
    assert rows_of(page)[:2] == ["class 203", "class 003"]
    assert len(rows_of(page)) == 101
    assert page.get_by_text("The first 100 of 259 rows").is_visible()
    assert not page.locator("#controls").is_visible()


def test_scripts_make_the_rows_that_stand_in_the_page(folder: Path, visit: Visit) -> None:
    page = visit(folder)
    body = page.locator("section.kind tbody").first
    page.evaluate("location.hash = '#filter=class'")
    page.get_by_text("250 of 260 rows").wait_for()
    page.click("#reset")
    assert page.locator("#shown").inner_text() == "260 of 260 rows"
    with_scripts = body.evaluate("body => body.innerHTML.replace(/\\s+/g, '')")
    without = visit(folder, javascript=False).locator("section.kind tbody").first
    assert with_scripts == "".join(without.inner_html().split())


def test_search_leaves_the_rows_whose_name_has_the_letters(folder: Path, visit: Visit) -> None:
    page = visit(folder)
    page.keyboard.press("/")
    page.keyboard.type("CLASS 20")
    assert rows_of(page) == ["class 203", *(f"class 20{n}" for n in range(10) if n != 3)]
    assert page.locator("#shown").inner_text() == "10 of 260 rows"
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    assert page.locator("#shown").inner_text() == "260 of 260 rows"


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        ({"outcome": "failed"}, ["class 203", "class 003"]),
        ({"outcome": "failed", "property": PAIRS}, ["class 203"]),
        ({"outcome": "failed", "severity": "info"}, ["class 203", "class 003"]),
        ({"outcome": "failed", "severity": "critical"}, ["class 203"]),
        ({"outcome": "known"}, []),
        ({"property": "planted_copies_are_found"}, ["mirror"]),
    ],
)
def test_filters_leave_the_rows_with_such_a_result(
    folder: Path, visit: Visit, chosen: dict[str, str], rows: list[str]
) -> None:
    page = visit(folder)
    for field, value in chosen.items():
        page.select_option(f"#{field}", value)
    assert rows_of(page) == rows


def test_a_permalink_restores_what_was_chosen(folder: Path, visit: Visit) -> None:
    page = visit(folder)
    page.select_option("#outcome", "not_measured")
    page.fill("#filter", "CLASS")
    page.get_by_role("button", name="Subject").first.click()
    page.keyboard.press("n")
    address = page.evaluate("location.hash")
    seen = rows_of(page)
    assert (seen[0], len(seen)) == ("class 100", 100)
    again = visit(folder, f"index.html{address}")
    assert rows_of(again) == seen
    assert again.locator("#outcome").input_value() == "not_measured"
    again.evaluate("location.hash = '#outcome=failed'")
    again.get_by_text("2 of 260 rows").wait_for()
    assert rows_of(again) == ["class 203", "class 003"]


def test_columns_are_sorted_both_ways(folder: Path, visit: Visit) -> None:
    page = visit(folder)
    heading = page.get_by_role("button", name="every image decodes").first
    heading.click()
    assert rows_of(page)[:2] == ["class 003", "class 203"]  # 12 files before 5
    heading.click()
    assert page.locator("th[aria-sort=descending]").inner_text() == "every image decodes"
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert rows_of(page)[-3:-1] == ["class 203", "class 003"]


def test_arrows_walk_from_cell_to_cell_and_enter_opens_one(folder: Path, visit: Visit) -> None:
    page = visit(folder)
    for key in ("m", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent") == "failed 5"
    page.keyboard.press("Enter")
    page.wait_for_url("**/class-203-*.html#every_image_decodes")
    assert page.locator("h1").inner_text() == "class 203"
    page.keyboard.press("n")
    page.wait_for_url("**/class-003-*.html")
    page.keyboard.press("u")
    page.wait_for_url("**/index.html")


def test_the_list_of_keys_opens_and_closes(folder: Path, visit: Visit) -> None:
    page = visit(folder)
    page.keyboard.press("?")
    assert page.get_by_text("search names").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_text("search names").is_visible()
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="Close").click()
    assert not page.get_by_text("search names").is_visible()


def test_hostile_names_are_shown_letter_by_letter_and_run_nothing(
    folder: Path, visit: Visit
) -> None:
    page = visit(folder)
    shown = set(page.locator("tbody th bdi").all_text_contents())
    for _ in range(2):
        page.keyboard.press("n")
        shown.update(page.locator("tbody th bdi").all_text_contents())
    assert set(HOSTILE) <= shown
    for name in HOSTILE[:3]:
        page.fill("#filter", name)
        assert page.locator("tbody th bdi").all_text_contents()[0] == name
    again = visit(folder, f"index.html{page.evaluate('location.hash')}")
    assert again.locator("tbody th bdi").all_text_contents()[0] == HOSTILE[2]
    visit(folder, "index.html#filter=<img src=x onerror=alert(5)>&sort=class.__proto__.up&rows=-1")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_first_page_has_no_barriers(folder: Path, visit: Visit, dark: bool) -> None:
    assert find_barriers(visit(folder, dark=dark)) == []


def test_a_narrow_page_does_not_scroll_sideways(folder: Path, visit: Visit) -> None:
    page = visit(folder, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
