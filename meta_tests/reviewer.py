"""What a reviewer does at the review page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelgate.fixtures.readers.reviews import read_reviews

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from playwright.sync_api import Page

    from labelgate.fixtures.declarations import Review


def begin(page: Page, name: str, blind: bool = False) -> None:
    page.fill("#name", name)
    page.set_checked("#blind", blind)
    page.click("#who button")


def choose(page: Page, kind: str) -> None:
    page.click(f"#kinds [data-kind={kind}]")


def press(page: Page, keys: str) -> None:
    for key in keys.split():
        page.keyboard.press(key)


def export(page: Page, folder: Path, known: Collection[str]) -> list[Review]:
    """Downloads review.csv and reads it as a run would.

    Args:
        page: the review page.
        folder: where the file is put.
        known: the class ids of the dataset.
    """
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "review.csv"
    download.value.save_as(folder / "review.csv")
    return list(read_reviews(folder.resolve(), "review.csv", "reviews[1].table", known))
