"""Datasets in memory with what a predictor says about their images."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labelgate.fixtures.accuracy import Accuracy
from labelgate.fixtures.confusion import count_all
from labelgate.fixtures.coverage import find_coverage
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import ProblemGroup
from labelgate.fixtures.groups import find_groups
from labelgate.fixtures.measurements import Measurement
from labelgate.fixtures.predictions import K, Predictions
from labelgate.fixtures.protocols import SINGLE, find_hits
from labelgate.fixtures.recount import Flags, Recount, count_again

Said = tuple[str, str | None, Sequence[str]]
"""An image: its split, its label, and what is predicted, best first."""


def lay_out_said(
    images: Sequence[Said],
    *groups: Sequence[str],
    who: str = "clip",
    **declared: Any,  # noqa: ANN401
) -> tuple[Dataset, Predictions]:
    """Makes a dataset with these images, groups of classes and declarations, and predictions.

    Image number i is `split/label/i`; classes that no image is labelled as are the predictor's own.
    """
    paths = [f"{split}/{label or '-'}/{i:05}" for i, (split, label, _) in enumerate(images)]
    splits: dict[str, tuple[list[str], list[str] | None]] = {}
    for path, (split, label, _) in zip(paths, images, strict=True):
        of = splits.setdefault(split, ([], None if label is None else []))
        of[0].append(path)
        if of[1] is not None and label is not None:
            of[1].append(label)
    dataset = assemble("memory", Path("/nowhere"), [SplitNames(s, *of) for s, of in splits.items()])
    named = tuple(ProblemGroup(" / ".join(group), tuple(sorted(group))) for group in groups)
    dataset = replace(dataset, groups=named, **declared)
    return dataset, predict(dataset, dict(zip(paths, (s[2] for s in images), strict=True)), who)


def predict(dataset: Dataset, said: Mapping[str, Sequence[str]], who: str = "clip") -> Predictions:
    """Makes predictions; a class that nothing is predicted as is known all the same."""
    own = sorted({name for names in said.values() for name in names} - set(dataset.labels))
    words = (*dataset.labels, *own)
    top = np.full((len(dataset.paths), K), -1, np.int32)
    for path, names in said.items():
        top[dataset.index_of[path], : len(names)] = [words.index(name) for name in names]
    scores = np.where(top < 0, -np.inf, -np.arange(K)).astype(np.float32)
    return Predictions(who, words, top, scores, np.ones(len(dataset.labels), np.bool_))


def measure_accuracy(
    dataset: Dataset, *predictions: Predictions, flags: Flags | None = None, reason: str = ""
) -> Accuracy:
    """What the session fixtures make of predictions, with the built-in limits' statistics."""
    told = [each for each in predictions if not each.reason]
    coverage, protocols = ([f(dataset, each) for each in told] for f in (find_coverage, find_hits))
    confusion = [count_all(dataset, each) for each in told]
    recounts = []
    for covered, hits in zip(coverage, protocols, strict=True) if flags is not None else ():
        right = hits.right[SINGLE, 1]
        for split, name in enumerate(dataset.splits):
            if dataset.labelled[split]:
                counted = covered.counted & (dataset.split_index == split)
                images = int(counted.sum()), int((counted & right).sum())
                left = count_again(right, counted, flags or {})
                recounts.append(Recount(hits.predictor, name, images, left, reason))
    return Accuracy(
        dataset=dataset,
        predictions=predictions,
        coverage=coverage,
        protocols=protocols,
        confusion=[found for of in confusion for found in of],
        groups=[find_groups(of, 0.05) for of in confusion if of],
        recount=recounts,
        confidence=0.95,
        least_images=10,
        least_coverage=1.0,
    )


def cells_of(accuracy: Accuracy, name: str) -> dict[tuple[str, str, str], Measurement]:
    """The rows of a property by subject, split and predictor."""
    rows = [row for row in accuracy.measurements() if row.property == name]
    cells = {(row.subject, row.split, row.predictor): row for row in rows}
    assert len(cells) == len(rows)
    return cells
