"""Turns each property into one test per subject, from names alone."""

import pytest

from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.subjects import DATASET_SUBJECT, Per, subjects_of

ASKED: dict[str, Per] = {"label": "class", "alteration": "alteration"}
"""What a test asks for, and what it is run once for each of."""

NEEDS_DATASET = (
    "labelgate needs a dataset: give --dataset=DIR (or labelgate_dataset in the ini file)."
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that asks for `label` once per class, and once for the unlabelled images."""
    dataset = metafunc.config.stash.get(DATASET, None)
    for argument, per in ASKED.items():
        if "gate" in metafunc.fixturenames and argument in metafunc.fixturenames:
            subjects = subjects_of(per, dataset) if dataset else ()
            metafunc.parametrize(argument, subjects, ids=subjects)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuses to run checks on nothing.

    Raises:
        pytest.UsageError: checks were collected, but no dataset is given (exit code 4).
    """
    asked = any("gate" in getattr(item, "fixturenames", ()) for item in items)
    if asked and DATASET not in config.stash:
        raise pytest.UsageError(NEEDS_DATASET)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Names property and subject for the report, JUnit and `-k`."""
    if not isinstance(item, pytest.Function) or "gate" not in item.fixturenames:
        return
    given = item.callspec.params.values() if hasattr(item, "callspec") else [DATASET_SUBJECT]
    subject = str(*given)
    item.user_properties += [("property", property_of(item)), ("subject", subject)]
    item.extra_keyword_matches.add(subject)


def property_of(item: pytest.Function) -> str:
    """The property's name is the test's without `test_`."""
    return item.originalname.removeprefix("test_")
