"""The measurement table: evidence of several stems, and stems that cannot be measured at all."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest

from labelgate.fixtures.measurements import Measurement, Table, gather, lay_out, tell
from labelgate.fixtures.measuring import Unmeasured
from labelgate.plugins.verdicts import Verdicts

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Fixed:
    """A stem that says what it was told to."""

    tables: "dict[str, pd.DataFrame]" = field(default_factory=dict)

    def measurements(self) -> Iterator[Measurement]:
        yield Measurement("p", "s", "train", 1.0, 3)

    def evidence(self) -> "dict[str, pd.DataFrame]":
        return self.tables

    def figures(self) -> list[tuple[str, float | str]]:
        return [("how many", 1)]


def table(*groups: int) -> "pd.DataFrame":
    import pandas as pd

    rows = [(group, "exact", f"train/{group}", "train", "") for group in groups]
    return pd.DataFrame(rows, columns=["group", "kind", "path", "split", "label"])


@pytest.mark.parametrize(
    ("first", "second"), [((0, 0), (1, 1)), ((), (0, 0)), ((0, 0), ()), ((), ())]
)
def test_tables_of_one_name_follow_each_other_in_one_file(
    first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    stems = {"b": Fixed({"d.csv": table(*second)}), "a": Fixed({"d.csv": table(*first)})}
    found = gather(stems).evidence["d.csv"]
    assert list(found.columns) == ["group", "kind", "path", "split", "label"]
    assert list(found.index) == list(range(len(first + second)))
    written = list(csv.reader(io.StringIO(found.to_csv(index=False))))[1:]
    assert [row[0] for row in written] == [str(group) for group in first + second]


def test_tables_of_other_names_stay_apart() -> None:
    found = gather({"a": Fixed({"x.csv": table(1)}), "b": Fixed({"y.csv": table(2)})}).evidence
    assert {name: len(rows) for name, rows in found.items()} == {"x.csv": 1, "y.csv": 1}


def test_a_stem_that_breaks_takes_no_table_of_another_with_it() -> None:
    found = gather({"a": Fixed({"d.csv": table(0)}), "b": ValueError("broken")})
    assert len(found.evidence["d.csv"]) == 1
    assert list(found.broken) == ["b"]


def test_what_breaks_while_it_tells_its_evidence_leaves_neither_rows_nor_evidence() -> None:
    class Untold(Fixed):
        def figures(self) -> list[tuple[str, float | str]]:
            raise ValueError("broken")

    stems = {"a": Fixed({"d.csv": table(0)}), "b": Untold({"d.csv": table(1)})}
    rows = lay_out(stems)
    assert (len(rows.rows), rows.broken) == (2, {})
    found = tell(rows, stems)
    assert list(found.broken) == ["b"]
    assert (len(found.rows), list(found.evidence["d.csv"]["group"]), found.figures) == (
        *(1, [0]),
        (("how many", 1),),
    )


def test_what_is_unmeasured_has_a_reason_and_no_value_anywhere() -> None:
    asked = [("p", "cat"), ("p", "dog"), ("q", "dataset")]
    found = gather({"near": Unmeasured(asked, "no weights here"), "other": Fixed()})
    rows = [row for row in found.rows if row.n == 0]
    assert [(row.property, row.subject, row.split) for row in rows] == [(*a, "") for a in asked]
    assert {(row.value, row.reason) for row in rows} == {(None, "no weights here")}
    assert found.evidence == {}
    assert found.figures == (("how many", 1),)
    assert found.table()["value"].isna().sum() == len(asked)


def test_an_embedder_that_cannot_be_had_leaves_its_stems_unmeasured_and_no_other(
    tmp_path: Path,
    suite: Callable[..., "CompletedProcess[str]"],
    draw: Callable[[Path, Mapping[str, int]], Path],
    outcomes: Callable[[Path], dict[tuple[str, str], str]],
) -> None:
    """What is required and not measured fails."""
    draw(tmp_path / "data", {"train/cat/1.png": 1, "val/cat/1.png": 2})
    (tmp_path / "no_weights.py").write_text(
        "def refuse(*given):\n"
        "    from labelgate.fixtures.errors import EmbedderUnavailableError\n"
        "    raise EmbedderUnavailableError('The weights are elsewhere.')\n\n"
        "def pytest_collection_finish():\n"
        "    from labelgate.fixtures import embeddings\n"
        "    embeddings.load_embedder = refuse\n"
    )
    chosen = "exact or near or sources or calibration"
    run = suite(tmp_path, "-p", "no_weights", "-k", chosen, "--workers=0")
    assert run.returncode == 1, run.stdout + run.stderr
    told = outcomes(tmp_path / "report")
    assert told["no_exact_duplicates_across_splits", "cat"] == "passed"
    assert told["no_augmented_copies_across_splits", "cat"] == "failed"  # required
    assert told["near_duplicates_have_one_label", "cat"] == "not_measured"
    assert told["no_source_dominates", "cat"] == "not_measured"
    assert told["planted_copies_are_found", "mirror"] == "not_measured"
    assert told["strangers_are_not_called_copies", "dataset"] == "not_measured"
    assert "the weights are elsewhere" in (tmp_path / "report" / "report.json").read_text().lower()


def test_a_class_of_the_table_without_images_breaks_nothing_and_passes_nothing_of_pictures(
    tmp_path: Path,
    suite: Callable[..., "CompletedProcess[str]"],
    draw: Callable[[Path, Mapping[str, int]], Path],
    outcomes: Callable[[Path], dict[tuple[str, str], str]],
) -> None:
    draw(tmp_path / "data", {"train/cat/1.png": 1, "val/cat/1.png": 2})
    (tmp_path / "data" / "classes.csv").write_text("class\ncat\nyeti\n")
    (tmp_path / "data" / "dataset.toml").write_text(
        '[splits.train]\nimages = "train"\n[splits.val]\nimages = "val"\n'
        '[classes]\ntable = "classes.csv"\n'
    )
    run = suite(tmp_path, "--workers=0")
    assert run.returncode == 1, run.stdout + run.stderr
    told = outcomes(tmp_path / "report")
    assert "error" not in told.values()
    theirs = {name: outcome for (name, subject), outcome in told.items() if subject == "yeti"}
    names = {"class_name_is_unique", "no_near_synonyms"}
    assert {name for name, outcome in theirs.items() if outcome == "passed"} <= names
    assert theirs["classes_have_enough_images"] == "failed"
    assert theirs["every_image_decodes"] == "failed"  # required, and not measured
    assert theirs["near_duplicates_have_one_label"] == "not_measured"
    assert len(theirs) == len([1 for _, subject in told if subject == "cat"])


def test_what_an_error_shows_does_not_grow_with_the_dataset() -> None:
    """Pytest writes the arguments of a frame out before it shortens them."""
    assert len(repr(Verdicts({("p", str(i)): [] for i in range(1_000)}, {"p": "x" * 1_000}))) < 100


def test_what_a_page_draws_stands_in_no_column() -> None:
    drawn = Table("text", "t", "h", ["r"], ["c"], [["v"]])
    row = Measurement("p", "s", "", 1.0, 3, examples=[[0]], captions=["c"], tables=[drawn])

    @dataclass
    class Drawn(Fixed):
        def measurements(self) -> Iterator[Measurement]:
            yield row

    found = gather({"a": Drawn()})
    assert found.rows == (row,)
    assert not {"examples", "captions", "tables"} & set(found.table().columns)
