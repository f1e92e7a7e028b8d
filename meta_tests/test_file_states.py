"""The states of files are those of the file system, whoever asks for them and when."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labelgate.fixtures.aside import BESIDE, at_once
from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.file_states import ASKED, pytest_configure, read_states


def test_a_link_a_folder_and_nothing_have_no_state(tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").write_bytes(b"12345")
    (tmp_path / "link.jpg").symlink_to("a b.jpg")
    (tmp_path / "folder").mkdir()
    size, mtime = read_states(str(tmp_path), "a b.jpg\0folder\0gone.jpg\0link.jpg")
    assert size.tolist() == [5, -1, -1, -1]
    assert mtime.tolist() == [os.lstat(tmp_path / "a b.jpg").st_mtime_ns, -1, -1, -1]


def configured(**other: Any) -> Callable[[], Any] | None:  # noqa: ANN401
    stash = pytest.Stash()
    stash[BESIDE] = at_once
    told = {"root": "/nowhere", "paths": ("a", "b"), "index": None} | other.pop("dataset", {})
    stash[DATASET] = SimpleNamespace(**told)  # type: ignore[assignment]
    option = SimpleNamespace(collectonly=other.pop("collectonly", False))
    config: Any = SimpleNamespace(stash=stash, option=option, **other)
    pytest_configure(config)
    return stash.get(ASKED, None)


def test_they_are_asked_for_from_the_start_where_they_will_be_needed() -> None:
    asked = configured()
    assert asked is not None
    assert np.array_equal(asked(), np.full((2, 2), -1))
    assert configured(collectonly=True) is None
    assert configured(workerinput={}) is None, "one of several processes that run checks measures"
    assert configured(dataset={"index": Path("index")}) is None, "images stand in containers"
