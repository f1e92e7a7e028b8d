"""Names are data, and nothing else: in HTML, CSV, Markdown, JUnit and on the terminal."""

import csv
import json
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from labelgate.fixtures.report_json import load_report
from labelgate.plugins.report.evidence import FORMULA, without_formulas
from labelgate.plugins.report.matrix import make_slug
from labelgate.plugins.report.pages import load_templates
from labelgate.plugins.report.summary import escape

FOLDERS = (
    *("two words", 'it\'s "quoted"', "a,b;c", "<script>alert(1)<script>", "back\\slash"),
    *('"><img src=x onerror=alert(1)>', '=HYPERLINK("x")', "| pipe", "**bold**", "`code`"),
    *("[x](javascript:alert(1))", "![x](y)", "猫", "\\u732b", "🦩", "x" * 200, "Case", "case"),
    *("-dash", "--dataset=x", "@sum", "+1", "{{ 7 * 7 }}", "{% raw %}", "&lt;b&gt;", "a::b[c]"),
    *("percent %2e%2e", "#anchor?q", "{value}", "٣", "e\u0301", "\u202egpj"),
)
ONLY_IN_TABLES = (
    *("../../etc", "line\nbreak", "\n# heading", ".hidden", "/root", "</bdi></h1><xss>", "..", "."),
    *("</script><script>alert(1)</script>", "tab\there", "\x1b[31mred", "CON", "trailing "),
)
NAMES = (*FOLDERS, *ONLY_IN_TABLES)
SPLIT = "<b>v</b>|\"'"
STUDIES = ("</title><svg onload=alert(1)>", "</desc></svg><script>alert(2)</script>")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, draw: Callable[[Path, Mapping[str, int]], Path]
) -> Path:
    """Two equal pictures of each class: in folders named so, or under labels of a table.

    Another class's name is what it is called as well, and what an expert and a study, called like
    classes themselves, say that its pictures show.
    """
    folder = tmp_path_factory.mktemp("hostile")
    root = folder / "data"
    draw(root, {f"train/{label}/{i}.png": n for n, label in enumerate(FOLDERS) for i in (0, 1)})
    rows = [("path", "label")]
    for n, label in enumerate(ONLY_IN_TABLES):
        for i in (0, 1):
            rows.append((f"val/=1+{n}'\"><svg onload=x>{i}.png", label))
            draw(root, {rows[-1][0]: 1000 + n})
    with (root / "val.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    paths = [(f"train/{label}/{i}.png", label) for label in FOLDERS for i in (0, 1)] + rows[1:]
    other = dict(zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True))
    tables = {
        "classes.csv": [("class", "name", "gloss"), *((n, other[n], other[n]) for n in NAMES)],
        "expert.csv": [("image", "outcome"), *((path, f"no {label}") for path, label in paths)],
        "study.csv": [("path", "labels"), *((path, other[label]) for path, label in paths)],
    }
    for name, lines in tables.items():
        with (root / name).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(lines)
    (root / "limits.toml").write_text("[statistics]\nleast_images = 2\n")
    (root / "dataset.toml").write_text(
        f'[dataset]\nname = "<i>name</i> `x`"\n[splits.train]\nimages = "train"\n'
        f'[splits.{json.dumps(SPLIT)}]\nimages = "val"\nlabels = "val.csv"\n'
        f'[classes]\ntable = "classes.csv"\n[options]\nlimits = "limits.toml"\n'
        f'[[relabels]]\nstudy = {json.dumps(STUDIES[0])}\ntable = "expert.csv"\n'
        f'format = "outcome"\nexpert = true\n'
        f'[[relabels]]\nstudy = {json.dumps(STUDIES[1])}\ntable = "study.csv"\nexpert = true\n',
        encoding="utf-8",
    )
    return folder


Hostile = tuple[Path, "CompletedProcess[str]"]


@pytest.fixture(scope="module")
def hostile(folder: Path, suite: Callable[..., "CompletedProcess[str]"]) -> Hostile:
    run = suite(folder, "--junitxml=junit.xml", "--color=no")
    assert run.returncode == 1, run.stdout + run.stderr
    return folder / "report", run


OF_CHARTS = {
    "svg": {"role", "width", "height"},
    "rect": {"class", "width", "height"},
    "text": {"x", "dx", "y"},
    "title": set[str](),
    "desc": set[str](),
}
"""What the elements of a chart may have."""


class Page(HTMLParser):
    """Tags, attributes, the text of the first heading, and what stands inside of scripts."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open = ""
        self.heading = ""
        self.scripts: list[str] = []
        self.feed(file.read_bytes().decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open = tag if tag in ("h1", "script") else self.open
        self.scripts += [""] * (tag == "script")

    def handle_endtag(self, tag: str) -> None:
        self.open = "" if tag == self.open else self.open

    def handle_data(self, data: str) -> None:
        self.heading += data if self.open == "h1" else ""
        if self.open == "script":
            self.scripts[-1] += data


def test_every_name_is_judged_by_every_property(hostile: Hostile) -> None:
    report = load_report(hostile[0])[1]
    told = {(r["property"], r["subject"]) for r in report["results"]}
    of_classes = {name for name, entry in report["properties"].items() if entry["per"] == "class"}
    assert {check for check in told if check[0] in of_classes} == {
        (name, subject) for name in of_classes for subject in NAMES
    }
    assert report["counts"]["error"] == 0
    duplicates = [r for r in report["results"] if "exact_duplicates_within" in r["property"]]
    assert {r["outcome"] for r in duplicates} == {"failed"}


def test_no_element_and_no_attribute_comes_from_a_name(hostile: Hostile) -> None:
    for file in hostile[0].rglob("*.html"):
        page = Page(file)
        for tag, attributes in page.tags:
            assert tag not in ("xss", "i") or (tag == "i" and not attributes), file
            if tag in OF_CHARTS:
                assert set(attributes) <= OF_CHARTS[tag], (file, attributes)
            assert not any(name.startswith("on") or name == "style" for name in attributes), file
            if tag == "script" and attributes.get("type") != "application/json":
                script = r"(\./|\.\./)assets/(report|matrix|pictures|review[a-z-]*)\.js"
                assert re.fullmatch(script, attributes["src"] or ""), file
            if tag == "img":
                picture = r"\.\./images/(thumbnail|laid|difference)-[0-9a-f]{16}\.webp"
                assert re.fullmatch(picture, attributes["src"] or "")
            target = attributes.get("href") or ""
            assert re.fullmatch(r"(\./|\.\./)*[\w/.-]*(#[\w=&-]+)?", target), (file, target)
        assert all(json.loads(block) for block in page.scripts if block), file
        assert not any("<" in block for block in page.scripts), file


def pages_of_classes(hostile: Hostile) -> list[Path]:
    """The pages of alterations and of the dataset have a full stop in their names."""
    return [file for file in hostile[0].glob("classes/*-*.html") if "." not in file.stem]


def test_each_page_shows_its_name_letter_by_letter(hostile: Hostile) -> None:
    headings = [Page(file).heading for file in pages_of_classes(hostile)]
    assert sorted(headings) == sorted(NAMES)


def test_pages_differ_where_names_differ_only_in_case(hostile: Hostile) -> None:
    pages = [file.name for file in pages_of_classes(hostile)]
    assert len({name.lower() for name in pages}) == len(NAMES)


def test_the_evidence_reads_back_to_the_same_rows(hostile: Hostile) -> None:
    with (hostile[0] / "evidence" / "duplicates.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    labels = [row["label"].removeprefix("'") for row in rows]
    assert sorted(labels) == sorted([*NAMES, *NAMES])
    assert {row["split"] for row in rows} == {"train", SPLIT}


def test_every_class_has_a_chart_of_what_each_study_says(hostile: Hostile) -> None:
    for file in pages_of_classes(hostile):
        text = file.read_text(encoding="utf-8")
        assert text.count("<svg ") > len(STUDIES), file
        assert text.count("<svg ") == text.count("</svg>") == text.count("<desc>")


NUMBER = re.compile(r"-?[0-9.]+(e-?[0-9]+)?")


def test_no_cell_of_the_evidence_is_a_formula(hostile: Hostile) -> None:
    for file in hostile[0].glob("evidence/*.csv"):
        with file.open(newline="", encoding="utf-8") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        texts = [cell for cell in cells if not NUMBER.fullmatch(cell)]
        assert not [cell for cell in texts if cell.startswith(FORMULA)]


def tokens_of(markdown: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [child.type for token in tokens for child in (token, *(token.children or []))]


def test_the_summary_has_no_html_link_picture_or_heading_of_a_name(hostile: Hostile) -> None:
    text = (hostile[0] / "summary.md").read_text(encoding="utf-8")
    tokens = tokens_of(text)
    for kind in ("html_block", "html_inline", "link_open", "image", "code_inline", "em_open"):
        assert kind not in tokens
    assert tokens.count("heading_open") == 2
    assert text.count("\n- ") == tokens.count("list_item_open")


def test_junit_is_well_formed(hostile: Hostile) -> None:
    cases = list(ElementTree.parse(hostile[0].parent / "junit.xml").iter("testcase"))
    report = load_report(hostile[0])[1]
    assert len(cases) == report["checks"]["total"]


def test_no_name_sends_commands_to_the_terminal(hostile: Hostile) -> None:
    assert "\x1b" not in hostile[1].stdout + hostile[1].stderr


def test_the_word_of_a_class_selects_it(
    folder: Path, hostile: Hostile, suite: Callable[..., "CompletedProcess[str]"]
) -> None:
    report = load_report(hostile[0])[1]
    asked = sum(entry["per"] == "class" for entry in report["properties"].values())
    run = suite(folder, "--collect-only", "-q", "-k", "猫")
    assert run.stdout.splitlines()[-1].startswith(f"{asked}/{report['checks']['total']} tests")


@given(texts)
@example("</bdi><script>alert(1)</script>")
@example("\"' onload=x")
def test_templates_escape_every_text(name: str) -> None:
    from labelgate.plugins.report.pages import TEMPLATES

    assert (TEMPLATES / "parts.html").is_file()
    template = load_templates().from_string('<p title="{{ name }}">{{ name }}</p>')
    text = template.render(name=name)
    body = text.removeprefix("<p").removesuffix("</p>")
    assert body.count("<") == 0
    assert text.count('"') == 2


@given(texts)
@example("![a](b)")
@example("<!-- x -->")
@example("&#60;b&#62;")
@example("~~x~~ __y__ `z` ***")
def test_markdown_shows_a_name_as_plain_text(name: str) -> None:
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = rendered.parse(f"- **p** {escape(name)}")
    (inline,) = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for child in inline.children or []}
    assert kinds <= {"text", "strong_open", "strong_close", "text_special"}
    shown = "".join(child.content for child in inline.children or [])
    assert shown.removeprefix("p").split() == name.replace("\0", "\ufffd").split()


@pytest.mark.parametrize(
    "name", ["https://evil.example", "http://evil.example", "www.evil.example"]
)
def test_markdown_makes_no_link_of_a_bare_address(name: str) -> None:
    # GitHub Flavored Markdown, 6.9: these words begin a link wherever they stand as they are.
    assert not re.search(r"https?://|www\.", escape(name))


@given(st.text(max_size=20), st.text(max_size=20))
@example("Case", "case")
@example("a b", "a-b")
@example("a\u0301", "\u00e1")
def test_pages_of_different_subjects_have_different_harmless_names(a: str, b: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}-[0-9a-f]{12}", make_slug(a))
    assert (make_slug(a) == make_slug(b)) == (a == b)


@given(st.lists(texts, min_size=1))
@example(["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "'=1"])
def test_only_formulas_get_an_apostrophe(cells: list[str]) -> None:
    told = without_formulas(pd.DataFrame({"label": cells, "n": range(len(cells))}))["label"]
    for before, after in zip(cells, told, strict=True):
        assert after == (f"'{before}" if before.startswith(FORMULA) else before)
