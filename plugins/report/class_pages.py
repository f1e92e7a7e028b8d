"""The page of each subject: its findings with their images, and its other numbers.

A thousand pages with findings take half a minute, so they are divided among processes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.workers import run_batches
from labelgate.plugins.report.groups import show_groups
from labelgate.plugins.report.matrix import has_section
from labelgate.plugins.report.pages import write_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from labelgate.plugins.report.pictures import Pictures

BATCH = 16
"""Pages that a process writes at a time."""

FEW = 64
"""Pages that are written sooner than processes start that would write them."""

SHARED = ("properties", "outcomes", "nowhere")
"""What a page shows of what all pages share. It goes to every process, and no result with it."""

Page = dict[str, Any]


def write_class_pages(
    folder: Path, shown: dict[str, Any], pictures: Pictures, workers: int
) -> None:
    """Writes the pages of subjects that have one.

    Args:
        folder: the report folder.
        shown: what all pages share, `subjects` among it.
        pictures: what was drawn.
        workers: processes; 0 writes every page here, as does a page whose process died.
    """
    shared = {key: shown[key] for key in SHARED} | {"report": _foot(shown["report"])}
    subjects = shown["subjects"]
    pages = list(_pages(subjects, pictures))
    batches = [pages[start : start + BATCH] for start in range(0, len(pages), BATCH)]
    write = partial(_write, folder, shared)
    processes = 0 if len(pages) <= FEW else workers
    for _ in run_batches(write, batches, processes, died=lambda page: write([page])):
        pass


def _foot(report: dict[str, Any]) -> dict[str, Any]:
    """What every page says of the report that it belongs to."""
    return {
        "dataset": {"name": report["dataset"]["name"]},
        "provenance": {"labelgate": report["provenance"]["labelgate"]},
        "schema": report["schema"],
    }


def _pages(subjects: Sequence[dict[str, Any]], pictures: Pictures) -> Iterator[Page]:
    """Yields what the page of each subject is made of, with no more of its neighbours than that."""
    own = [subject for subject in subjects if subject["page"]]
    named = [{key: each[key] for key in ("page", "name", "called")} for each in own]
    for before, subject, after in zip([None, *named], own, [*named[1:], None], strict=False):
        yield {
            "subject": subject,
            "before": before,
            "after": after,
            "pictures": pictures.of_results(subject["results"]),
        }


def _write(folder: Path, shared: dict[str, Any], pages: Sequence[Page]) -> None:
    for page in pages:
        results, pictures = page["subject"]["results"], page["pictures"]
        told = {
            "findings": [_shown(r, shared, pictures) for r in results if has_section(r)],
            **_in_short([r for r in results if not has_section(r)], shared["nowhere"]),
        }
        write_page(folder, page["subject"]["page"], "class.html", shared | page | told)


def _shown(
    result: dict[str, Any], shared: dict[str, Any], pictures: Pictures
) -> tuple[dict[str, Any], dict[str, Any]]:
    stem = shared["properties"][result["property"]]["stem"]
    return result, show_groups(result, stem, pictures)


def _in_short(results: list[dict[str, Any]], nowhere: frozenset[str]) -> dict[str, Any]:
    """What a page says of the results without a section: numbers, or why there are none at all.

    Args:
        results: of one subject.
        nowhere: properties that were measured of no subject; the first page says why, once.
    """
    others: list[dict[str, Any]] = []
    unmeasured: dict[str, list[str]] = {}
    told = [result for result in results if result["property"] not in nowhere]
    for result in told:
        reasons = {cell["reason"] for cell in result["cells"]} or {result["reason"]}
        if result["outcome"] == "not_measured" and len(reasons) == 1:
            unmeasured.setdefault(reasons.pop(), []).append(result["property"])
        else:
            others.append(result)
    return {"others": others, "unmeasured": unmeasured, "silent": len(results) - len(told)}
