"""No path of a dataset.toml leaves the dataset, whatever it is written like."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from named_datasets import TRAIN, read_or_refuse, refusal

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import describe as describe_dataset
from labelgate.fixtures.readers import options_of, read_dataset


def naming(key: str, value: str) -> str:
    """A description in which one key names a path."""
    return {
        "images": f'[splits.val]\nimages = "{value}"',
        "labels": f'[splits.val]\nimages = "val"\nlabels = "{value}"',
        "table": f'{TRAIN}[classes]\ntable = "{value}"',
    }[key]


@pytest.mark.parametrize("value", ["..", "../other", "train/../../other", "/etc", "link", "link/x"])
@pytest.mark.parametrize("key", ["images", "labels", "table"])
def test_no_path_of_a_description_leaves_the_root(
    describe: Callable[..., Path], key: str, value: str
) -> None:
    root = describe(naming(key, value))
    (root.parent / "other").mkdir()
    (root / "link").symlink_to(root.parent)
    said = refusal(root)
    assert f"'{value}' leads out of {root}" in said
    assert "below the folder" in said


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("classes.table", '[classes]\ntable = "../x"'),
        ("classes.groups", '[classes]\ntable = "c.csv"\ngroups = "../x"'),
        ("classes.templates", '[classes]\ntable = "c.csv"\ntemplates = "../x"'),
        ("sources.table", '[sources]\ntable = "../x"'),
        ("multilabels.table", '[multilabels]\ntable = "../x"'),
        ("predictions[1].table", '[[predictions]]\nname = "net"\ntable = "../x"'),
        ("relabels[1].table", '[[relabels]]\nstudy = "real"\ntable = "../x"'),
        ("reviews[1].table", '[[reviews]]\ntable = "../x"'),
    ],
)
def test_a_key_whose_path_leaves_the_root_is_named(
    describe: Callable[..., Path], key: str, text: str
) -> None:
    said = refusal(describe(TRAIN + text, c="class\ncat\n"))
    assert f"{key} = '../x'" in said


def test_no_option_of_a_description_leaves_the_root(describe: Callable[..., Path]) -> None:
    root = describe(TRAIN + '[options]\nlimits = "../limits.toml"')
    with pytest.raises(DatasetError, match=r"options\.limits = .* leads out of"):
        options_of(describe_dataset(root))


@pytest.mark.parametrize("value", ["a\\u0000b", "x" * 300, "x/" * 3000, "loop", "loop/a", " "])
@pytest.mark.parametrize("key", ["images", "labels", "table"])
def test_a_path_that_no_file_can_have_is_one_sentence(
    describe: Callable[..., Path], key: str, value: str
) -> None:
    root = describe(naming(key, value))
    (root / "loop").symlink_to("loop")
    with pytest.raises(DatasetError):
        read_dataset(root)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs"])))
def test_any_text_as_a_path_is_a_dataset_or_one_sentence(
    describe: Callable[..., Path], text: str
) -> None:
    root = describe(f'[splits.val]\nimages = "{text}"')
    told = read_or_refuse(root)
    assert told
    if isinstance(told, Dataset):
        assert all((root / path).is_file() for path in told.paths)
