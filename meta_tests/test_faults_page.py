"""docs/faults.md: every fault has its test, and every test that is named is there."""

from pathlib import Path

import pytest
from named_tests import missing_tests, named_tests, rows_without_a_test

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"


def test_every_test_that_the_page_names_is_there() -> None:
    assert missing_tests(PAGE) == []
    assert len(named_tests(PAGE)) >= 40


def test_every_fault_has_a_test() -> None:
    assert list(rows_without_a_test(PAGE)) == []


@pytest.mark.parametrize(
    ("row", "missing", "bare"),
    [
        ("| a | b | `test_faults_page::test_every_fault_has_a_test` |", [], []),
        ("| a | b | `test_faults_page::test_no` |", ["test_faults_page::test_no"], []),
        ("| a | b | `test_nowhere::test_no` |", ["test_nowhere::test_no"], []),
        (
            "| `test_a::test_b` | b | none |",
            ["test_a::test_b"],
            ["| `test_a::test_b` | b | none |"],
        ),
    ],
)
def test_a_page_without_its_tests_is_found(
    tmp_path: Path, row: str, missing: list[str], bare: list[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"| fault | what happens | shown by |\n|---|---|---|\n{row}\n")
    assert missing_tests(page) == missing
    assert list(rows_without_a_test(page)) == bare
