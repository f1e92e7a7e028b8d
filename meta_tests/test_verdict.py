"""What is said about one cell: subject, number, limit, files and the next step."""

from dataclasses import replace

import pytest

from labelgate.expectations.limits import Bound, Limit
from labelgate.expectations.limits_file import read_limits
from labelgate.expectations.verdict import Verdict, tell_unmeasured
from labelgate.fixtures.measurements import Measurement

DECODES = read_limits(None).properties["every_image_decodes"]
ACCURACY = read_limits(None).properties["class_accuracy_meets_its_floor"]


def told(row: Measurement, limit: Limit, passed: bool | None, bound: Bound | None = None) -> str:
    return Verdict(row, limit, bound or limit.bounds[0], passed).message


def test_a_failure_says_subject_number_limit_files_and_the_next_step() -> None:
    row = Measurement(DECODES.property, "cat", "val", 2.0, 10, note="val/1.jpg")
    assert told(row, DECODES, False) == (
        "cat in val: 2 of 10 files are no acceptable image, the limit is at most 0: val/1.jpg. "
        "Replace or remove them; all of them in evidence/undecodable.csv."
    )


@pytest.mark.parametrize(("value", "said"), [(0.0, "0"), (1_234_567.0, "1234567")])
def test_a_count_is_said_to_the_last_digit(value: float, said: str) -> None:
    row = Measurement(DECODES.property, "cat", "val", value, 10)
    assert told(row, DECODES, False).startswith(f"cat in val: {said} of 10 files")


def test_a_rate_by_a_predictor_says_by_whom_and_both_ends_of_its_limit() -> None:
    row = Measurement(ACCURACY.property, "cat", "", 0.125, 8, "net", judged=0.4)
    limit = replace(ACCURACY, evidence="")
    assert told(row, limit, False, Bound(0.5, 0.75, "x")) == (
        "cat, by net: a share of only 0.125 of 8 images is predicted as the class, the limit is at "
        f"least 0.5 and at most 0.75. {ACCURACY.remedy}."
    )


def test_what_was_not_measured_says_of_whom_and_why() -> None:
    row = Measurement(ACCURACY.property, "cat", "val", None, 8, "knn", reason="few images")
    assert told(row, ACCURACY, None) == "cat in val, by knn: not measured, few images."
    assert tell_unmeasured("cat", "", "", "few images") == "cat: not measured, few images."


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "a\x00b"])
def test_no_name_breaks_the_line_or_commands_the_terminal(name: str) -> None:
    row = Measurement(DECODES.property, name, name, 2.0, 10, note=name)
    assert told(row, DECODES, False).isprintable()
    assert tell_unmeasured(name, name, name, name).isprintable()


@pytest.mark.parametrize(("value", "judged"), [(0.5, 0.4), (0.4, None)])
def test_the_bound_is_judged_where_there_is_one(value: float, judged: float | None) -> None:
    row = Measurement(ACCURACY.property, "cat", "val", value, 8, judged=judged)
    assert Verdict(row, ACCURACY, ACCURACY.bounds[0], False).judged == 0.4
