"""Writes accepted failures into their file; comments, order and everything else in it stay."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.printing import printable
from labelgate.plugins.failing import Failing
from labelgate.plugins.known_failures import KnownEntry, read_known_failures

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms failures are accepted; None keeps what an entry says already.

    Attributes:
        reason: why.
        owner: who accepts them.
        expires: the last day.
        issue: where they are tracked.
    """

    reason: str | None
    owner: str | None
    expires: date | None
    issue: str | None

    def given(self) -> dict[str, Any]:
        """Returns those that are given, by the keys of an entry."""
        all_of_them = (
            ("reason", self.reason),
            ("owner", self.owner),
            ("expires", self.expires),
            ("issue", self.issue),
        )
        return {key: value for key, value in all_of_them if value is not None}


def read_entries(file: Path) -> dict[str, tuple[int, KnownEntry]]:
    """Reads the entries of a file with their positions, by name; none if there is no file."""
    entries = read_known_failures(file) if file.exists() else []
    return {entry.name(): (number, entry) for number, entry in enumerate(entries)}


def entry_of(
    check: Failing, entries: Mapping[str, tuple[int, KnownEntry]]
) -> tuple[int, KnownEntry] | None:
    """Finds the entry that a check has already."""
    return next((entries[name] for name in check.names if name in entries), None)


def write_entries(file: Path, checks: Iterable[Failing], terms: Terms) -> list[str]:
    """Adds an entry for each check, or renews the one that it has; all of them or none.

    Returns:
        A line for each check, which says what was written.

    Raises:
        SettingsError: the file cannot be read, written or be such a file.
    """
    import tomlkit

    entries = read_entries(file)
    try:
        text = file.read_bytes().decode("utf-8") if file.exists() else ""
        text += "" if text.endswith("\n") or not text else "\n"
        document = tomlkit.parse(text)
        told = [_write(document, check, entry_of(check, entries), terms) for check in checks]
        _replace(file, tomlkit.dumps(document).encode("utf-8"))
    except UnicodeEncodeError as error:
        raise SettingsError(
            f"{file}: a name holds {error.object[error.start : error.end]!r}, which TOML cannot; "
            "rename the class."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written ({error.strerror}); name another --file."
        ) from error
    return told


def _write(
    document: "TOMLDocument", check: Failing, old: tuple[int, KnownEntry] | None, terms: Terms
) -> str:
    value = int(check.value) if check.value.is_integer() else check.value
    if old is None:
        _append(
            document, dict(zip(("property", "subject"), check.check, strict=True)), value, terms
        )
        return f"accepted {printable(check.name)} up to {value}"
    number, entry = old
    _renew(document["known"][number], terms.given() | {"value": value})
    before = "any value" if entry.value is None else f"up to {entry.value:g}"
    return f"renewed {printable(check.name)} up to {value} (before: {before})"


def _renew(table: Any, terms: Mapping[str, Any]) -> None:  # noqa: ANN401 - one of two tables
    """Changes an entry; comments behind its last key belong to what follows, and stay there."""
    from tomlkit.items import Table

    behind = []
    if isinstance(table, Table):
        body = table.value.body
        while body and body[-1][0] is None:
            behind.append(body.pop()[1])
    table.update(terms)
    for item in reversed(behind):
        table.add(item)


def _append(document: "TOMLDocument", named: dict[str, str], value: float, terms: Terms) -> None:
    import tomlkit
    from tomlkit.items import AoT

    if "known" not in document:
        document.append("known", tomlkit.aot())
    known: Any = document["known"]
    table: Any = tomlkit.table() if isinstance(known, AoT) else tomlkit.inline_table()
    for key, content in (named | terms.given() | {"value": value}).items():
        table.add(key, content)
    if isinstance(known, AoT) and known:
        known[-1].add(tomlkit.nl())  # an empty line between entries
    known.append(table)


def _replace(file: Path, content: bytes) -> None:
    """Writes a file beside the old one, reads it back, and puts it in the old one's place."""
    target = file.resolve()
    written = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with written.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        read_known_failures(written)
        if target.exists():
            shutil.copymode(target, written)
        written.replace(target)
    finally:
        written.unlink(missing_ok=True)
