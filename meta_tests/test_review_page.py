"""The review page in a real browser: what is decided is exported, and the next run reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browser import Visit, find_barriers
from jsonschema import Draft202012Validator
from reviewer import begin, choose, export, press

from labelgate.fixtures.candidate_kinds import CONFLICT, ERROR, NEAR, SOURCE, Candidate, Edge
from labelgate.fixtures.candidates import Candidates
from labelgate.fixtures.dataset import SplitNames, assemble
from labelgate.fixtures.declarations import Review
from labelgate.fixtures.report_json import load_report, write_json
from labelgate.fixtures.statistics import bound_left, bound_rest, cohen_kappa, negatives_needed
from labelgate.plugins.report.html import prepare_folder
from labelgate.plugins.report.review import (
    REVIEW,
    compose_review,
    draw_review,
    merge_reviews,
    render_review,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = '</script><img src=x onerror="globalThis.hacked=1">\'|,'
LABELS = ["cat", "dog", "fox", HOSTILE]
PATHS = [f"train/{label}/{i}.png" for label in ("cat", "dog", "fox") for i in range(10)]
PATHS += [f'train/{HOSTILE.replace("/", "")}/=1+1 "{i}",\n.png' for i in range(3)]
REPORT = {
    "schema": "labelgate.report/1",
    "dataset": {"name": HOSTILE, "names": {}},
    "provenance": {"labelgate": "0"},
}
Reviewed = Callable[..., Path]
Sit = Callable[..., "Page"]


def candidates(reviews: tuple[Review, ...] = ()) -> Candidates:
    """Ten pairs, two sources, two conflicts and three doubted labels of 33 images."""
    labels = [LABELS[i // 10] for i in range(len(PATHS))]
    dataset = assemble("hostile", Path("/nowhere"), [SplitNames("train", PATHS, labels)])
    index = [dataset.index_of[path] for path in PATHS]

    def edge(a: int, b: int, kind: str = "augmentation") -> Edge:
        return Edge(index[a], index[b], kind, f"{kind}, score 0.50", (1.0, 0, 0, 0, 1.0, 0))

    pairs = [(i, 10 + i) for i in range(9)] + [(30, 31)]
    clusters = [(20, 21), (21, 22), (22, 23)], [(24, 25)]
    found = Candidates(dataset, reviews=reviews)
    asked: dict[str, list[Candidate]] = {
        CONFLICT: [
            Candidate(CONFLICT, (index[0], index[10]), 2, "identical pixels", ("cat", "dog")),
            Candidate(CONFLICT, (index[29], index[32]), 2, "identical pixels", ("fox", HOSTILE)),
        ],
        NEAR: [
            Candidate(NEAR, (index[a], index[b]), 3 - i / 10, "augmentation", (), (edge(a, b),))
            for i, (a, b) in enumerate(pairs)
        ],
        SOURCE: [
            Candidate(
                *(SOURCE, tuple({index[i]: 0 for pair in ends for i in pair}), len(ends), "one"),
                *((), tuple(edge(a, b, "similar_view") for a, b in ends)),
            )
            for ends in clusters
        ],
        ERROR: [
            Candidate(ERROR, (index[i],), 1 - i / 100, "net: rather dog", ("dog",))
            for i in (5, 6, 31)
        ],
    }
    for kind, listed in asked.items():
        found.add(kind, listed, 40 if kind == NEAR else 0)
    return found


def decode(path: str) -> Any:  # noqa: ANN401
    if path == "train/cat/9.png":
        raise ValueError("broken <b>file</b>")
    shade = np.random.default_rng(len(path) + ord(path[-5])).integers(0, 255, (48, 64, 3))
    return shade.astype(np.uint8)


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """Writes a folder with a review page about hostile names."""

    def write(*reviews: Review) -> Path:
        folder = tmp_path_factory.mktemp("report")
        prepare_folder(folder)
        write_json(folder / REVIEW, compose_review(candidates(reviews), "f" * 64))
        draw_review(folder, decode)
        assert render_review(folder, REPORT)
        return folder

    return write


@pytest.fixture
def sit(visit: Visit, reviewed: Reviewed) -> Callable[..., Page]:
    """Opens the page of a new folder at the desk of a reviewer; nothing may ask the network."""

    def open_page(*reviews: Review, name: str = "ann", **options: Any) -> Page:  # noqa: ANN401
        page = visit(reviewed(*reviews), "review.html", **options)
        if name:
            begin(page, name)
        return page

    return open_page


def said(rows: list[Review]) -> set[tuple[str, str, str, str]]:
    return {(row.path_a, row.path_b, row.decision, row.label) for row in rows}


def test_what_was_decided_by_keys_is_exported_and_read_back(
    sit: Sit,
    tmp_path: Path,
) -> None:
    page = sit()
    press(page, "1 2")  # the conflicts
    choose(page, NEAR)
    press(page, "1 2 3 u ArrowRight 3 ArrowLeft ArrowLeft 2")
    choose(page, ERROR)
    press(page, "1 2 x")
    rows = export(page, tmp_path, LABELS)
    assert "13 decisions of ann" in page.inner_text("#filed")
    fox, odd = PATHS[29], PATHS[32]
    assert said(rows) == {
        (PATHS[0], "", "label", "cat"),
        (PATHS[10], "", "label", "cat"),
        (fox, "", "label", HOSTILE),
        (odd, "", "label", HOSTILE),
        (PATHS[0], PATHS[10], "augmentation", ""),
        (PATHS[1], PATHS[11], "similar_view", ""),
        (PATHS[2], PATHS[12], "different", ""),
        (PATHS[3], PATHS[13], "unsure", ""),
        (PATHS[5], PATHS[15], "different", ""),
        (PATHS[4], PATHS[14], "similar_view", ""),
        (PATHS[5], "", "label", "cat"),
        (PATHS[6], "", "label", "dog"),
        (PATHS[31], "", "no_class", ""),
    }
    assert {row.reviewer for row in rows} == {"ann"}


def test_every_step_can_be_undone_also_after_a_reload(
    sit: Sit,
    tmp_path: Path,
) -> None:
    page = sit()
    choose(page, NEAR)
    press(page, "1 2 3")
    text = page.input_value("#text")
    place = page.inner_text("#question")
    page.reload()
    assert page.is_visible("#desk")  # nobody is asked for a name again
    assert page.input_value("#text") == text
    assert page.inner_text("#question") == place
    press(page, "z z")
    assert page.input_value("#text").count("augmentation") == 1
    assert page.inner_text("#progress") == "1 of 10 near duplicates decided."
    press(page, "z z")
    assert page.input_value("#text").strip() == "path_a,path_b,decision,label,reviewer,date"
    assert page.inner_text("#question").endswith("1 of 10")


def test_a_source_is_decided_as_a_whole_or_pair_by_pair(
    sit: Sit,
    tmp_path: Path,
) -> None:
    page = sit()
    choose(page, SOURCE)
    press(page, "p 2 3 1")
    assert page.inner_text("#progress") == "1 of 2 sources decided."
    press(page, "1")
    rows = export(page, tmp_path, LABELS)
    assert said(rows) == {
        (PATHS[20], PATHS[21], "similar_view", ""),
        (PATHS[21], PATHS[22], "different", ""),
        (PATHS[22], PATHS[23], "augmentation", ""),
        (PATHS[24], PATHS[25], "similar_view", ""),
    }
    press(page, "z 2")
    assert said(export(page, tmp_path, LABELS)) - said(rows) == {
        (PATHS[24], PATHS[25], "different", "")
    }


def test_an_image_may_show_another_class_or_several(
    sit: Sit,
    tmp_path: Path,
) -> None:
    page = sit()
    choose(page, ERROR)
    press(page, "a")
    page.keyboard.type("FO")
    press(page, "Enter")
    page.keyboard.type("ca")
    press(page, "Enter Enter a Enter")
    assert "No class is chosen" in page.inner_text("#chosen")
    press(page, "Escape u")
    assert said(export(page, tmp_path, LABELS)) == {
        (PATHS[5], "", "label", "cat|fox"),
        (PATHS[6], "", "unsure", ""),
    }


def test_the_row_of_negatives_says_what_the_statistics_say(
    sit: Sit,
    tmp_path: Path,
) -> None:
    page = sit()
    choose(page, NEAR)
    press(page, "1 3 3 3")
    told = page.inner_text("#stopping")
    share = f"{100 * bound_rest(3, 0.95):.3g} %"
    assert "3 in a row were different, 46 are left" in told
    assert f"at most {share} of the rest" in told
    assert f"at most {bound_left(3, 46, 0.95)} of the 46 left" in told
    assert "56 more in a row, and at most 5 %" in told
    assert "(59 in all)" in told
    assert "40 of those left are less suspicious, and not listed" in told
    page.select_option("#confidence", "0.99")
    page.select_option("#share", "0.1")
    assert f"({negatives_needed(0.1, 0.99)} in all)" in page.inner_text("#stopping")
    press(page, "u")
    assert page.inner_text("#stopping").startswith("0 in a row")
    press(page, "z ArrowRight 3")  # one was passed over: the row ends before it
    assert page.inner_text("#stopping").startswith("3 in a row")
    choose(page, CONFLICT)
    assert page.inner_text("#stopping").startswith("No: each of these is a finding")


def test_the_statistics_of_the_page_are_those_of_the_run(
    sit: Sit,
    tmp_path: Path,
) -> None:
    rows = [(m, c) for m in (0, 1, 2, 58, 59, 60, 299, 5_000) for c in (0.9, 0.95, 0.99)]
    left = [(m, n, c) for m, c in rows for n in (0, 1, 20, 1_000)]
    needed = [(s, c) for s in (0.01, 0.02, 0.05, 0.1, 0.5) for c in (0.9, 0.95, 0.99)]
    rng = np.random.default_rng(0)
    answers = [rng.choice(list("xyz"), (2, n)).tolist() for n in (1, 2, 5, 30, 100)]
    call = "([name, rows]) => rows.map((row) => labelgate.statistics[name](...row))"
    page = sit(name="")
    assert page.evaluate(call, ["boundRest", rows]) == pytest.approx(
        [bound_rest(*row) for row in rows]
    )
    assert page.evaluate(call, ["boundLeft", left]) == [bound_left(*row) for row in left]
    assert page.evaluate(call, ["negativesNeeded", needed]) == [
        negatives_needed(*row) for row in needed
    ]
    kappas = [told["kappa"] for told in page.evaluate(call, ["agreement", answers])]
    assert kappas == pytest.approx([cohen_kappa(*each) for each in answers], nan_ok=True)


def test_a_blind_reviewer_sees_nothing_of_others_and_has_an_order_of_their_own(
    sit: Sit,
    tmp_path: Path,
) -> None:
    ann = [
        Review(PATHS[i], PATHS[10 + i], decision, "ann", "2026-01-01")
        for i, decision in enumerate(["augmentation"] * 4 + ["different"] * 5)
    ]
    page = sit(*ann, name="")
    begin(page, "ben", blind=True)
    choose(page, NEAR)
    orders = []
    for _ in range(2):
        orders.append([page.inner_text("#pictures .path >> nth=0")])
        for _ in range(9):
            press(page, "ArrowRight")
            orders[-1].append(page.inner_text("#pictures .path >> nth=0"))
        page.reload()
    start = orders[1].index(orders[0][0])
    assert orders[0] == orders[1][start:] + orders[1][:start]
    assert len(set(orders[0])) == 10
    assert orders[0] != sorted(orders[0])
    seen = page.inner_text("#stage") + page.inner_text("#agreement")
    assert not {"ann", "machine", "score"} & set(seen.lower().replace(":", " ").split())
    for _ in range(10):
        page.click("#steps [aria-keyshortcuts=n]")
        path = page.inner_text("#pictures .path >> nth=0")
        number = PATHS.index(path) if path in PATHS else 30
        press(page, "1" if number < 2 or number > 9 else "3")
    page.click("#open")
    table = page.inner_text("#compared table")
    kappa = cohen_kappa(["a"] * 4 + ["d"] * 5, ["a"] * 2 + ["d"] * 7)
    assert table.split("\n")[-1].split("\t") == ["pairs", "9", "77.8 %", f"{kappa:.3f}"]
    assert page.inner_text("#compared > p") == "2 disagreements:"
    assert "ben: different, ann: augmentation" in page.inner_text("#compared ol")
    page.click("#compared li >> nth=1 >> button")
    assert page.inner_text("#pictures .path >> nth=0") == PATHS[3]
    assert "ann: augmentation (2026-01-01)" in page.inner_text("#before")


def test_an_earlier_file_is_loaded_and_a_wrong_one_is_told(sit: Sit, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    head = "path_a,path_b,decision,reviewer,date,label\r\n"
    good.write_bytes(
        f"\ufeff{head}{PATHS[11]},{PATHS[1]},different,ann,2026-01-01,\r\n"
        f"{PATHS[5]},,label,zoe,2026-01-01,dog\r\n"
        f"gone.png,{PATHS[1]},different,ann,2026-01-01,\r\n".encode()
    )
    bad.write_text(f"{head}{PATHS[1]},{PATHS[2]},alike,ann,2026-01-01,\n")
    page = sit()
    page.set_input_files("#load", [good])
    page.locator("#filed", has_text="good.csv").wait_for()
    assert "3 decisions read, 2 of them about candidates here" in page.inner_text("#filed")
    assert (
        len(export(page, tmp_path, LABELS)) == 2
    )  # zoe's is hers, that of an absent image is kept
    choose(page, ERROR)
    assert "zoe: dog (2026-01-01)" in page.inner_text("#before")
    page.set_input_files("#load", [bad])
    page.locator("#filed", has_text="bad.csv").wait_for()
    assert "record 2: the decision 'alike' is none of" in page.inner_text("#filed")
    assert len(export(page, tmp_path, LABELS)) == 2


def test_views_lay_b_on_a_and_show_both_in_turns(
    sit: Sit,
    tmp_path: Path,
) -> None:
    page = sit()
    page.emulate_media(reduced_motion="reduce")
    choose(page, NEAR)
    assert page.locator("#pictures figure img").count() == 2
    press(page, "d")
    assert page.locator(".frame.difference .cover img").count() == 1
    press(page, "w")
    page.fill(".laid input", "20")
    assert "20%" in page.evaluate("document.querySelector('.cover').style.clipPath")
    press(page, "f")
    assert page.locator(".cover.gone").count() == 0
    press(page, "f")
    assert page.locator(".cover.gone").count() == 1


def test_candidates_are_chosen_by_class_and_by_what_is_decided(
    sit: Sit,
    tmp_path: Path,
) -> None:
    page = sit()
    choose(page, NEAR)
    page.select_option("#class", HOSTILE)
    assert page.inner_text("#question").endswith("1 of 1")
    page.select_option("#class", "")
    press(page, "3")
    page.select_option("#state", "undecided")
    assert page.inner_text("#question").endswith("1 of 9")
    page.select_option("#state", "conflict")
    assert page.inner_text("#question") == "No candidate fits what is chosen above."
    press(page, "1 n")  # nothing is shown, so nothing is decided


def test_the_page_fits_a_telephone_and_can_be_used_without_keys(sit: Sit) -> None:
    page = sit(width=480)
    for kind in (CONFLICT, NEAR, SOURCE, ERROR):
        choose(page, kind)
        assert page.evaluate("document.documentElement.scrollWidth") <= 480
    choose(page, NEAR)
    page.uncheck("#keys")
    press(page, "1")
    assert page.inner_text("#progress").startswith("0 of 10")
    page.click("#decisions button >> nth=2")
    assert page.inner_text("#progress").startswith("1 of 10")


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_has_no_barriers(sit: Sit, dark: bool) -> None:
    page = sit(Review(PATHS[0], PATHS[10], "different", "ben", "2026-01-01"), dark=dark, name="")
    assert find_barriers(page) == []
    begin(page, "ann")
    press(page, "1")
    for kind, keys in ((CONFLICT, "a"), (NEAR, "w"), (SOURCE, "p"), (ERROR, "ArrowRight")):
        choose(page, kind)
        press(page, keys)
        page.click("summary")
        assert find_barriers(page) == []
    assert page.evaluate("globalThis.hacked") is None


def test_a_blind_reviewer_of_labels_does_not_see_which_label_an_image_has(sit: Sit) -> None:
    page = sit(name="")
    begin(page, "ben", blind=True)
    for kind in (ERROR, CONFLICT):
        choose(page, kind)
        stage = page.inner_html("#stage")
        assert "train/" not in stage
        assert "Keep" not in stage
        labels = page.locator("#decisions bdi").all_inner_texts()[:2]
        assert labels == sorted(labels)


def follow(folder: Path) -> None:
    """Validates `review.json` of a folder against its schema."""
    file = files("labelgate.plugins.report") / "review.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads((folder / REVIEW).read_text()))


def test_candidates_have_the_form_that_their_schema_says(reviewed: Reviewed) -> None:
    folder = reviewed(Review(PATHS[0], PATHS[10], "different", "ann", "2026-01-01"))
    told = json.loads((folder / REVIEW).read_text())
    assert {"file", "label"} <= {key for image in told["images"] for key in image}
    follow(folder)


def test_the_sample_asks_in_that_form(sample: tuple[Path, Any]) -> None:
    follow(sample[0] / "demo")


def test_a_page_without_candidates_says_so(visit: Visit, tmp_path: Path) -> None:
    nothing = Candidates(candidates().dataset)
    prepare_folder(tmp_path)
    write_json(tmp_path / REVIEW, compose_review(nothing, ""))
    draw_review(tmp_path, decode)
    assert not render_review(tmp_path, REPORT)
    page = visit(tmp_path, "review.html")
    assert "Nothing is suspicious enough" in page.inner_text("main")
    assert page.is_hidden("#who")
    assert page.is_hidden("#desk")


def test_progress_of_two_reports_without_a_fingerprint_is_kept_apart() -> None:
    whole = candidates()
    part = Candidates(whole.dataset)
    part.add(ERROR, whole.asked[ERROR], 0)
    assert compose_review(whole, "f")["fingerprint"] == "f"
    assert compose_review(whole, "")["fingerprint"] != compose_review(part, "")["fingerprint"]


def test_only_the_first_candidates_have_pictures_and_decided_ones_come_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelgate.plugins.report import review as module

    monkeypatch.setattr(module, "PICTURED", 4)
    done = Review(PATHS[0], PATHS[10], "different", "ann", "2026-01-01")
    told = compose_review(candidates((done,)), "")
    told["candidates"] = [each for each in told["candidates"] if each["kind"] == NEAR]
    write_json(tmp_path / REVIEW, told)
    draw_review(tmp_path, decode)
    drawn = json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))
    files = {image["path"] for image in drawn["images"] if "file" in image}
    assert files == {PATHS[1], PATHS[11], PATHS[2], PATHS[12]}
    assert len(list((tmp_path / "images").iterdir())) == 4


def test_reviews_of_shards_are_laid_together_each_candidate_once() -> None:
    whole = compose_review(candidates((Review(*PATHS[:2], "different", "ann", "d"),)), "")

    def only(*kinds: str) -> dict[str, Any]:
        listed = [each for each in whole["candidates"] if each["kind"] in kinds]
        used = sorted({image for each in listed for image in each["images"]})
        place = {image: number for number, image in enumerate(used)}
        return whole | {
            "unlisted": {kind: whole["unlisted"][kind] for kind in kinds},
            "images": [whole["images"][image] for image in used],
            "candidates": [move(each, place) for each in listed],
        }

    def move(candidate: dict[str, Any], place: dict[int, int]) -> dict[str, Any]:
        edges = [e | {"a": place[e["a"]], "b": place[e["b"]]} for e in candidate["edges"]]
        return candidate | {"images": [place[i] for i in candidate["images"]], "edges": edges}

    assert merge_reviews([whole]) == whole
    assert merge_reviews([only(ERROR, NEAR), only(SOURCE, NEAR), whole]) == whole
    assert merge_reviews([only(ERROR), only(SOURCE, CONFLICT), only(NEAR)]) == whole


TOML = """
[splits.train]
images = "train"
[[predictions]]
name = "net"
table = "scores.npy"
paths = "paths.txt"
classes = "classes.txt"
"""


def test_the_next_run_decides_what_people_decided(
    tmp_path: Path,
    draw: Callable[[Path, dict[str, int]], Path],
    suite: Callable[..., CompletedProcess[str]],
    outcomes: Callable[[Path], dict[tuple[str, str], str]],
    visit: Visit,
) -> None:
    """Eight doubted labels fail a class until they are confirmed; equal pixels fail it still."""
    data = tmp_path / "data"
    pictures = {f"train/{c}/{i:02}.png": i + 40 * (c == "b") for c in "ab" for i in range(20)}
    draw(data, pictures | {"train/b/19.png": 19})
    doubted = {path for path in pictures if "/b/" in path or path < "train/a/08"}
    rows = [[0.05, 0.95] if path in doubted else [0.95, 0.05] for path in pictures]
    np.save(data / "scores.npy", np.array(rows, np.float32))
    (data / "paths.txt").write_text("\n".join(pictures))
    (data / "classes.txt").write_text("a\nb")
    (data / "dataset.toml").write_text(TOML)
    chosen = "-k", "label_errors or exact_duplicates"
    suite(tmp_path, *chosen)
    before = outcomes(tmp_path / "report")
    page = visit(tmp_path / "report", "review.html")
    begin(page, "ann")
    press(page, "1")
    choose(page, ERROR)
    press(page, "1 1 1 1 1 1 1 1")
    assert page.inner_text("#progress") == "8 of 8 label errors decided."
    assert len(export(page, data, ["a", "b"])) == 10
    (data / "dataset.toml").write_text(f"{TOML}[[reviews]]\ntable = 'review.csv'\n")
    ended = suite(tmp_path, *chosen)
    after = outcomes(tmp_path / "report")
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {("label_error_rate_is_low", "a")}, ended.stdout
    assert after["label_error_rate_is_low", "a"] == "passed"
    assert after["identical_pixels_have_one_label", "a"] == "failed"
    report = load_report(tmp_path / "report")[1]
    figures = {figure["name"]: figure["value"] for figure in report["figures"]}
    assert figures["labels that people confirm"] == 9
    assert figures["labels that people contradict"] == 1
    again = json.loads((tmp_path / "report" / "review.json").read_text())
    assert len(again["reviews"]) == 10
