"""The folder of the report: an old report goes, and nothing else is touched."""

from pathlib import Path

import pytest

from labelgate.fixtures.errors import SettingsError
from labelgate.plugins.report.folder import claim


def test_an_old_report_is_gone_before_anything_is_measured(tmp_path: Path) -> None:
    claim(tmp_path)
    for name in ("report.json", "index.html", "summary.md", "evidence/x.csv", "images/x.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    claim(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [".labelgate", "notes.txt"]


@pytest.mark.parametrize("name", ["thesis.txt", "report.json", "evidence/x.csv"])
def test_a_folder_without_our_marker_is_refused_and_left_as_it_is(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(SettingsError, match="no labelgate report"):
        claim(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["evidence", "images", ".labelgate"])
def test_a_link_in_the_report_folder_is_never_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("mine")
    report = tmp_path / "report"
    (report / ".labelgate").mkdir(parents=True)
    if name == ".labelgate":
        (report / name).rmdir()
    (report / name).symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(SettingsError):
        claim(report)
    assert (tmp_path / "outside" / "file").read_text() == "mine"
