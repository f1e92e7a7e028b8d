"""`mypy --strict` finds nothing in the rooms, whether the package is a wheel or a checkout."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

pytest.importorskip("mypy", reason="the extra `lint` is not installed")

ROOT = Path(__file__).parents[1]
ROOMS = ("dataset_tests", "expectations", "fixtures", "plugins")


def test_every_room_is_typed(
    python: Callable[..., "CompletedProcess[str]"], tmp_path: Path
) -> None:
    (tmp_path / "labelgate").symlink_to(ROOT)  # mypy does not see what is installed as editable
    named = [argument for room in ROOMS for argument in ("-p", f"labelgate.{room}")]
    kept = (f"--config-file={ROOT}/pyproject.toml", f"--cache-dir={ROOT}/.mypy_cache")
    run = python(tmp_path, "-m", "mypy", *kept, *named)
    assert run.returncode == 0, run.stdout + run.stderr
