"""Turns each property into one test per subject, from names alone."""

import pytest

from labelgate.fixtures.checks import ASKED, asked_of, is_check
from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.subjects import subjects_of
from labelgate.plugins import light

NEEDS_DATASET = (
    "labelgate needs a dataset: give --dataset=DIR (or labelgate_dataset in the ini file)."
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a check once for each subject of the argument it asks for, in the order of the report.

    A check that asks for none is run once, about the dataset as a whole.
    """
    dataset = metafunc.config.stash.get(DATASET, None)
    for argument in asked_of(metafunc.definition):
        subjects = subjects_of(ASKED[argument], dataset) if dataset else ()
        if light.is_usual(metafunc.definition):  # the others are made like the first
            subjects = subjects[:1]
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
    if is_check(item) and not isinstance(item, light.Check):  # which names itself when it is asked
        light.tell_check(item)
