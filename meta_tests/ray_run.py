"""One run on a local Ray of two processes: what test_ray_engine.py looks at is printed as JSON."""

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stumbling

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures import (
    embeddings,
    neighbor_table,
    neighbors,
    ray_encoding,
    ray_neighbors,
)
from labelgate.fixtures.decode_pass import measure_pixels
from labelgate.fixtures.neighbor_table import find_nearest
from labelgate.fixtures.ray_engine import run_on_ray
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.settings import LOCAL, Engine, Settings
from labelgate.fixtures.store import open_store
from labelgate.fixtures.vector_table import find_rows
from labelgate.plugins import command

CHOSEN = ("--workers=2", "-k", "files or exact_duplicates")
STRICT = ("-W", "error::DeprecationWarning")
"""Somebody's own settings of pytest may say so, and Ray warns of options that it sets itself."""

BATCHES = [[0, 1, 2], [3, 4, 5], [6, 13, 7], [8], [9, 10]]


def silent(_title: str, _total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda done: None)


def settings_of(store: Path, engine: Engine) -> Settings:
    return Settings(Path("data").resolve(), store, None, None, store, 2, False, engine=engine)


def find_pairs(settings: Settings) -> tuple[int, list[Any]]:
    """Embeds what is not stored, and finds neighbours; in blocks of 50, of which each is a task."""
    dataset, store = read_dataset(settings.dataset), open_store(settings.store)
    caps = read_limits(None).caps
    pixels = measure_pixels(dataset, store, caps, settings, silent)
    found = embeddings.measure_embeddings(
        dataset, pixels, store, caps, settings, stumbling.Pixels(), silent
    )
    standing = np.flatnonzero(found.row >= 0)
    segment = np.array([dataset.paths[image].startswith("val") for image in standing], np.int64)
    nearest = find_nearest(
        *(pixels, find_rows(pixels.content, pixels.content)[standing], segment, 2, 3),
        *(found, store, settings, silent),
    )
    return found.encoded, [nearest[0].tolist(), nearest[1].tolist()]


def find_pairs_by_a_gpu(settings: Settings) -> tuple[int, list[Any]]:
    """Does the same by actors that are promised a GPU, of which Ray believes that it is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_encoding, "Encoding", stumbling.EncodingThere)
        patch.setattr(ray_neighbors, "Asking", stumbling.AskingThere)
        for module in (embeddings, neighbor_table):
            patch.setattr(module, "choose_device", lambda name: "cuda")
        return find_pairs(settings)


def main() -> None:
    """Measures by the program, then embeds, seeks and doubles in the same cluster."""
    ray = Engine("ray")
    told: dict[str, Any] = {}
    told["code"] = command.main(
        ["measure", "data", "--store=ray", "--engine=ray", "-p", "stumbling", *STRICT, *CHOSEN]
    )
    shutil.copytree("ray", "gpu")
    embeddings.prepare_files = stumbling.prepare
    neighbors.AT_ONCE["cpu"] = 50
    told["encoded"], told["nearest"] = find_pairs(settings_of(Path("ray").resolve(), ray))
    told["again"] = find_pairs(settings_of(Path("ray").resolve(), ray))[0]
    asked = settings_of(Path("ray"), ray)
    doubled = run_on_ray(stumbling.double, BATCHES, asked, stumbling.died)
    told["doubled"] = sorted(pair for pairs in doubled for pair in pairs)
    elsewhere = replace(asked, dataset=Path("/nowhere"))
    try:
        list(run_on_ray(stumbling.double, [[1]], elsewhere, stumbling.died))
    except Exception as error:
        told["elsewhere"] = repr(error)
    told["stumbled"] = sorted(path.name for path in stumbling.HERE.iterdir())
    told["by a GPU"] = find_pairs_by_a_gpu(settings_of(Path("gpu").resolve(), ray))
    local = settings_of(Path("local").resolve(), replace(LOCAL))
    told["locally encoded"], told["locally nearest"] = find_pairs(local)
    print("RAY" + json.dumps(told))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
