"""The pages of the report, from reports made by hand: matrices, captions, pairs and differences."""

import json
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade_reports import (
    ABSENT,
    KINDS,
    NAMES,
    PAIRS,
    RGB,
    entry,
    make_report,
    result,
    write_folder,
)
from jsonschema import Draft202012Validator
from PIL import Image

from labelgate.fixtures.measurements import GROUPS_SHOWN
from labelgate.plugins.report.html import render
from labelgate.plugins.report.matrix import PAGES_FOR_ALL, make_sections, make_slug
from labelgate.plugins.report.summary import headline

Write = Callable[..., Path]

HOSTILE = "</p><script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7 * 7 }}"


def photograph(seed: int, height: int = 150, width: int = 200) -> RGB:
    """A picture with structure of several sizes, which can be laid on its copies."""
    rng = np.random.default_rng(seed)
    layers = [rng.integers(0, 256, (side * 3, side * 4, 3), np.uint8) for side in (1, 4, 12)]
    drawn = [Image.fromarray(layer).resize((width, height)) for layer in layers]
    return np.mean([np.asarray(layer) for layer in drawn], axis=0).astype(np.uint8)


def one_missing(path: str) -> RGB:
    """`a` and `copy` are one photograph, the copy mirrored; `b` is another; others are broken."""
    if path.endswith("missing.png"):
        raise OSError(f"no {path} <b>")
    pixels = photograph(2 if path.endswith("b.png") else 1)
    return np.ascontiguousarray(pixels[:, ::-1]) if path.endswith("copy.png") else pixels


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(*results: dict[str, Any], draw: Callable[[str], RGB] = one_missing) -> Path:
        return write_folder(tmp_path, make_report(list(results)), draw)

    return make


def page_of(folder: Path, subject: str, kind: str = "") -> str:
    name = f"{kind}.{make_slug(subject)}" if kind else make_slug(subject)
    return (folder / "classes" / f"{name}.html").read_text(encoding="utf-8")


def strange_scripts(page: str) -> list[str]:
    """Scripts that are neither files of ours nor blocks of data."""
    ours = r'<script (src="\.\.?/assets/[a-z]+\.js" defer|type="application/json" class="rows")>'
    return [tag for tag in re.findall(r"<script[^>]*>?", page) if not re.fullmatch(ours, tag)]


def pictures_of(page: str) -> list[str]:
    """Kinds of pictures, without the two that a script shows in one frame."""
    seen = re.sub(r'<li class="swipe".*?</li>', "", page, flags=re.DOTALL)
    return re.findall(r'<img src="\.\./images/([a-z]+)-[0-9a-f]{16}\.webp"', seen)


def paired(*groups: list[str], captions: list[str] | None = None) -> dict[str, Any]:
    told = captions or ["augmentation"] * len(groups)
    return result(PAIRS, "cat", "failed", examples=list(groups), captions=told)


def test_a_pair_stands_beside_its_difference(write: Write) -> None:
    page = page_of(write(paired(["val/cat/a.png", "train/dog/copy.png"])), "cat")
    assert pictures_of(page) == ["thumbnail", "thumbnail", "difference"]
    assert re.search(r"From a to b:</b> mirrored", page)
    for shown in ("val/cat/a.png", "train/dog/copy.png", ">val<", ">train<", ">cat<", ">dog<"):
        assert shown in page
    assert "what is black agrees" in page
    assert "1 of 1 pair shown" in page


def test_the_difference_of_a_copy_is_black_and_not_that_of_an_altered_place(write: Write) -> None:
    def draw(path: str) -> RGB:
        pixels = photograph(1)
        if path.endswith("copy.png"):
            pixels[20:60, 20:60] = 255 - pixels[20:60, 20:60]
        return pixels

    folder = write(paired(["val/cat/a.png", "train/cat/copy.png"]), draw=draw)
    (file,) = (folder / "images").glob("difference-*.webp")
    apart = np.asarray(Image.open(file).convert("RGB")).astype(int)
    assert apart.shape == (150, 200, 3)
    assert apart[80:140, 80:190].mean() < 4
    assert apart[30:50, 30:50].mean() > 30


def test_a_pair_that_cannot_be_laid_on_each_other_has_no_difference(write: Write) -> None:
    page = page_of(write(paired(["val/cat/a.png", "train/cat/b.png"])), "cat")
    assert pictures_of(page) == ["thumbnail", "thumbnail"]
    assert "could not be laid on each other" in page


def test_a_broken_picture_is_told_in_its_place_and_in_that_of_the_difference(write: Write) -> None:
    folder = write(paired(["val/cat/missing.png", "train/cat/a.png"]))
    page = page_of(folder, "cat")
    assert pictures_of(page) == ["thumbnail"]
    assert page.count("<b>No picture</b> no val/cat/missing.png &lt;b&gt;") == 2


@pytest.mark.parametrize(
    "broken", ["alignment.align", "alignment.view", "difference.difference_image"]
)
def test_what_aligning_or_drawing_raises_stands_on_the_page(
    write: Write, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError("a singular <matrix>")

    monkeypatch.setattr(f"labelgate.fixtures.{broken}", fail)
    page = page_of(write(paired(["val/cat/a.png", "train/cat/copy.png"])), "cat")
    assert pictures_of(page) == ["thumbnail", "thumbnail"]
    assert "a singular &lt;matrix&gt;" in page


def test_a_pair_of_both_splits_is_shown_once(write: Write) -> None:
    ends = ["val/cat/a.png", "train/cat/copy.png"]
    page = page_of(write(paired(ends, ends[::-1])), "cat")
    assert pictures_of(page) == ["thumbnail", "thumbnail", "difference"]
    assert "1 of 1 pair shown" in page


def test_no_more_than_the_first_groups_are_drawn_and_the_page_says_so(write: Write) -> None:
    drawn: list[str] = []

    def draw(path: str) -> RGB:
        drawn.append(path)
        return np.zeros((4, 4, 3), np.uint8)

    most = GROUPS_SHOWN + 3
    groups = [[f"val/cat/{i}.png", f"train/cat/{i}.png"] for i in range(most)]
    page = page_of(write(paired(*groups), draw=draw), "cat")
    assert len(set(drawn)) == 2 * GROUPS_SHOWN
    assert f"{GROUPS_SHOWN} of {most} pairs shown; all in" in page


def test_a_number_of_pairs_is_not_told_where_it_is_not_known(write: Write) -> None:
    ends = ["val/cat/a.png", "train/cat/copy.png"]
    cut = paired(ends, ends[::-1]) | {"groups": 120}
    assert "The first 1 pairs shown of 120, of which some are counted once for each split" in (
        page_of(write(cut), "cat")
    )


@pytest.mark.parametrize("stem", ["near_duplicates", "sources"])
def test_a_caption_is_escaped(write: Write, stem: str) -> None:
    (name,) = [name for name, kind in KINDS.items() if kind[0] == stem]
    ends = [["val/cat/a.png", "train/cat/copy.png"]]
    page = page_of(write(result(name, "cat", "failed", examples=ends, captions=[HOSTILE])), "cat")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7 * 7 }}" in page
    assert strange_scripts(page) == []
    assert "<img src=x" not in page


def test_groups_of_a_shift_are_two_strips_that_name_their_split_once(write: Write) -> None:
    sides = [[f"{split}/cat/{i}-a.png" for i in range(8)] for split in ("train", "val")]
    told = ["most typical of train", "most typical of val"]
    name = "splits_show_the_same_kind_of_images"
    page = page_of(write(result(name, "cat", "failed", examples=sides, captions=told)), "cat")
    assert page.count('<div class="group captioned">') == 2
    assert [page.count(f"<bdi>{caption}</bdi>") for caption in told] == [1, 1]
    assert page.count("<i>split</i>") == 2
    assert len(pictures_of(page)) == 16


def test_groups_of_two_of_other_stems_have_no_difference(write: Write) -> None:
    ends = [["val/cat/a.png", "val/cat/copy.png"]]
    name = "no_exact_duplicates_within_a_split"
    page = page_of(write(result(name, "cat", "failed", examples=ends)), "cat")
    assert pictures_of(page) == ["thumbnail", "thumbnail"]
    assert "black agrees" not in page


def test_each_kind_of_subject_has_a_matrix_with_its_columns_only(write: Write) -> None:
    folder = write(
        *(result(name, "cat") for name, (_, per) in KINDS.items() if per == "class"),
        result("planted_copies_are_found", "mirror", value=0.97),
        result("planted_copies_are_found", "crop to 60 %", "failed", value=0.59),
        result("strangers_are_not_called_copies", "dataset", value=0.0),
    )
    index = (folder / "index.html").read_text(encoding="utf-8")
    _, *tables = index.split('<table class="matrix')
    assert re.findall(r'<h3 id="matrix-\d">(\w+) <', index) == [
        "Classes", "Alterations", "Dataset"
    ]  # fmt: skip
    headings = [re.findall(r'<th scope="col"><span>(.*?)</span>', table) for table in tables]
    assert headings == [
        [name.replace("_", " ") for name, kind in KINDS.items() if kind[1] == per]
        for per in ("class", "alteration", "dataset")
    ]
    rows = [
        re.findall(r'<th scope="row">.*?<bdi>(.*?)</bdi>', t.split("</table>")[0]) for t in tables
    ]
    assert rows == [["cat"], ["crop to 60 %", "mirror"], ["dataset"]]
    assert "✓ <b>0.97</b>" in tables[1]
    assert '<p class="eyebrow">Alteration</p>' in page_of(folder, "crop to 60 %", "alteration")


def test_a_class_named_like_an_alteration_keeps_its_own_row_and_page(write: Write) -> None:
    folder = write(
        result("every_image_decodes", "mirror", "failed"),
        result("planted_copies_are_found", "mirror", "failed"),
        result("every_image_decodes", "dataset", "failed"),
        result("strangers_are_not_called_copies", "dataset", "failed"),
    )
    assert len(list((folder / "classes").glob("*-*.html"))) == 4
    assert "every image decodes" in page_of(folder, "mirror")
    assert "every image decodes" not in page_of(folder, "mirror", "alteration").split("<h2")[1]
    assert "in 4 of 4 subjects" in (folder / "index.html").read_text(encoding="utf-8")


def test_a_kind_of_subject_that_is_not_known_is_shown_all_the_same() -> None:
    (section,) = make_sections([result("p", "x")], {"p": entry("s", "galaxy")}, {})
    assert (section["title"], [row["name"] for row in section["subjects"]]) == ("galaxy", ["x"])


def test_a_property_that_the_report_does_not_describe_is_shown(write: Write) -> None:
    folder = write(result("unheard_of", "cat", "failed"))
    assert "unheard of" in (folder / "index.html").read_text(encoding="utf-8")
    assert "not described in the report" in page_of(folder, "cat")


def test_the_headline_counts_each_kind_of_subject_for_itself() -> None:
    report = make_report([
        result("every_image_decodes", "mirror", "failed"),
        result(PAIRS, "mirror", "failed"),
        *(result("planted_copies_are_found", name, "failed") for name in ("mirror", "grey")),
        result("strangers_are_not_called_copies", "dataset", "failed"),
    ])  # fmt: skip
    assert headline(report).endswith("in 1 class, 2 alterations, the dataset as a whole.")


def test_pages_are_rendered_from_the_folder_alone_and_the_same_again(write: Write) -> None:
    folder = write(paired(["val/cat/a.png", "train/dog/copy.png"]))
    files = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    for file in folder.rglob("*.html"):
        file.unlink()
    (folder / "classes" / "an-old-page-0123456789ab.html").touch()
    (folder / "classes" / "mine.html").touch()
    render(folder)
    (folder / "classes" / "mine.html").unlink()
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == files


def test_the_schema_describes_what_was_drawn(write: Write) -> None:
    names = ("b", "copy", "missing", "absent")
    folder = write(paired(*(["val/cat/a.png", f"train/x/{n}.png"] for n in names)))
    content = json.loads((folder / "pictures.json").read_text(encoding="utf-8"))
    schema = files("labelgate.plugins.report") / "pictures.schema.json"
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    validator.validate(content)
    assert len(content["images"]) == 5
    told = [set(pair) - {"a", "b"} for pair in content["pairs"]]
    assert told == [{"unlaid"}, {"transform", "size"}, {"error"}]
    assert not validator.is_valid(content | {"images": {"x": {"split": "a", "label": "b"}}})
    assert not validator.is_valid(content | {"pairs": [{"a": "x", "b": "y", "size": [1, 2]}]})


def test_pictures_are_named_by_their_paths_whatever_else_is_drawn(write: Write) -> None:
    def named(folder: Path) -> set[str]:
        return {file.name for file in (folder / "images").iterdir()}

    pair = ["val/cat/a.png", "train/dog/copy.png"]
    alone = named(write(paired(pair)))
    more = named(write(paired(["val/cat/b.png", "train/cat/a.png"], pair)))
    assert len(alone) == 4
    assert alone < more


def test_a_pair_is_drawn_in_one_frame(write: Write) -> None:
    folder = write(paired(["val/cat/a.png", "train/dog/copy.png"]))
    (laid,) = (folder / "images").glob("laid-*.webp")
    drawn = np.asarray(Image.open(laid).convert("RGB")).astype(int)
    assert np.abs(drawn - photograph(1)).mean() < 4  # the copy is mirrored, and lies on a again


def test_of_many_subjects_those_with_something_to_show_have_a_page(write: Write) -> None:
    names = [f"class {number:03d}" for number in range(PAGES_FOR_ALL)]
    results = [result("every_image_decodes", name) for name in names]
    assert len(list((write(*results) / "classes").glob("class-*.html"))) == PAGES_FOR_ALL
    folder = write(*results, result("every_image_decodes", "one more", "failed"))
    assert [file.name[:9] for file in (folder / "classes").glob("*-*.html")] == ["one-more-"]
    assert f"1 of {PAGES_FOR_ALL + 1} rows have a page" in (folder / "index.html").read_text()


def test_of_many_rows_the_first_stand_in_the_page_and_all_in_its_data(write: Write) -> None:
    results = [result("every_image_decodes", f"class {number:03d}") for number in range(250)]
    results.append(result("every_image_decodes", HOSTILE, "failed", value=None))
    index = (write(*results) / "index.html").read_text(encoding="utf-8")
    (block,) = re.findall(r'<script type="application/json" class="rows">(.*?)</script>', index)
    packed = json.loads(block)
    assert len(packed["rows"]) == 251
    assert packed["rows"][0] == [HOSTILE, "", make_slug(HOSTILE), "f--------"[:6], [""]]
    assert packed["rows"][1][3][0] == "p"
    assert index.count('<th scope="row"') == 100 + 1 + len(KINDS)
    assert "The first 100 of 251 rows" in index


def test_a_known_failure_says_who_accepted_it_until_when(write: Write) -> None:
    known = {
        "by": "entry", "reason": HOSTILE, "owner": "ada", "expires": "2027-03-31", "days_left": 1,
        "issue": "javascript:alert(1)", "value": 0.25,
    }  # fmt: skip
    page = page_of(write(result("every_image_decodes", "cat", "known", known=known)), "cat")
    for shown in ("&lt;script&gt;", ">ada<", "2027-03-31, 1 day left", "0.25", "javascript:alert"):
        assert shown in page
    assert 'href="javascript' not in page
    known |= {"issue": "https://labelgate.invalid/7", "days_left": -3}
    page = page_of(write(result("every_image_decodes", "cat", "known", known=known)), "cat")
    assert 'href="https://labelgate.invalid/7" rel="noreferrer noopener"' in page
    assert "expired 3 days before" in page


def test_what_the_baseline_said_stands_beside_what_is_now(write: Write) -> None:
    then = {"outcome": "passed", "value": 0.125, "low": None, "high": None, "n": 8}
    found = result("every_image_decodes", "cat", "failed", before=then)
    found["cells"][0]["before"] = then
    page = page_of(write(found), "cat")
    assert page.count("0.125") == 1
    assert page.count("At the baseline") == 1
    assert "(n = 8)" in page
    assert "baseline" not in page_of(write(result("every_image_decodes", "cat", "failed")), "cat")


def test_a_thousand_classes_are_written_in_seconds(write: Write) -> None:
    names = [name for name, kind in KINDS.items() if kind[1] == "class"]
    results = [
        result(f"{name}_{again}", f"class {i:04d}", "failed" if (i + n) % 20 == 0 else "passed")
        for i in range(1000)
        for again in range(3)
        for n, name in enumerate(names)
    ]
    alterations = [result("planted_copies_are_found", f"alteration {i}") for i in range(30)]
    started = time.process_time()  # the machine may have other things to do
    folder = write(*results, *alterations)
    assert time.process_time() - started < 10  # 1 s on an idle core
    assert (folder / "index.html").stat().st_size < 2_000_000


def test_the_schema_knows_captions_and_kinds() -> None:
    file = files("labelgate.plugins.report") / "report.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    told = schema["$defs"]
    own = {"$defs": told}
    good = result(PAIRS, "cat", "failed", examples=[["a", "b"]], captions=["augmentation"])
    good |= {"cells": [], "tables": [], "known": None, "before": None}
    for name, value, key in (
        ("result", good, "captions"),
        ("property", entry("s", "class"), "per"),
    ):
        validator = Draft202012Validator(own | {"$ref": f"#/$defs/{name}"})
        validator.validate(value)
        assert not validator.is_valid({k: v for k, v in value.items() if k != key})
        assert not validator.is_valid(value | {key: 1})
    assert not validator.is_valid(entry("s", "galaxy"))


# --- shares -----------------------------------------------------------------------------------

SHARES = {
    "kind": "shares", "heading": "labelled as", "title": "taken for", "rows": ["cat", HOSTILE],
    "columns": ["cat", HOSTILE, "other"], "values": [[0.996, 0.004, 0.0], [0.25, 0.7, 0.05]],
    "n": [250, 20], "marks": [], "total": 2, "split": "val", "predictor": "knn",
}  # fmt: skip


def test_a_confusion_is_drawn_with_its_numbers(write: Write) -> None:
    found = result("class_accuracy_meets_its_floor", "cat", "failed", tables=[SHARES])
    page = page_of(write(found), "cat")
    cells = re.findall(r'<td class="share-(\d+)( own)?">([^<]*)</td>', page)
    told = [("10", " own", "&gt;99 %"), ("0", "", "&lt;1 %"), ("0", "", ""), ("2", "", "25 %")]
    assert cells == [*told, ("7", " own", "70 %"), ("0", "", "5 %")]
    assert "<script>alert" not in page


def test_a_group_that_passes_has_a_page_with_its_confusion(write: Write) -> None:
    found = result("group_accuracy_meets_its_floor", "cat / dog", tables=[SHARES])
    folder = write(found, result("every_image_decodes", "cat"))
    assert "25 %" in page_of(folder, "cat / dog", "group")


BARS = {
    "kind": "bars", "heading": "study", "title": "what he says", "rows": [HOSTILE], "total": 1,
    "columns": ["cat", HOSTILE, "none", "x" * 300], "n": [50], "split": "val", "predictor": HOSTILE,
    "marks": ["own label", "no class", "no label", "other class"],
    "values": [[0.44, 0.548, 0.002, 0.0]],
}  # fmt: skip
TEXT = {
    "kind": "text", "heading": "class", "title": "side by side", "rows": ["cat", HOSTILE],
    "columns": ["definition", "classes"], "values": [[HOSTILE, 1118], ["", 0.25]], "n": [],
    "marks": [], "total": 57, "split": None, "predictor": "",
}  # fmt: skip


class Charts(HTMLParser):
    """Every `svg` with its title, its description, and the widths of its rectangles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.charts: list[dict[str, Any]] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "svg":
            self.charts.append({"role": dict(attrs)["role"], "rect": []})
        if tag == "rect":
            self.charts[-1]["rect"].append(dict(attrs)["width"])
        self.inside = tag if tag in ("title", "desc", "text") else ""

    def handle_data(self, data: str) -> None:
        if self.inside and self.charts:
            self.charts[-1][self.inside] = self.charts[-1].get(self.inside, "") + data

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def test_a_chart_has_a_bar_in_svg_for_each_answer_and_tells_it_in_words(write: Write) -> None:
    found = result("every_image_decodes", "cat", tables=[BARS])
    page = page_of(write(found), "cat")
    charts = Charts(page.split("<main")[1]).charts
    assert [chart["title"] for chart in charts] == [
        "cat: 44 %", f"{HOSTILE}: 55 %", "none: <1 %", f"{'x' * 300}: 0 %"
    ]  # fmt: skip
    assert [chart["desc"] for chart in charts] == [
        "22 of 50 images, own label", "27 of 50 images, no class", "0 of 50 images, no label",
        "0 of 50 images, other class",
    ]  # fmt: skip
    assert [chart["rect"] for chart in charts] == [
        ["80%", "35.2%"], ["80%", "43.84%"], ["80%", "0.16%"], ["80%", "0.0%"]
    ]  # fmt: skip
    assert {chart["role"] for chart in charts} == {"img"}
    assert [chart["text"] for chart in charts] == ["44 %", "55 %", "<1 %", "0 %"]
    assert re.findall(r'<tr class="([a-z-]+)">', page) == [
        "own-label", "no-class", "no-label", "other-class"
    ]  # fmt: skip
    assert page.count('<span class="tag">') == 3
    assert strange_scripts(page) == []


def test_texts_stand_side_by_side_and_the_table_says_how_many_rows_there_are(write: Write) -> None:
    page = page_of(write(result("every_image_decodes", "cat", "failed", tables=[TEXT])), "cat")
    table = page.split('<table class="text">')[1].split("</table>")[0]
    assert "2 of 57 rows shown; the others are in <a href" in re.sub(r"\s+", " ", table)
    assert re.findall(r'<th scope="col">([^<\n]*)', table) == ["class", "definition", "classes"]
    assert re.findall(r"<td>([\d.,]*)(?=\s*(?:<|$))", table) == ["1,118", "", "0.25"]
    assert "&lt;script&gt;alert(1)" in table
    assert "(None" not in table
    assert "()" not in table


@pytest.mark.parametrize(
    ("table", "heading"), [(SHARES, "labelled as"), (SHARES | {"heading": "read as"}, "read as")]
)
def test_a_table_says_what_its_rows_are(write: Write, table: dict[str, Any], heading: str) -> None:
    page = page_of(write(result("every_image_decodes", "cat", "failed", tables=[table])), "cat")
    shown = page.split('<table class="shares">')[1]
    assert f'<thead><tr><th scope="col">{heading}</th>' in shown


@pytest.mark.parametrize("table", [SHARES, BARS, TEXT])
def test_the_schema_knows_every_kind_of_table(table: dict[str, Any]) -> None:
    file = files("labelgate.plugins.report") / "report.schema.json"
    told = json.loads(file.read_text(encoding="utf-8"))["$defs"]
    validator = Draft202012Validator({"$ref": "#/$defs/table", "$defs": told})
    validator.validate(table)
    for key in table:
        assert not validator.is_valid({k: v for k, v in table.items() if k != key})
    assert not validator.is_valid(table | {"values": [[1.5, "x"]], "kind": "shares"})
    assert not validator.is_valid(table | {"kind": "pie"})
    assert not validator.is_valid(table | {"marks": ["anything"]})


# --- names and images that are not here ---------------------------------------------------------


def test_what_people_call_a_class_stands_beside_its_id(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NAMES, "n01", HOSTILE)
    folder = write(
        result("every_image_decodes", "n01", "failed"),
        result("planted_copies_are_found", "n01", "failed"),
    )
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert index.count('<bdi class="called">&lt;/p&gt;') == 3
    assert '<p class="called">' in page_of(folder, "n01")
    assert '<p class="called">' not in page_of(folder, "n01", "alteration")
    assert strange_scripts(index + page_of(folder, "n01")) == []


def test_images_that_are_not_here_are_lines_without_a_box(write: Write) -> None:
    groups = [[f"val/cat/{i}/{ABSENT}"] for i in range(3)]
    captions = [f"real: {i}\nagreed on: nothing" for i in range(3)]
    found = result("every_image_decodes", "cat", "failed", examples=groups, captions=captions)
    folder = write(found)
    page = page_of(folder, "cat")
    assert re.findall(r'<bdi class="path">(.*?)</bdi>', page) == [path for (path,) in groups]
    assert "The images are not here" in page
    assert "No picture" not in page
    assert all(f'<bdi class="caption">{caption}</bdi>' in page for caption in captions)
    assert list((folder / "images").iterdir()) == []


def test_a_pair_with_an_image_that_is_not_here_has_no_difference(write: Write) -> None:
    page = page_of(write(paired([f"val/cat/{ABSENT}", "train/cat/b.png"])), "cat")
    assert pictures_of(page) == ["thumbnail"]
    assert "The images are not here" not in page
    assert "No picture" not in page
