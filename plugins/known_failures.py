"""Accepted failures: each is expected to fail, for a reason, by an owner's word, until a date."""

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from labelgate.fixtures.checks import is_check, module_of
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.settings import SETTINGS


class KnownEntry(BaseModel):
    """`[[known]]`: one accepted failure; every key is needed.

    Attributes:
        test: `test_module::test_name[id]`, as pytest shows it behind the last slash, without `.py`.
        reason: why it is accepted.
        owner: who accepted it.
        expires: the last day on which it is accepted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_min_length=1)
    test: str
    reason: str
    owner: str
    expires: date


class KnownFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    known: list[KnownEntry] = []


@dataclass(frozen=True, slots=True)
class Known:
    """An accepted failure of one collected test.

    Attributes:
        entry: what stands in the file.
        expired: whether its day has passed.
    """

    entry: KnownEntry
    expired: bool


SUITE = Path(__file__).parents[1] / "dataset_tests"

ENTRIES = pytest.StashKey[dict[str, KnownEntry]]()
"""What the file of this run holds; `plugins.options` reads it."""

KNOWN = pytest.StashKey[Known]()


def read_known_failures(file: Path) -> dict[str, KnownEntry]:
    """Reads the accepted failures by test.

    Raises:
        SettingsError: the file cannot be read, a key is missing or a test stands there twice.
    """
    try:
        content = KnownFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"The known failures {file} cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"{file}: {where}: {first['msg']}; each [[known]] needs "
            f"{', '.join(KnownEntry.model_fields)}."
        ) from error
    entries: dict[str, KnownEntry] = {}
    for entry in content.known:
        if entry.test in entries:
            raise SettingsError(f"{file}: '{entry.test}' stands there twice; keep one entry.")
        entries[entry.test] = entry
    return entries


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks accepted failures as expected, before `-k` takes tests away.

    Strict, and for a failed check only: a test that passes, and one that crashes, fails the run.
    """
    file = config.stash[SETTINGS].known_failures if SETTINGS in config.stash else None
    if file is None:
        return
    unmatched = config.stash[ENTRIES].copy()
    checks = [item for item in items if is_check(item)]
    for item in checks:
        for key in _keys(item):
            entry = unmatched.pop(key, None)
            if entry is not None and KNOWN in item.stash:
                raise pytest.UsageError(
                    f"{file}: 2 entries name one test, '{entry.test}' and "
                    f"'{item.stash[KNOWN].entry.test}'; keep one."
                )
            if entry is not None:
                _accept(item, entry)
    _refuse_unmatched(file, unmatched, checks)


def _accept(item: pytest.Item, entry: KnownEntry) -> None:
    expired = entry.expires < date.today()
    item.stash[KNOWN] = Known(entry, expired)
    if not expired:
        reason = f"{entry.reason} ({entry.owner}, until {entry.expires})"
        item.add_marker(pytest.mark.xfail(reason=reason, strict=True, raises=pytest.fail.Exception))


def _keys(item: pytest.Function) -> list[str]:
    """A test's key as pytest shows it, and with the class as it is called."""
    module = module_of(item)
    subject = dict(item.user_properties)["subject"]
    return [f"{module}::{item.name}", f"{module}::{item.originalname}[{subject}]"]


def _refuse_unmatched(
    file: Path, unmatched: dict[str, KnownEntry], checks: list[pytest.Function]
) -> None:
    """An entry that names no test would wait for ever; modules that were not asked for may wait."""
    asked = {module_of(check) for check in checks}
    silent = {file.stem for file in SUITE.glob("test_*.py")} - asked
    stale = sorted(test for test in unmatched if test.partition("::")[0] not in silent)
    if stale:
        raise pytest.UsageError(
            f"{file}: {len(stale)} of the known failures name no test, the first is '{stale[0]}'; "
            "correct or remove the entry."
        )
