"""Datasets in memory with what relabel studies say about their images."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import RelabelStudy
from labelgate.fixtures.label_status import LabelStatus, find_status
from labelgate.fixtures.label_witnesses import find_witnesses
from labelgate.fixtures.measurements import Measurement, Stem, gather
from labelgate.fixtures.multilabel import Multilabel, find_pairs
from labelgate.fixtures.opinions import Opinions
from labelgate.fixtures.predictions import Predictions
from labelgate.fixtures.readers.relabel_formats import Answer
from labelgate.fixtures.relabel_studies import RelabelStudies, collect_studies
from labelgate.fixtures.relabels import Relabels
from labelgate.fixtures.study_agreement import find_agreement

Said = Mapping[str, Mapping[str, str | None]]
"""By study and image, labels with "|" in between; None where a study has no consensus."""

EXPERT = "expert"
"""The study of this name is an expert's."""


def lay_out_studies(
    labels: Sequence[str],
    said: Said,
    **declared: Any,  # noqa: ANN401
) -> tuple[Dataset, RelabelStudies, LabelStatus]:
    """Makes a dataset whose image `i` of its only split has the i-th label, and studies of it."""
    names = [f"val/{i:03}" for i in range(len(labels))]
    dataset = assemble("memory", Path("/nowhere"), [SplitNames("val", names, labels)])
    entries = tuple(RelabelStudy(name, Path(name), expert=name == EXPERT) for name in said)
    dataset = replace(dataset, **{"relabels": entries, **declared})
    studies = collect_studies(dataset, lambda study: answers(said[study.name]))
    return dataset, studies, find_status(dataset, studies)


def answers(said: Mapping[str, str | None]) -> list[Answer]:
    rows = enumerate(said.items(), start=2)
    return [
        Answer(line, image, tuple((text or "").split("|")) if text else (), text is not None)
        for line, (image, text) in rows
    ]


def judge_labels(
    labels: Sequence[str],
    said: Said,
    **declared: Any,  # noqa: ANN401
) -> Relabels:
    """What the session fixtures make of studies, with the built-in limits' statistics."""
    dataset, studies, status = lay_out_studies(labels, said, **declared)
    agreement = find_agreement(len(dataset.labels), studies, status)
    return Relabels(dataset, studies, status, agreement, 0.95, 10)


def judge_together(
    labels: Sequence[str],
    said: Said,
    *predictions: Predictions,
    **declared: Any,  # noqa: ANN401
) -> Multilabel:
    """The same of several labels."""
    facts = lay_out_studies(labels, said, **declared)
    dataset, _, status = facts
    witnesses = find_witnesses(dataset, status, predictions)
    pairs = find_pairs(dataset, witnesses)
    return Multilabel(dataset, Opinions(*facts), witnesses, pairs, 0.95, 10)


def row_of(stem: Stem, name: str, subject: str, who: str = "") -> Measurement:
    """The only row of a property and subject by somebody."""
    (row,) = (
        row
        for row in stem.measurements()
        if (row.property, row.subject, row.predictor) == (name, subject, who)
    )
    return row


def verdict_of(stem: Stem, name: str, subject: str, who: str = "") -> bool | None:
    """What Great Expectations decides with the built-in limits."""
    judged = judge(gather({"stem": stem}), read_limits(None)).verdicts
    told = {
        (v.measurement.property, v.measurement.subject, v.measurement.predictor): v.passed
        for v in judged
    }
    return told[name, subject, who]
