"""The pages of the sample's reports: every link is there, and none asks the network."""

import html
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sample_reports import RUNS, Sample, read


class Links(HTMLParser):
    """Every `href`, `src` and `id` of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]


@cache
def links_of(page: Path) -> Links:
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


@pytest.mark.parametrize("run", RUNS)
def test_every_link_and_picture_is_there(sample: Sample, run: str) -> None:
    for page in (sample[0] / run).rglob("*.html"):
        for target in links_of(page).targets:
            parts = urlsplit(target)
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert file.is_file(), f"{page.name}: {target}"
            assert file.is_relative_to(sample[0] / run), f"{page.name}: {target}"
            if "=" in parts.fragment:  # what the matrix shows, of which no element is the place
                assert file.name == "index.html"
            elif parts.fragment and file.suffix == ".html":
                assert parts.fragment in links_of(file).ids, f"{page.name}: {target}"


@pytest.mark.parametrize("run", RUNS)
def test_each_of_few_subjects_has_a_page(sample: Sample, run: str) -> None:
    report = read(sample[0] / run)
    per = {name: entry["per"] for name, entry in report["properties"].items()}
    asked = {(per[result["property"]], result["subject"]) for result in report["results"]}
    pages = [file.read_text() for file in (sample[0] / run).glob("classes/*-*.html")]
    named = [re.search(r'<h1><bdi class="name">(.*?)</bdi>', page) for page in pages]
    assert sorted(html.unescape(match.group(1)) for match in named if match) == sorted(
        subject for _, subject in asked
    )


@pytest.mark.parametrize("run", RUNS)
def test_nothing_in_the_report_asks_the_network(sample: Sample, run: str) -> None:
    for file in (sample[0] / run).rglob("*.*"):
        if file.suffix in (".html", ".css", ".js"):
            assert "https://" not in file.read_text(encoding="utf-8"), file.name
            assert "http://" not in file.read_text(encoding="utf-8"), file.name
            assert "url(//" not in file.read_text(encoding="utf-8"), file.name


def test_a_page_shows_the_copies_side_by_side_with_split_and_label(sample: Sample) -> None:
    (page,) = (sample[0] / "check").glob("classes/mousetrap-*.html")
    text = page.read_text()
    for part in ("train/mouse/0025.jpg", "val/0053.jpg", ">mouse<", ">mousetrap<", "thumbnail-"):
        assert part in text


def test_the_bad_file_is_shown_with_its_reason(sample: Sample) -> None:
    (page,) = (sample[0] / "check").glob("classes/tusker-*.html")
    assert "No picture" in page.read_text()
