"""What the pages know of drawn pictures: `pictures.json`, and the names of their files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.errors import SettingsError
from labelgate.plugins.report.thumbnails import stored_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

PICTURES = "pictures.json"

SCHEMA = "labelgate.pictures/1"

SHOWN = 200
"""CSS pixels that a page has for the long side of a picture; five stand side by side."""

SHOWN_IN_PAIR = 320
"""The same for a picture of a pair, beside its partner, their difference and both in one frame."""

NOTHING_DRAWN = {"pixels": None, "enlarged": False, "absent": False, "error": None, "unlaid": False}
"""What is said of an image of which nothing else is known: templates look a key up that is there in
a fifth of the time that they need to see that it is not."""

LARGEST_SCALE = 8
"""A picture of a few pixels is not blown up to a wall of colour."""


def name_picture(path: str) -> str:
    """Names the file of an image's small copy; equal for equal paths, in every report."""
    return f"thumbnail-{_digest(path)}.webp"


def name_pair(kind: str, a: str, b: str) -> str:
    """Names the file of what is drawn of a pair: `laid`, b as it lies on a, or `difference`."""
    return f"{kind}-{_digest(a, b)}.webp"


def _digest(*paths: str) -> str:
    joined = "\0".join(paths).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Pictures:
    """The drawn pictures of a report.

    Attributes:
        images: by path: `split`, `label`, and `pixels`, `absent` or `error`.
        pairs: by a and b: `transform` and `size`, or `unlaid`, or `error`.
    """

    images: dict[str, dict[str, Any]]
    pairs: dict[tuple[str, str], dict[str, Any]]

    def image(self, path: str, side: int = SHOWN) -> dict[str, Any]:
        """Returns what a page shows of an image.

        Returns:
            `path`, `split`, `label`; and `file`, `width`, `height` (as shown, CSS pixels),
            `enlarged`, and `pixels`, the size of the original in words; or `error`, the reason why
            there is no picture; or `absent`. What is not so is there too (`NOTHING_DRAWN`).
        """
        told = self.images.get(path)
        if told is None:  # of a report that somebody changed
            raise SettingsError(f"pictures.json says nothing of {path!r}; make the report again.")
        shown = NOTHING_DRAWN | {"path": path} | told
        if "pixels" not in told:
            return shown
        width, height = told["pixels"]
        size = f"{width:,} \N{MULTIPLICATION SIGN} {height:,}"
        fitted = _fit(stored_size(width, height), side)
        return shown | {"file": name_picture(path), "pixels": size} | fitted

    def pair(self, a: str, b: str) -> dict[str, Any] | None:
        """Returns what was drawn of a pair, None if it was not compared.

        Returns:
            `transform`, `laid` and `difference` (files), `width`, `height`, `enlarged`; or `error`;
            or `unlaid`.
        """
        told = self.pairs.get((a, b))
        if told is None or "size" not in told:
            return told
        files = {kind: name_pair(kind, a, b) for kind in ("laid", "difference")}
        return {"transform": told["transform"], **files, **_fit(told["size"], SHOWN_IN_PAIR)}

    def of_results(self, results: Iterable[dict[str, Any]]) -> Pictures:
        """Returns those that the page of some results may show."""
        groups = [group for result in results for group in result["examples"]]
        paths = dict.fromkeys(path for group in groups for path in group)
        pairs = [(group[0], group[1]) for group in groups if len(group) == 2]
        return Pictures(
            {path: self.images[path] for path in paths if path in self.images},
            {pair: self.pairs[pair] for pair in pairs if pair in self.pairs},
        )


def read_pictures(folder: Path) -> Pictures:
    """Reads `pictures.json` of a report folder."""
    content = json.loads((folder / PICTURES).read_text(encoding="utf-8"))
    return Pictures(content["images"], {(pair["a"], pair["b"]): pair for pair in content["pairs"]})


def _fit(size: Sequence[int], side: int) -> dict[str, Any]:
    """Fits a stored picture into a side: made smaller, or larger by a whole number."""
    width, height = size
    longest = max(width, height)
    scale = max(1, min(LARGEST_SCALE, side // longest)) if longest <= side else side / longest
    shown = {"width": max(1, round(width * scale)), "height": max(1, round(height * scale))}
    return shown | {"enlarged": scale > 1}
