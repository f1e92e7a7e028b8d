"""The page of a class in a real browser: its pictures, also larger and laid on each other."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser import Visit, find_barriers
from handmade_reports import PAIRS, RGB, make_report, result, write_folder
from PIL import Image

from labelgate.plugins.report.matrix import make_slug

if TYPE_CHECKING:
    from playwright.sync_api import Locator

HOSTILE = "val/\"'><script>alert(1)</script>/\u202e🦩" + "y" * 200 + ".png"
PATHS = ("val/cat/a.png", "val/cat/bb.png", "val/cat/ccc.png", "val/cat/dddd.png", HOSTILE)
PAGE = f"classes/{make_slug('cat')}.html"


def draw(path: str) -> RGB:
    """A picture of 48 x 32 with a colour of its own in each quarter; `copy` is mirrored."""
    if path.startswith("pair/"):
        rng = np.random.default_rng(1)
        parts = [rng.integers(0, 256, (side * 3, side * 4, 3), np.uint8) for side in (1, 4, 12)]
        layers = [np.asarray(Image.fromarray(part).resize((200, 150))) for part in parts]
        drawn = np.mean(layers, axis=0).astype(np.uint8)
        return np.ascontiguousarray(drawn[:, ::-1]) if path.endswith("copy.png") else drawn
    pixels = np.zeros((32, 48, 3), np.uint8)
    colours = np.random.default_rng(len(path)).integers(0, 256, (4, 3), np.uint8)
    for quarter, colour in enumerate(colours):
        down, across = divmod(quarter, 2)
        pixels[16 * down : 16 * down + 16, 24 * across : 24 * across + 24] = colour
    return pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class with two sources of 3 and 2 images, and a mirrored pair; and a second class."""
    sources = [list(PATHS[:3]), list(PATHS[3:])]
    told = ["source 1: 3 of 5 images", "source 2: 2 of 5 images"]
    found = result("no_source_dominates", "cat", "failed", examples=sources, captions=told)
    pair = result(PAIRS, "cat", "failed", examples=[["pair/cat/a.png", "pair/dog/copy.png"]])
    passed = [result("every_image_decodes", name) for name in ("cat", "dog")]
    report = make_report([found, pair, *passed])
    return write_folder(tmp_path_factory.mktemp("page"), report, draw)


def seen(picture: Locator) -> RGB:
    return np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("RGB"))


def corners(pixels: RGB) -> RGB:
    """The middle of each quarter."""
    height, width = pixels.shape[:2]
    return pixels[[height // 4, 3 * height // 4]][:, [width // 4, 3 * width // 4]]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_page_shows_the_images_of_the_dataset(
    folder: Path, visit: Visit, javascript: bool
) -> None:
    page = visit(folder, PAGE, javascript=javascript)
    section = page.locator("#no_source_dominates")
    pictures = section.locator(".group img")
    paths = [picture.get_attribute("alt") or "" for picture in pictures.all()]
    assert paths == list(PATHS)
    for path, picture in zip(paths, pictures.all(), strict=True):
        picture.scroll_into_view_if_needed()
        assert np.abs(corners(seen(picture)).astype(int) - corners(draw(path))).max() <= 1, path
    assert section.locator(".caption").all_inner_texts()[0].startswith("source 1: 3 of 5 images")


def test_the_pair_is_laid_on_each_other_and_the_slider_uncovers_one(
    folder: Path, visit: Visit
) -> None:
    page = visit(folder, PAGE)
    frame, slider = page.locator(".frame"), page.locator(".swipe input")
    slider.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.frame img')].every(i => i.complete)"
    )
    a = draw("pair/cat/a.png")
    views = []
    for key in ("End", "Home"):
        slider.focus()
        page.keyboard.press(key)
        views.append(seen(frame).astype(int))
    for view in views:  # the copy is mirrored, and lies on a all the same
        expected = np.asarray(Image.fromarray(a).resize(view.shape[1::-1])).astype(int)
        assert np.abs(view - expected)[:, 4:-4].mean() < 6
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "1"
    assert frame.evaluate("frame => frame.style.getPropertyValue('--at')") == "1%"


def test_a_picture_is_larger_in_a_dialog_that_keys_walk_through(folder: Path, visit: Visit) -> None:
    page = visit(folder, PAGE)
    buttons = page.locator("#no_source_dominates button.zoom")
    buttons.first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#lightbox")
    total = page.locator("button.zoom").count()
    at = int(dialog.locator(".range").inner_text().split()[0])
    assert dialog.locator(".range").inner_text() == f"{at} of {total}"
    assert dialog.locator("img").get_attribute("alt") == "val/cat/a.png"
    page.keyboard.press("ArrowRight")
    assert dialog.locator("img").get_attribute("alt") == "val/cat/bb.png"
    assert "val/cat/bb.png" in dialog.locator("figcaption").inner_text()
    size = dialog.locator("img").bounding_box()
    assert size is not None
    assert size["width"] >= 4 * 48
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.locator('button.zoom:focus img[alt="val/cat/bb.png"]').wait_for()


def test_each_property_has_a_link_to_itself(folder: Path, visit: Visit) -> None:
    page = visit(folder, PAGE)
    for name in ("no_source_dominates", PAIRS, "every_image_decodes"):
        page.locator(f'#{name} a[href="#{name}"]').click()
        assert page.evaluate("location.hash") == f"#{name}"
        assert page.locator(":target").get_attribute("id") == name


def test_every_number_is_read_without_scripts(folder: Path, visit: Visit) -> None:
    page = visit(folder, PAGE, javascript=False)
    assert page.locator(".swipe").is_hidden()
    told = page.locator("#every_image_decodes").inner_text().split()
    assert told[-9:-6] == ["val", "1", "images"]
    assert told[-5:] == ["10", "at", "most", "0", "passed"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_has_no_barriers(folder: Path, visit: Visit, dark: bool) -> None:
    page = visit(folder, PAGE, dark=dark)
    assert find_barriers(page) == []
    page.locator("button.zoom").first.click()
    assert find_barriers(page) == []


def test_the_list_of_pages_has_no_barriers(folder: Path, visit: Visit) -> None:
    page = visit(folder, "classes/index.html")
    assert page.locator(".pages a").all_inner_texts() == ["cat", "dog"]
    assert find_barriers(page) == []


@pytest.mark.parametrize("address", [PAGE, "classes/index.html"])
def test_narrow_pages_do_not_scroll_sideways(folder: Path, visit: Visit, address: str) -> None:
    page = visit(folder, address, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_printed_page_has_its_findings_and_no_controls(folder: Path, visit: Visit) -> None:
    page = visit(folder, PAGE)
    page.emulate_media(media="print")
    assert page.get_by_text("source 2: 2 of 5 images").is_visible()
    for hidden in (".swipe", "nav", "#keys"):
        assert not page.locator(hidden).first.is_visible()
    assert page.pdf().startswith(b"%PDF-")
