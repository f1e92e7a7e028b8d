"""A pytest plugin that makes up what engines would compute, so that a store is warm without pixels.

    PYTHONPATH=benchmarks labelgate check DATASET -p synthetic_facts --workers=0 --store=STORE

Only the engines are replaced: reading, decoding, encoding, seeking neighbours, aligning, altering.
Everything that plans their work, stores, looks up and lays out is the program's own. The next run,
without this plugin, finds what it would find after real ones. What is made up depends on the path
of an image alone: of 500 pictures two have equal pixels and two may be found to be copies; every
picture has about one other within tau, most of which are no copies of it.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

EQUAL, COPY = 0, 2
"""Of 500 pictures the numbers from which two are equal, and two are copies."""

PERIOD = 500

POOL = 2**15
"""Vectors that all others are sums of two of."""

NEAR = 0.8
"""Cosine of a planted copy and its original; tau becomes 1 minus that."""

_planted: dict[int, bytes] = {}


def number_of(path: str) -> int:
    """The number of an image: its digits, and its split."""
    return int(re.sub(r"\D", "", path.rpartition("/")[2]) or 0)


def examine_files(location: Any, caps: object, known: object, paths: Sequence[str]) -> Any:  # noqa: ANN401
    """Says what decoding would: every file is a photograph, and some have equal pixels."""
    import os
    import time

    from labelgate.fixtures.decoding import Examined

    states = [os.lstat(f"{location.root}/{path}") for path in paths]
    content = [hashlib.sha256(path.encode()).digest() for path in paths]
    pixels = [hashlib.md5(_picture(path).encode()).digest() for path in paths]
    n = len(paths)
    mtime = np.array([state.st_mtime_ns for state in states], np.int64)
    seen = np.maximum(mtime + 10**10, time.time_ns())  # long after it was written
    size = np.array([state.st_size for state in states], np.int64)
    files = tuple(paths), size, mtime, seen, b"".join(content)
    side = np.full(n, 256, np.int64)
    facts = (b"".join(content), b"".join(pixels), side, side)
    return Examined(files, (*facts, ("RGB",) * n, ("JPEG",) * n, np.ones(n, np.int64)), [], [])


def _picture(path: str) -> str:
    """What a file shows: images called so have equal pixels, in whatever split."""
    split, number = path.partition("/")[0], number_of(path)
    return f"train/{number - 1}" if number % PERIOD == EQUAL + 1 else f"{split}/{number}"


def vectors_of(content: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float16]:
    """Makes up unit vectors of contents: (n, 32) uint8 to (n, *shape) float16."""
    pool = np.random.default_rng(0).standard_normal((POOL, shape[-1]), np.float32)
    index = np.ascontiguousarray(content).view("<u2").astype(np.int64) % POOL
    first = index[:, : shape[0]] if len(shape) > 1 else index[:, 0]
    vectors = pool[first] + pool[index[:, 15]][:, None] if len(shape) > 1 else (
        pool[first] + pool[index[:, 15]]
    )  # fmt: skip
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float16)


def compute(wanted: Any, caps: object, settings: object, *how: Any) -> Iterator[Any]:  # noqa: ANN401
    """Says what encoding would."""
    embedder = how[0]
    views = getattr(embedder, "views", 0)
    shape = (1 + views, embedder.dimensions) if views else (embedder.dimensions,)
    for start in range(0, len(wanted.images), 4096):
        numbers = np.arange(start, min(start + 4096, len(wanted.images)))
        yield numbers, vectors_of(wanted.content[numbers], shape)


def nearest_others(
    vectors: Any, rows: Any, identity: NDArray[np.int64], segment: NDArray[np.int64],  # noqa: ANN401
    segments: int, k: int, device: str, **_: object,
) -> Any:  # fmt: skip  # noqa: ANN401
    """Says what a search would: one neighbour in the first segment is near, the others are not."""
    from labelgate.fixtures.neighbors import Neighbors

    rng = np.random.default_rng(len(identity))
    m = len(identity)
    index = np.full((m, segments, k), -1, np.int64)
    similarity = np.full(index.shape, -np.inf, np.float32)
    for s in range(segments):
        there = np.flatnonzero(segment == s)
        if len(there) > 1 + k:
            inside, across = np.searchsorted(there, np.arange(m)), np.arange(m) * len(there) // m
            start = np.where(segment == s, inside, across)
            index[:, s] = there[(start[:, None] + 1 + np.arange(k)) % len(there)]
            similarity[:, s] = np.linspace(0.6, 0.3, k) + rng.normal(0, 0.02, (m, 1))
            similarity[rng.random(m) < 0.25, s, 0] = NEAR + 0.02
    same = identity[index] == identity[:, None, None]
    index[same], similarity[same] = -1, -np.inf
    order = np.argsort(-similarity, axis=2, kind="stable")
    found = (np.take_along_axis(each, order, 2) for each in (index, similarity))
    return Neighbors(*found, 0, 1.0)


def align_files(root: str, caps: object, batch: Sequence[Any]) -> Any:  # noqa: ANN401
    """Says what aligning would: neighbours whose numbers are planted are copies, others are not."""
    rows = []
    for key, (one, _), (other, _) in batch:
        numbers = sorted(map(number_of, (one, other)))
        if numbers[0] % PERIOD == COPY and numbers[1] == numbers[0] + 1:
            rows.append((key, "augmentation", 0.9, [1.0, 0, 0, 0, 1.0, 0], 1.0, 1.0, 1.0, ""))
        else:
            rows.append((key, "different", 0.1, None, 0.0, 0.0, 1.0, ""))
    return rows, []


def compare(root: str, caps: object, batch: Sequence[Any]) -> tuple[bytes, list[int]]:
    """Says that pixels with one hash are equal."""
    ((key, paths, _),) = batch
    return key, [0] * len(paths)


def plant_copies(root: str, caps: object, preparation: object, seed: int, pictures: Any) -> Any:  # noqa: ANN401
    """Says what altering would: every copy is recognised."""
    from labelgate.fixtures.alterations import ALTERATIONS
    from labelgate.fixtures.planting import Planted
    from labelgate.fixtures.preparing import Prepared

    ((number, _, content),) = pictures
    _planted[number] = content
    count = len(ALTERATIONS)
    copies = Prepared(number * count + np.arange(count), np.empty((0, 0, 0, 3), np.uint8))
    return Planted(copies, ["augmentation"] * count)


def encoded(encoder: Any, found: Iterator[Any]) -> Iterator[Any]:  # noqa: ANN401
    """Says what encoding copies would: each lies near its original."""
    shape = (1 + encoder.embedder.views, encoder.embedder.dimensions)
    rng = np.random.default_rng(1)
    for planted in found:
        count = len(planted.kinds)
        number = int(planted.copies.numbers[0]) // count
        content = np.frombuffer(_planted[number], np.uint8)[None]
        original = vectors_of(content, shape)[0].astype(np.float32)
        noise = rng.standard_normal((count, *shape), np.float32)
        noise -= (noise * original).sum(-1, keepdims=True) * original
        noise /= np.linalg.norm(noise, axis=-1, keepdims=True)
        copies = NEAR * original + np.sqrt(1 - NEAR**2) * noise
        yield number, planted.kinds, copies.astype(np.float16)


def count_above(queries: object, limits: NDArray[np.float64], *_: object) -> NDArray[np.int64]:
    """Says what comparing copies with everything would: nothing is nearer than the original."""
    return np.zeros(limits.shape, np.int64)


ENGINES: dict[tuple[str, str], Callable[..., Any]] = {
    ("decode_pass", "examine_files"): examine_files,
    ("embeddings", "_compute"): compute,
    ("neighbor_table", "nearest_others"): nearest_others,
    ("verification", "align_files"): align_files,
    ("comparison", "_compare"): compare,
    ("planted_copies", "plant_copies"): plant_copies,
    ("planted_copies", "_encoded"): encoded,
    ("planted_rivals", "count_above"): count_above,
}
"""What replaces which name of which module."""


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Replaces the engines, when the modules of the suite are there and nothing is measured yet."""
    from importlib import import_module

    for (module, name), engine in ENGINES.items():
        at = import_module(f"labelgate.fixtures.{module}")
        assert hasattr(at, name), f"{module} has no {name} any more"
        setattr(at, name, engine)
