"""Recall of planted pairs where no stranger, or one in a million, is as similar."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

KEPT = 4000
"""Most similar strangers that are remembered; must be above a millionth of the pairs."""

ROWS = 1024
"""Rows that are compared with everything at once."""


@dataclass(frozen=True, slots=True)
class Strangers:
    """All pairs of versions of different photographs, as far as they matter.

    Attributes:
        pairs: how many there are.
        similarity: (KEPT,) of the most similar ones, falling.
        version, photograph: (KEPT, 2) which they are.
    """

    pairs: int
    similarity: Vectors
    version: NDArray[np.int64]
    photograph: NDArray[np.int64]

    def limit(self, rate: float) -> float:
        """A planted pair is found if it is more similar than this: then `rate` of them pass."""
        return float(self.similarity[int(self.pairs * rate)])


def unit(vectors: NDArray[np.generic], centred: bool = False) -> Vectors:
    """(V, N, ...) to (V, N, D) of unit length; a constant picture becomes zeros."""
    flat = vectors.reshape(*vectors.shape[:2], -1).astype(np.float32)
    if centred:
        flat = flat - flat.mean(2, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=2, keepdims=True), 1e-6)


def signs(bits: NDArray[np.generic]) -> Vectors:
    """Bits as vectors whose product is 1 - 2 x the share of different bits."""
    return (bits.astype(np.float32) * 2 - 1) / np.float32(bits.shape[-1] ** 0.5)


def planted(vectors: Vectors, forms: Vectors | None = None) -> Vectors:
    """(V - 1, N) similarity of each copy with its photograph; the best of its forms, if given."""
    if forms is None:
        return np.einsum("nd,vnd->vn", vectors[0], vectors[1:])
    return np.einsum("nfd,vnd->vnf", forms[0], vectors[1:]).max(2)


def strangers(
    vectors: Vectors, same: NDArray[np.int64], forms: Vectors | None = None, rows: int = ROWS
) -> Strangers:
    """Compares every version of every photograph with every version of every other one.

    Args:
        vectors: (V, N, D).
        same: (N,) equal for photographs that are really one.
        forms: (V, N, F, D) of each row's own forms, of which the best counts.
        rows: compared at once.
    """
    count, photographs, _ = vectors.shape
    owner = torch.from_numpy(np.tile(same, count))
    table = torch.from_numpy(vectors.reshape(count * photographs, -1))
    views = table[:, None] if forms is None else torch.from_numpy(forms).flatten(0, 1)
    best, place, pairs = torch.full((KEPT,), -2.0), torch.zeros(KEPT, 2, dtype=torch.int64), 0
    for first in range(0, len(table), rows):
        block = slice(first, first + rows)
        close = views[block, 0] @ table[first:].T
        for form in range(1, views.shape[1]):
            close = torch.maximum(close, views[block, form] @ table[first:].T)
        ours = torch.arange(first, min(first + rows, len(table)))
        others = torch.arange(first, len(table))
        valid = (owner[ours][:, None] != owner[others]) & (others > ours[:, None])
        pairs += int(valid.sum())
        hits = (valid & (close > best[-1])).nonzero()
        merged = torch.cat([best, close[hits[:, 0], hits[:, 1]]])
        best, order = merged.topk(KEPT)
        place = torch.cat([place, hits + first])[order]
    version, photograph = (place // photographs).numpy(), (place % photographs).numpy()
    return Strangers(pairs, best.numpy(), version, photograph)


def rank(vectors: Vectors, others: Vectors) -> NDArray[np.int64]:
    """How many pictures are nearer to a copy than its photograph.

    Args:
        vectors: (V, N, D).
        others: (M, D) of further pictures that are searched as well.

    Returns:
        (V - 1, N) int64; 0 where the photograph comes first.
    """
    found = torch.from_numpy(planted(vectors))
    table = torch.from_numpy(np.concatenate([vectors[0], others])).T
    ranks = [
        ((torch.from_numpy(copies) @ table) > own[:, None] + 1e-6).sum(1)
        for copies, own in zip(vectors[1:], found, strict=True)
    ]
    return torch.stack(ranks).numpy()
