"""Turns each property into one test per class, from names alone."""

import pytest

from labelgate.fixtures.dataset import DATASET, Dataset

NEEDS_DATASET = "labelgate needs a dataset: give --dataset=DIR (or labelgate_dataset in the ini file)."


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that asks for `label` once per class, and once for the unlabelled images."""
    if "gate" in metafunc.fixturenames and "label" in metafunc.fixturenames:
        subjects = _dataset(metafunc.config).subjects
        metafunc.parametrize("label", subjects, ids=subjects)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Names property and subject for the report, JUnit and `-k`."""
    if not isinstance(item, pytest.Function) or "gate" not in item.fixturenames:
        return
    subject = item.callspec.params.get("label", "dataset")
    item.user_properties += [("property", property_of(item)), ("subject", subject)]
    item.extra_keyword_matches.add(subject)


def property_of(item: pytest.Function) -> str:
    """The property's name is the test's without `test_`."""
    return item.originalname.removeprefix("test_")


def _dataset(config: pytest.Config) -> Dataset:
    dataset = config.stash.get(DATASET, None)
    if dataset is None:
        pytest.exit(NEEDS_DATASET, returncode=pytest.ExitCode.USAGE_ERROR)
    return dataset
