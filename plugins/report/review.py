"""The review page: what people are asked, written by the run, drawn, and rendered from the folder.

`review.json` holds the candidates of `fixtures/candidates.py` with their pictures and with what was
decided so far; `review.html` shows them one at a time and exports what `[[reviews]]` reads.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import write_json
from labelgate.plugins.report.drawing import Picture, Task, draw
from labelgate.plugins.report.measured import nothing_known
from labelgate.plugins.report.pages import write_page

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from labelgate.fixtures.candidate_kinds import Candidate
    from labelgate.fixtures.candidates import Candidates
    from labelgate.plugins.report.drawing import Decode
    from labelgate.plugins.report.measured import Measured

REVIEW, PAGE = "review.json", "review.html"

SCHEMA = "labelgate.review/1"

KINDS = ("label_conflict", "near_duplicate", "source", "label_error", "label_change")
"""In the order in which the page offers them."""

SIDE = 480
"""Pixels of the long side of a picture: two stand side by side on a screen of 1,280."""

PICTURED = 300
"""Pictures that are drawn for the candidates of a kind: an hour of work. Candidates that nobody
reviewed come first, so that the next run draws the next ones."""

SCRIPTS = (
    *("review-statistics.js", "review-rows.js", "review-desk.js", "review-pictures.js"),
    *("review-tables.js", "review-answers.js", "review-panels.js", "review.js"),
)
"""In the order in which they need each other."""


def compose_review(candidates: Candidates, fingerprint: str) -> dict[str, Any]:
    """Makes the content of `review.json`, without pictures.

    Args:
        candidates: what is asked.
        fingerprint: of the dataset, under which the page keeps its progress; "" where a stem broke
            and none was computed: then it is one of the candidates.
    """
    from labelgate.fixtures.predictors.prompts import short_names

    data = candidates.dataset
    listed = [each for found in candidates.asked.values() for each in found]
    images = sorted({image for candidate in listed for image in candidate.images})
    position = {image: place for place, image in enumerate(images)}
    called = zip(data.labels, short_names(data), strict=True)
    told = [_tell(candidate, data.paths, position) for candidate in listed]
    return {
        "schema": SCHEMA,
        "dataset": data.name,
        "fingerprint": fingerprint or _digest(*(each["id"] for each in told)),
        "labels": list(data.labels),
        "names": {label: name for label, name in called if name != label},
        "unlisted": candidates.unlisted,
        "pictured": PICTURED,
        "images": [
            {
                "path": data.paths[image],
                "split": data.split_of(image),
                "label": data.label_of(image),
            }
            for image in images
        ],
        "candidates": told,
        "reviews": [asdict(review) for review in candidates.reviews],
    }


def _tell(candidate: Candidate, paths: Sequence[str], position: dict[int, int]) -> dict[str, Any]:
    return {
        "id": _digest(candidate.kind, *(paths[image] for image in candidate.images))[:12],
        "kind": candidate.kind,
        "images": [position[image] for image in candidate.images],
        "score": round(candidate.score, 6),
        "said": candidate.said,
        "suggested": list(candidate.suggested),
        "edges": [
            {
                "a": position[edge.a],
                "b": position[edge.b],
                "kind": edge.kind,
                "said": edge.said,
                "matrix": None if edge.matrix is None else [round(x, 5) for x in edge.matrix],
            }
            for edge in candidate.edges
        ],
    }


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def draw_review(
    folder: Path,
    decode: Decode,
    absent: Collection[str] = (),
    workers: int = 0,
    measured: Measured = nothing_known,
) -> None:
    """Draws the pictures of the candidates into `images/`, and says in `review.json` which.

    Args:
        folder: the report folder; nothing is done where no candidates were written.
        decode: as `draw_pictures` takes it.
        absent: splits whose images are not here.
        workers: processes; 0 draws here.
        measured: as `draw_pictures` takes it.
    """
    if not (folder / REVIEW).is_file():
        return
    review = json.loads((folder / REVIEW).read_text(encoding="utf-8"))
    chosen = {
        image["path"]: image for image in map(review["images"].__getitem__, _pictured(review))
    }
    pictures = [
        Picture(path, f"review-{_digest(path)[:16]}.webp", SIDE)
        for path, image in chosen.items()
        if image["split"] not in absent
    ]
    contents = measured(chosen)
    known = [{p.path: contents[p.path]} if p.path in contents else {} for p in pictures]
    tasks = [Task([picture], None, of) for picture, of in zip(pictures, known, strict=True)]
    drawn = draw(folder, tasks, decode, workers).images
    for picture in pictures:
        told = drawn[picture.path]
        chosen[picture.path] |= {"file": picture.file, **told} if "pixels" in told else told
    for image in chosen.values():
        image |= {} if image["path"] in drawn else {"absent": True}
    write_json(folder / REVIEW, review)


def _pictured(review: dict[str, Any]) -> Iterator[int]:
    """Yields the images that are drawn: those of the first candidates of each kind."""
    reviewed = {frozenset((row["path_a"], row["path_b"])) for row in review["reviews"]}
    paths = [image["path"] for image in review["images"]]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for candidate in review["candidates"]:
        kinds.setdefault(candidate["kind"], []).append(candidate)
    for candidates in kinds.values():
        ordered = sorted(candidates, key=lambda each: _items(paths, each) <= reviewed)
        drawn: dict[int, None] = {}
        for candidate in ordered:
            same = candidate["kind"] == "label_conflict"  # identical pixels are drawn once
            drawn |= dict.fromkeys(candidate["images"][:1] if same else candidate["images"])
            if len(drawn) >= PICTURED:
                break
        yield from list(drawn)[:PICTURED]


def _items(paths: Sequence[str], candidate: dict[str, Any]) -> set[frozenset[str]]:
    """What has to be decided about a candidate: its edges, or its images."""
    if candidate["edges"]:
        return {frozenset((paths[edge["a"]], paths[edge["b"]])) for edge in candidate["edges"]}
    return {frozenset((paths[image], "")) for image in candidate["images"]}


def merge_reviews(reviews: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Lays the candidates of shards together.

    Args:
        reviews: contents of `review.json`, at least one. Each shard lists the same candidates of a
            kind, for it measures the whole dataset, or none where its checks need none.
    """
    images: dict[str, dict[str, Any]] = {}
    for review in reviews:
        for image in review["images"]:
            if "file" in image or image["path"] not in images:
                images[image["path"]] = image
    place = {path: number for number, path in enumerate(sorted(images))}
    of_kind: dict[str, list[dict[str, Any]]] = {}
    for review in reviews:
        _refuse_numbers(review)
        moved = [place[image["path"]] for image in review["images"]]
        for kind in set(review["unlisted"]) - set(of_kind):
            listed = [each for each in review["candidates"] if each["kind"] == kind]
            of_kind[kind] = [_move(each, moved) for each in listed]
    unlisted = {kind: count for each in reviews for kind, count in each["unlisted"].items()}
    rows = {json.dumps(row, sort_keys=True): row for each in reviews for row in each["reviews"]}
    return reviews[0] | {
        "unlisted": {kind: unlisted[kind] for kind in KINDS if kind in unlisted},
        "images": [images[path] for path in place],
        "candidates": [each for kind in KINDS for each in of_kind.get(kind, ())],
        "reviews": list(rows.values()),
    }


def _refuse_numbers(review: dict[str, Any]) -> None:
    """Refuses a candidate that speaks of an image which is not listed."""
    count = len(review["images"])
    for each in review["candidates"]:
        named = [*each["images"], *(edge[end] for edge in each["edges"] for end in ("a", "b"))]
        if max(named, default=0) >= count:
            raise SettingsError(
                f"{REVIEW} of a shard names image number {max(named):,} of {count:,} that it "
                "lists; make that shard's report again."
            )


def _move(candidate: dict[str, Any], moved: Sequence[int]) -> dict[str, Any]:
    edges = [edge | {"a": moved[edge["a"]], "b": moved[edge["b"]]} for edge in candidate["edges"]]
    return candidate | {"images": [moved[i] for i in candidate["images"]], "edges": edges}


def render_review(folder: Path, report: dict[str, Any]) -> bool:
    """Writes `review.html` from `review.json`; returns whether there is something to review."""
    if not (folder / REVIEW).is_file():
        return False
    review = json.loads((folder / REVIEW).read_text(encoding="utf-8"))
    write_page(folder, PAGE, PAGE, {"report": report, "review": review, "scripts": SCRIPTS})
    return bool(review["candidates"])
