"""Turns each property into one test per subject, from names alone."""

from functools import cache

import pytest

from labelgate.fixtures.checks import is_check, property_of
from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.subjects import DATASET_SUBJECT, Per, subjects_of

ASKED: dict[str, Per] = {"label": "class", "group": "group", "alteration": "alteration"}
"""What a test asks for, and what it is run once for each of."""

NEEDS_DATASET = (
    "labelgate needs a dataset: give --dataset=DIR (or labelgate_dataset in the ini file)."
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a check once for each subject of the argument it asks for, in the order of the report.

    A check that asks for none is run once, about the dataset as a whole.
    """
    dataset = metafunc.config.stash.get(DATASET, None)
    for argument in _asked(metafunc.definition):
        subjects = subjects_of(ASKED[argument], dataset) if dataset else ()
        metafunc.parametrize(argument, subjects, ids=subjects)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuses to run checks on nothing.

    Raises:
        pytest.UsageError: checks were collected, but no dataset is given (exit code 4).
    """
    if DATASET not in config.stash and any(map(is_check, items)):
        raise pytest.UsageError(NEEDS_DATASET)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Names property and subject for the report, JUnit and `-k`."""
    if not is_check(item):
        return
    _, subject = subject_of(item)
    item.user_properties += [_told("property", property_of(item)), _told("subject", subject)]
    item.extra_keyword_matches.add(subject)


@cache
def _told(key: str, value: str) -> tuple[str, object]:
    """A user property, one for all checks that share it: there may be half a million of them."""
    return key, value


def subject_of(check: pytest.Function) -> tuple[Per, str]:
    """Returns what a check is about: the kind of its subject, and its name."""
    for argument in _asked(check):
        return ASKED[argument], str(check.callspec.params[argument])
    return "dataset", DATASET_SUBJECT


def _asked(check: pytest.Item) -> list[str]:
    """The arguments of a check that name its subject: one, or none."""
    return [name for name in ASKED if is_check(check) and name in check.fixturenames]
