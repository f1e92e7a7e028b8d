"""Accepted failures: each is expected to fail, for a reason, by an owner's word, until a date."""

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labelgate.expectations.accepted import AcceptedCell, judge_accepted
from labelgate.expectations.limits import Limit, Limits
from labelgate.expectations.verdict import Verdict
from labelgate.fixtures.aside import Start, at_once
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.printing import printable
from labelgate.fixtures.subjects import DATASET_SUBJECT, Per, subjects_of

Check = tuple[str, str]
"""Property and subject of a check."""

ADDRESS = r"^https?://\S+$"
"""An address that a page may link to; a script is none."""


class KnownEntry(BaseModel):
    """`[[known]]`: one accepted failure, of a test or of a property and a subject.

    Attributes:
        test: `test_module::test_name[id]`, as pytest shows it behind the last slash, without `.py`.
        property: the property, where no test is named.
        subject: the class, group or alteration; `dataset` for a property of the whole dataset.
        reason: why it is accepted.
        owner: who accepted it.
        expires: the last day, in UTC, on which it is accepted.
        issue: address of the page where it is tracked.
        value: the worst value or bound that is accepted; without it every one is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_min_length=1)
    test: str | None = None
    property: str | None = None
    subject: str | None = None
    reason: str
    owner: str
    expires: date
    issue: Annotated[str, Field(pattern=ADDRESS)] | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_check(self) -> "KnownEntry":
        named = self.property is not None, self.subject is not None
        if (self.test is None) != all(named) or (self.test is not None and any(named)):
            raise ValueError("name either test, or property and subject")
        return self

    def name(self) -> str:
        """The check as the entry names it."""
        return self.test if self.test is not None else f"{self.property}[{self.subject}]"

    def told(self) -> str:
        """Why, by whose word and until when."""
        return f"{self.reason} ({self.owner}, until {self.expires})"


class KnownFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    known: list[KnownEntry] = []


@dataclass(frozen=True, slots=True)
class KnownFailures:
    """The accepted failures of a run.

    Attributes:
        entries: by property and subject.
        today: the day of the run, in UTC.
    """

    entries: dict[Check, KnownEntry]
    today: date

    def days_left(self, entry: KnownEntry) -> int:
        """Counts the days that come after today on which it is accepted; negative if expired."""
        return (entry.expires - self.today).days


KNOWN = pytest.StashKey[KnownFailures]()
"""What is accepted in this run; `plugins.options` reads it, none where no file is named."""


def today() -> date:
    """Returns the day by which entries expire: one day for the whole world, so in UTC."""
    return datetime.now(UTC).date()


def read_known_failures(file: Path) -> list[KnownEntry]:
    """Reads the accepted failures.

    Raises:
        SettingsError: the file cannot be read, or a key is missing or says what it cannot.
    """
    try:
        content = KnownFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(
            f"{file}: {where}: {message}; each [[known]] needs test (or property and subject), "
            "reason, owner and expires, and may have issue and value."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"The known failures {file} cannot be read: {error}.") from error
    return content.known


def match(
    file: Path, entries: Iterable[KnownEntry], limits: Limits, dataset: Dataset
) -> KnownFailures:
    """Finds the check that each entry names, among all checks of the dataset, selected or not.

    Raises:
        SettingsError: two entries name one check.
        pytest.UsageError: entries name no check, and would wait for ever; a sentence for each.
    """
    check_of = _finder(limits, dataset)
    found: dict[Check, KnownEntry] = {}
    unmatched = []
    for entry in entries:
        check = check_of(entry)
        if isinstance(check, str):
            unmatched.append(
                printable(
                    f"{file}: '{entry.name()}' names no check, {check}; correct or remove the "
                    "entry."
                )
            )
        elif check in found:
            raise SettingsError(_repeated(file, found[check].name(), entry.name()))
        else:
            found[check] = entry
    if unmatched:
        raise pytest.UsageError(*unmatched)
    return KnownFailures(found, today())


def _finder(limits: Limits, dataset: Dataset) -> Callable[[KnownEntry], Check | str]:
    """Makes what finds the check that an entry names, or says why there is none."""
    subjects = {per: _spellings(per, dataset) for per in get_args(Per)}
    of_test = {test_of(limit): limit for limit in limits.properties.values()}

    def check_of(entry: KnownEntry) -> Check | str:
        if entry.test is None:
            limit, subject = limits.properties.get(entry.property or ""), entry.subject or ""
        else:
            test, _, rest = entry.test.partition("[")
            limit, subject = of_test.get(test), rest.removesuffix("]")
        if limit is None:
            return "there is no such test" if entry.test else "there is no such property"
        called = subjects[limit.per].get(subject)
        if called is None:
            return f"{dataset.name} has no such {limit.per}"
        return limit.property, called

    return check_of


def _spellings(per: Per, dataset: Dataset) -> dict[str, str]:
    """Every subject by its spellings: as it is called comes before as pytest shows another one."""
    subjects = subjects_of(per, dataset)
    shown = {subject.encode("unicode_escape").decode("ascii"): subject for subject in subjects}
    whole = {"": DATASET_SUBJECT} if per == "dataset" else {}  # its test has no brackets
    return shown | {subject: subject for subject in subjects} | whole


def test_of(limit: Limit) -> str:
    """Returns the test of a property as the key of an entry begins, before the subject."""
    return f"test_{limit.stem}::test_{limit.property}"


def _repeated(file: Path, first: str, second: str) -> str:
    if first == second:
        return f"{file}: '{first}' stands there twice; keep one entry."
    return f"{file}: 2 entries name one check, '{first}' and '{second}'; keep one of them."


def within_accepted(
    verdicts: Sequence[Verdict], known: KnownFailures | None, start: Start = at_once
) -> set[int]:
    """Returns the positions of failing verdicts that are not beyond the value of their entry."""
    cells: dict[int, AcceptedCell] = {}
    for position, verdict in enumerate(verdicts if known else ()):
        row = verdict.measurement
        entry = known.entries.get((row.property, row.subject)) if known else None
        if entry is not None and entry.value is not None and verdict.side is not None:
            cells[position] = AcceptedCell(verdict.judged, entry.value, verdict.side)
    positions = list(cells)
    return {positions[number] for number in judge_accepted(list(cells.values()), start)}
