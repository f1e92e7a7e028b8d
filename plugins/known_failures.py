"""Accepted failures: each is expected to fail, for a reason, by an owner's word, until a date."""

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

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
    settings = config.stash.get(SETTINGS, None)
    if settings is None or settings.known_failures is None:
        return
    try:
        entries = read_known_failures(settings.known_failures)
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from error
    unmatched = dict(entries)
    for item in items:
        for key in _keys(item):
            entry = unmatched.pop(key, None)
            if entry is not None and KNOWN in item.stash:
                raise pytest.UsageError(
                    f"{settings.known_failures}: 2 entries name one test, '{entry.test}' and "
                    f"'{item.stash[KNOWN].entry.test}'; keep one."
                )
            if entry is not None:
                _accept(item, entry)
    _refuse_unmatched(settings.known_failures, unmatched, items)


def _accept(item: pytest.Item, entry: KnownEntry) -> None:
    expired = entry.expires < date.today()
    item.stash[KNOWN] = Known(entry, expired)
    if not expired:
        reason = f"{entry.reason} ({entry.owner}, until {entry.expires})"
        item.add_marker(pytest.mark.xfail(reason=reason, strict=True, raises=pytest.fail.Exception))


def _keys(item: pytest.Item) -> list[str]:
    """A test's key as pytest shows it, and with the class as it is called."""
    if not isinstance(item, pytest.Function) or "gate" not in item.fixturenames:
        return []
    module = _module(item)
    subject = dict(item.user_properties)["subject"]
    return [f"{module}::{item.name}", f"{module}::{item.originalname}[{subject}]"]


def _module(item: pytest.Function) -> str:
    return str(item.module.__name__).rpartition(".")[2]


def _refuse_unmatched(
    file: Path, unmatched: dict[str, KnownEntry], items: list[pytest.Item]
) -> None:
    """An entry that names no test would wait for ever; modules that were not asked for may wait."""
    asked = {_module(item) for item in items if isinstance(item, pytest.Function)}
    silent = {file.stem for file in SUITE.glob("test_*.py")} - asked
    stale = sorted(test for test in unmatched if test.partition("::")[0] not in silent)
    if stale:
        raise pytest.UsageError(
            f"{file}: {len(stale)} of the known failures name no test, the first is '{stale[0]}'; "
            "correct or remove the entry."
        )
