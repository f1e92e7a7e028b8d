"""Images as they were measured: what a report shows is what was judged, or nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from labelgate.fixtures.location import Location
    from labelgate.fixtures.pixels import Caps

    Contents = dict[str, str]
    Measured = Callable[[Collection[str]], Contents]


def decode_file(
    location: Location, caps: Caps, path: str, content: str = ""
) -> npt.NDArray[np.uint8]:
    """Decodes an image of the dataset; what it raises is told in place of the picture.

    Args:
        location: of the dataset.
        caps: the most a file may cost.
        path: relative to its root.
        content: the SHA-256, in hex, that it must have; "" for any.

    Raises:
        UndecodableError: it is none, or another one than was measured.
        DatasetError: a disk or mount fails, or a server does not answer.
    """
    from labelgate.fixtures.pixels import UndecodableError, decode
    from labelgate.fixtures.reading import read_file

    data = read_file(location, path, caps).data
    if content and hashlib.sha256(data).hexdigest() != content:
        raise UndecodableError("changed since it was measured: this is not what was judged")
    return decode(data, caps).pixels


def read_contents(folder: Path, report: dict[str, Any], paths: Collection[str]) -> Contents:
    """Reads what some images were measured as, from the inventory that a run just wrote.

    Returns:
        The SHA-256 in hex by path, of those that were read; {} where there is no inventory.
    """
    if report["release"] is None:
        return {}
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = pq.read_table(folder / report["release"]["file"], columns=["path", "content"])
    chosen = rows.filter(pc.is_in(rows["path"], pa.array(sorted(paths), pa.string()))).drop_null()
    return dict(zip(chosen["path"].to_pylist(), chosen["content"].to_pylist(), strict=True))


def nothing_known(paths: Collection[str]) -> Contents:
    """Stands for `read_contents` where no run was."""
    del paths
    return {}
