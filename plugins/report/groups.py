"""The groups of images that a page shows of a result."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.measurements import GROUPS_SHOWN
from labelgate.plugins.report.pictures import SHOWN, SHOWN_IN_PAIR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labelgate.plugins.report.pictures import Pictures

COMPARED = ("near_duplicates", "calibration")
"""Stems whose groups of two images are pairs that were laid on each other."""

Group = tuple[list[str], int, str]
"""Paths, how many images the group has in all, and what is said of it."""


def wanted(report: dict[str, Any]) -> Iterator[tuple[list[str], bool]]:
    """Yields every group of images that the pages show, and whether it is a compared pair."""
    for result in report["results"]:
        stem = report["properties"].get(result["property"], {}).get("stem", "")
        for paths, size, _ in distinct_groups(result):
            yield paths, _is_pair(stem, paths, size)


def distinct_groups(result: dict[str, Any]) -> list[Group]:
    """Returns the groups of a result that are shown, at most `GROUPS_SHOWN`.

    A group that two splits have in common is among the examples of both, and is shown once.
    """
    return list(itertools.islice(_distinct(result).values(), GROUPS_SHOWN))


def show_groups(result: dict[str, Any], stem: str, pictures: Pictures) -> dict[str, Any]:
    """Makes the groups of images that a page shows of a result.

    Returns:
        `groups`; `total`, how many there are, or None where that is not known because some may
        have been counted in two splits; and `here`, whether any of their images is.
    """
    groups = [_show_group(stem, *group, pictures) for group in distinct_groups(result)]
    repeated = len(result["examples"]) - len(_distinct(result))
    complete = result["groups"] == len(result["examples"])
    total = result["groups"] - repeated if complete or not repeated else None
    here = not all(member["absent"] for group in groups for member in group["members"])
    return {"groups": groups, "total": total, "here": here}


def _distinct(result: dict[str, Any]) -> dict[frozenset[str], Group]:
    captions = result.get("captions") or [""] * len(result["examples"])
    distinct: dict[frozenset[str], Group] = {}
    for paths, size, caption in zip(result["examples"], result["sizes"], captions, strict=True):
        distinct.setdefault(frozenset(paths), (paths, size, caption))
    return distinct


def _is_pair(stem: str, paths: list[str], size: int) -> bool:
    return stem in COMPARED and len(paths) == size == 2


def _show_group(
    stem: str, paths: list[str], size: int, caption: str, pictures: Pictures
) -> dict[str, Any]:
    """Shows the images of a group, and what all of them differ in."""
    pair = _is_pair(stem, paths, size)
    members = [pictures.image(path, SHOWN_IN_PAIR if pair else SHOWN) for path in paths]
    described = {(member["split"], member["label"]) for member in members}
    return {
        "members": members,
        "size": size,
        "caption": caption,
        "pair": pictures.pair(paths[0], paths[1]) if pair else None,
        "splits": sorted({split for split, _ in described}),
        "labels": sorted({label for _, label in described if label is not None}),
        "alike": len(described) == 1,
    }
