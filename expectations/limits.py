"""How much is tolerated: limits, what each applies to, and where each comes from."""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import pytest

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.subjects import Per, subjects_of

Severity = Literal["critical", "warning", "info"]

Side = Literal["max", "min"]
"""The side of its limit that a failing cell is on: above the most, or below the least tolerated."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit and what it applies to.

    Attributes:
        low: the least tolerated value, or None.
        high: the most tolerated value, or None.
        source: where the number comes from.
        subject: the only subject it applies to, None for all.
        split: the only split it applies to, None for all.
        predictor: the only predictor it applies to, None for all.
    """

    low: float | None
    high: float | None
    source: str
    subject: str | None = None
    split: str | None = None
    predictor: str | None = None

    @property
    def text(self) -> str:
        """The limit in words."""
        least = f"at least {self.low:g}" if self.low is not None else ""
        most = f"at most {self.high:g}" if self.high is not None else ""
        return " and ".join(filter(None, (least, most)))

    def applies(self, subject: str, split: str, predictor: str = "") -> bool:
        """Tells whether this limit speaks of a cell."""
        named = (self.subject, subject), (self.split, split), (self.predictor, predictor)
        return all(only in (None, name) for only, name in named)


@dataclass(frozen=True, slots=True)
class Limit:
    """What is tolerated of one property, and how it is told.

    Attributes:
        property: the property's name.
        stem: the notion it belongs to.
        per: what it is asked of.
        bounds: the default first, then overrides; of those that apply the last one counts.
        unit: what the value counts.
        severity: how bad a failure is.
        required: whether "not measured" fails.
        finding: how a failure is told; `{value}` and `{n}` are filled in.
        remedy: the next step.
        evidence: name of the evidence table, "" where there is none.
        between_splits: whether it compares two splits; its cells name both, "train and val".
    """

    property: str
    stem: str
    per: Per
    bounds: tuple[Bound, ...]
    unit: str
    severity: Severity
    required: bool
    finding: str
    remedy: str
    evidence: str
    between_splits: bool = False

    def splits_of(self, dataset: Dataset) -> tuple[str, ...]:
        """Returns every split, or pair of splits, that its cells may name."""
        if self.per != "class" and not self.is_predicted():
            return ()
        if self.between_splits:
            return tuple(" and ".join(pair) for pair in combinations(dataset.splits, 2))
        return dataset.splits

    def is_predicted(self) -> bool:
        """Tells whether its cells name a split and a predictor."""
        return self.stem in ("accuracy", "class_names", "label_errors")

    def bound(self, subject: str, split: str, predictor: str = "") -> int:
        """Returns the index of the limit that counts for a cell."""
        if len(self.bounds) == 1:  # most have no override, and there may be a million cells
            return 0
        cell = subject, split, predictor
        return max(i for i, bound in enumerate(self.bounds) if bound.applies(*cell))


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a run.

    Attributes:
        properties: by name, in the order of the file.
        caps: the most a single file may cost.
        confidence: of the bounds of a rate; 1 - confidence is the level of a test.
        least_images: below so many images nothing is said about a share or a distribution.
        least_coverage: share of the labelled images that needs a prediction, of what a predictor is
            asked about.
        least_agreement: share of all labels that a predictor has to agree with before its doubts
            about the others count.
        sha256: of the files they come from.
    """

    properties: dict[str, Limit]
    caps: Caps
    confidence: float
    least_images: int
    least_coverage: float
    least_agreement: float
    sha256: str

    def of_stem(self, stem: str) -> list[Limit]:
        """Returns the limits of one notion, in the order of the file."""
        return [limit for limit in self.properties.values() if limit.stem == stem]


def check_overrides(limits: Limits, dataset: Dataset) -> None:
    """Refuses an override that speaks of nothing in the dataset, and would wait for ever.

    Raises:
        SettingsError: an override names a class or a split that the dataset does not have, or a
            predictor that is neither declared nor one that --predictor can name.
    """
    for limit in limits.properties.values():
        for bound in limit.bounds:
            for kind, name, there in (
                (limit.per, bound.subject, subjects_of(limit.per, dataset)),
                ("split", bound.split, limit.splits_of(dataset)),
            ):
                if name is not None and name not in there:
                    raise SettingsError(
                        f"An override of {limit.property} names the {kind} '{name}', which "
                        f"{dataset.name} does not have; correct or remove it."
                    )
            who = bound.predictor
            if who is not None and not _may_predict(who, limit, dataset):
                raise SettingsError(
                    f"An override of {limit.property} names the predictor '{who}', which neither "
                    f"{dataset.name} declares nor --predictor knows; correct or remove it."
                )


def _may_predict(name: str, limit: Limit, dataset: Dataset) -> bool:
    """Tells whether a predictor of a name can have cells of a property, in this run or another."""
    known = name == "knn" or name.startswith("open_clip:")
    return limit.is_predicted() and (known or name in {each.name for each in dataset.predictions})


LIMITS = pytest.StashKey[Limits]()


@pytest.fixture(scope="session")
def limits(pytestconfig: pytest.Config) -> Limits:
    """How much is tolerated."""
    return pytestconfig.stash[LIMITS]


@pytest.fixture(scope="session")
def caps(limits: Limits) -> Caps:
    """The most a single file may cost."""
    return limits.caps


@pytest.fixture(scope="session")
def confidence(limits: Limits) -> float:
    """The confidence of the bounds of a rate."""
    return limits.confidence


@pytest.fixture(scope="session")
def least_images(limits: Limits) -> int:
    """The images below which nothing is said about a share or a distribution."""
    return limits.least_images


@pytest.fixture(scope="session")
def least_coverage(limits: Limits) -> float:
    """The share of the labelled images that needs a prediction."""
    return limits.least_coverage


@pytest.fixture(scope="session")
def least_agreement(limits: Limits) -> float:
    """The share of labels that a predictor has to agree with to be believed about the others."""
    return limits.least_agreement
