"""The report folder: claimed before anything is measured, never mistaken for a folder of others."""

import shutil
from pathlib import Path

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.writing import unwritable

MARKER = ".labelgate"
HANDOVER = f"{MARKER}/verdicts.json"
"""Where the process that judged hands over to the others what it decided on; it comes last."""

CELLS = f"{MARKER}/cells.jsonl"
"""Where it hands its verdicts over."""

ROOM = f"{MARKER}/room"
"""Bytes that are given back when the disk is full, so that it can be said that it is."""

ROOM_BYTES = 2**16

OURS = ("classes", "images", "assets", "evidence", "expectations", MARKER)
PAGES = ("index.html", "review.html", "changes.html", "summary.md")
OUR_FILES = (
    *(*PAGES, "report.json", "pictures.json", "review.json", "changes.json"),
    *("release.parquet", "findings.parquet"),
)


def claim(folder: Path) -> None:
    """Makes the folder ready for a new report, and removes an earlier one from it.

    An old report is removed before the run, so that it is never read as the report of a run that
    was interrupted.

    Raises:
        SettingsError: the folder holds something else, or cannot be written.
    """
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_dir():
            raise SettingsError(
                f"--report={folder} holds files that are no labelgate report; "
                "name an empty or a new folder."
            )
        for name in OURS:
            if (folder / name).is_symlink():
                raise SettingsError(f"--report={folder}: '{name}' is a link; remove it.")
            if (folder / name).exists():
                shutil.rmtree(folder / name)
        for name in OUR_FILES:
            (folder / name).unlink(missing_ok=True)
        (folder / MARKER).mkdir(parents=True)
        (folder / ROOM).write_bytes(bytes(ROOM_BYTES))
    except OSError as error:
        raise unwritable(folder, error) from error


def withdraw(folder: Path) -> None:
    """Takes pages and papers back that were begun, so that none is taken for those of a report."""
    for name in (*PAGES, "report.json", "changes.json"):
        (folder / name).unlink(missing_ok=True)
    for name in ("classes", "images"):
        shutil.rmtree(folder / name, ignore_errors=True)


def make_room(folder: Path) -> None:
    """Takes back what was written of a run that comes to no verdict."""
    for name in ("evidence", "expectations"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("release.parquet", "findings.parquet", "review.json", CELLS, ROOM):
        (folder / name).unlink(missing_ok=True)


def release(folder: Path) -> None:
    """Empties the marker when the report is complete; the marker itself stays."""
    for file in (folder / MARKER).iterdir():
        file.unlink(missing_ok=True)
