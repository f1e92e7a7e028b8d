"""limits.toml: complete, one to one with the tests, and every mistake over it is one sentence."""

import ast
import re
import string
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from labelgate.expectations.limits import Bound, Limit, check_overrides
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.dataset import SplitNames, assemble
from labelgate.fixtures.declarations import PredictionsFile
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.pixels import Caps

PROPERTIES = read_limits(None).properties
STEMS = sorted({limit.stem for limit in PROPERTIES.values()})

DECODES = "[files.every_image_decodes]\n"
ENOUGH = "[[files.classes_have_enough_images.overrides]]\n"

MISTAKES = {
    "no TOML": ("[files", "cannot be read as TOML"),
    "not UTF-8": ("\udcff", "cannot be read as TOML"),
    "unknown stem": ("[flies.every_image_decodes]\nmax = 1\n", "flies.every_image_decodes"),
    "unknown property": (
        "[files.every_image_decode]\nmax = 1\n",
        "files.every_image_decode'; there are accuracy.class_accuracy_meets_its_floor, ",
    ),
    "property of another stem": ("[files.identical_pixels_have_one_label]\nmax = 1\n", "files.id"),
    "stem that is no table": ("files = 3\n", "files"),
    "property that is no table": ("[files]\nevery_image_decodes = 3\n", "every_image_decodes"),
    "unknown key": (DECODES + 'maximum = 1\nsource = "x"\n', "maximum"),
    "limit without a source": (DECODES + "max = 1\n", "source"),
    "limit with an empty source": (DECODES + 'max = 1\nsource = ""\n', "source"),
    "text for a number": (DECODES + 'max = "1"\nsource = "x"\n', "max"),
    "truth for a number": (DECODES + 'max = true\nsource = "x"\n', "max"),
    "not a number": (DECODES + 'max = nan\nsource = "x"\n', "max"),
    "infinite": (DECODES + 'max = inf\nsource = "x"\n', "max"),
    "least over most": (
        DECODES + 'min = 2\nmax = 1\nsource = "x"\n',
        "every_image_decodes has min",
    ),
    "least over most in an override": (
        ENOUGH + 'class = "cat"\nmin = 2\nmax = 1\nsource = "x"\n',
        "override 1 of classes_have_enough_images has min",
    ),
    "unknown severity": (DECODES + 'severity = "fatal"\n', "severity"),
    "required that is no truth": (DECODES + 'required = "yes"\n', "required"),
    "finding with a foreign placeholder": (
        DECODES + 'finding = "{x} files"\n',
        "files.every_image_decodes.finding",
    ),
    "finding that is no format": (DECODES + 'finding = "{value files"\n', "finding"),
    "override of nothing": (ENOUGH + 'min = 1\nsource = "x"\n', "override 1 of classes_have"),
    "override without a limit": (ENOUGH + 'class = "cat"\nsource = "x"\n', "override 1"),
    "override without a source": (ENOUGH + 'class = "cat"\nmin = 1\n', "source"),
    "override with an empty source": (ENOUGH + 'class = "cat"\nmin = 1\nsource = ""\n', "source"),
    "override with an unknown key": (ENOUGH + 'label = "cat"\nmin = 1\nsource = "x"\n', "label"),
    "unknown key of decoding": ("[decoding]\nmax_pixel = 1\n", ": decoding.max_pixel: "),
    "negative cap": ("[decoding]\nmax_pixels = -1\n", "max_pixels"),
    "unknown key of statistics": ("[statistics]\nlevel = 0.9\n", "level"),
    "statistics that are no table": ("statistics = 3\n", "statistics"),
    "certainty": ("[statistics]\nconfidence = 1.0\n", "confidence"),
    "a confidence of one half": ("[statistics]\nconfidence = 0.5\n", "confidence"),
    "a confidence that is no number": ("[statistics]\nconfidence = nan\n", "confidence"),
    "a confidence in text": ('[statistics]\nconfidence = "0.9"\n', "confidence"),
    "least images below two": ("[statistics]\nleast_images = 1\n", "least_images"),
    "least images in parts": ("[statistics]\nleast_images = 2.5\n", "least_images"),
    "what a property is asked of": (DECODES + 'per = "dataset"\n', "per"),
    "another unit": (DECODES + 'unit = "percent"\n', "files.every_image_decodes.unit"),
    "another table": (DECODES + 'evidence = "x.csv"\n', "evidence"),
    "cap of zero": ("[decoding]\nmax_file_bytes = 0\n", "max_file_bytes"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_that_names_file_and_key(tmp_path: Path, name: str) -> None:
    text, named = MISTAKES[name]
    file = tmp_path / "limits.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError) as told:
        read_limits(file)
    message = str(told.value)
    assert named in message
    assert str(file) in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_file_changes_only_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(DECODES + 'max = 3\nsource = "agreed"\n')
    changed = read_limits(file).properties
    assert changed["every_image_decodes"].bounds == (Bound(None, 3.0, "agreed"),)
    assert {k: v for k, v in changed.items() if k != "every_image_decodes"} == {
        k: v for k, v in PROPERTIES.items() if k != "every_image_decodes"
    }


def test_a_file_changes_each_thing_that_is_a_matter_of_tolerance(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    told = {"severity": "info", "required": False, "finding": "{value}", "remedy": "Ask"}
    before = PROPERTIES["every_image_decodes"]
    for key, value in told.items():
        written = "false" if value is False else f'"{value}"'
        file.write_text(f"{DECODES}{key} = {written}\n")
        assert read_limits(file).properties[before.property] == replace(before, **{key: value})
    file.write_text(DECODES + 'min = 1\nmax = 3\nsource = "agreed"\n')
    assert read_limits(file).properties[before.property].bounds == (Bound(1.0, 3.0, "agreed"),)
    file.write_text(DECODES + 'min = 1\nsource = "agreed"\n')
    assert read_limits(file).properties[before.property].bounds == (Bound(1.0, None, "agreed"),)


def test_what_stands_behind_a_general_table_counts_as_well(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("[statistics]\nconfidence = 0.99\n" + DECODES + 'max = 3\nsource = "x"\n')
    limits = read_limits(file)
    assert (limits.confidence, limits.properties["every_image_decodes"].bounds[0].high) == (0.99, 3)


def test_a_file_may_set_statistics_and_changes_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    built_in = read_limits(None)
    file.write_text("[statistics]\nconfidence = 0.99\n")
    changed = read_limits(file)
    assert (changed.confidence, changed.least_images) == (0.99, built_in.least_images)
    assert (changed.properties, changed.caps) == (built_in.properties, built_in.caps)
    file.write_text("[statistics]\nleast_images = 2\n")
    assert read_limits(file).least_images == 2


def test_a_file_may_set_one_cap_and_leaves_the_other(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    assert read_limits(None).caps == Caps(pixels=89_478_485, file_bytes=268_435_456)
    file.write_text("[decoding]\nmax_pixels = 5\n")
    assert read_limits(file).caps == Caps(pixels=5, file_bytes=268_435_456)
    file.write_text("[decoding]\nmax_file_bytes = 5\n")
    assert read_limits(file).caps == Caps(pixels=89_478_485, file_bytes=5)


def test_a_limit_may_be_one_number_exactly(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(DECODES + 'min = 2\nmax = 2\nsource = "x"\n')
    (bound,) = read_limits(file).properties["every_image_decodes"].bounds
    assert (bound.low, bound.high, bound.text) == (2, 2, "at least 2 and at most 2")


COPIES = "[[calibration.planted_copies_are_found.overrides]]\n"
SHIFT = "[[shift.splits_show_the_same_kind_of_images.overrides]]\n"
STRANGERS = "[[calibration.strangers_are_not_called_copies.overrides]]\n"


@pytest.mark.parametrize(
    ("override", "named"),
    [
        (COPIES + 'class = "mirror"\nmin = 0.5\n', ""),
        (COPIES + 'class = "mirrored twice"\nmin = 0.5\n', "alteration 'mirrored twice'"),
        (COPIES + 'class = "cat"\nmin = 0.5\n', "alteration 'cat'"),
        (COPIES + 'split = "val"\nmin = 0.5\n', "split 'val'"),
        (STRANGERS + 'class = "dataset"\nmax = 0.5\n', ""),
        (STRANGERS + 'class = "cat"\nmax = 0.5\n', "dataset 'cat'"),
        (ENOUGH + 'class = "mirror"\nmin = 1\n', "class 'mirror'"),
        (ENOUGH + 'split = "train and val"\nmin = 1\n', "split 'train and val'"),
        (SHIFT + 'split = "train and val"\nmax = 0.7\n', ""),
        (SHIFT + 'class = "cat"\nsplit = "train and val"\nmax = 0.7\n', ""),
        (SHIFT + 'split = "val and train"\nmax = 0.7\n', "split 'val and train'"),
        (SHIFT + 'split = "val"\nmax = 0.7\n', "split 'val'"),
    ],
)
def test_an_override_names_what_its_property_is_asked_of(
    tmp_path: Path, override: str, named: str
) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(override + 'source = "x"\n')
    dataset = assemble(
        "d", tmp_path, [SplitNames(name, [f"{name}/1.jpg"], ["cat"]) for name in ("train", "val")]
    )
    if not named:
        check_overrides(read_limits(file), dataset)
        return
    with pytest.raises(SettingsError, match=named):
        check_overrides(read_limits(file), dataset)


def test_the_digest_changes_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("")
    (tmp_path / "b.toml").write_text("# agreed\n")
    digests = {read_limits(file).sha256 for file in (None, tmp_path / "b.toml")}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("accuracy", "class_accuracy_meets_its_floor"),
        ("class_names", "class_name_is_understood"),
        ("label_errors", "label_error_rate_is_low"),
        ("files", "classes_have_enough_images"),
    ],
)
@pytest.mark.parametrize("who", ["knn", "open_clip:a/b", "net", "nett"])
def test_an_override_may_name_a_predictor_that_there_can_be(
    tmp_path: Path, stem: str, name: str, who: str
) -> None:
    file = tmp_path / "limits.toml"
    side = "min" if PROPERTIES[name].bounds[0].high is None else "max"
    override = f'predictor = "{who}"\n{side} = 0.5\nsource = "x"\n'
    file.write_text(f"[[{stem}.{name}.overrides]]\n{override}")
    net = PredictionsFile("net", tmp_path / "net.csv")
    dataset = replace(
        assemble("d", tmp_path, [SplitNames("val", ["val/1.jpg"], ["cat"])]), predictions=(net,)
    )
    if stem != "files" and who != "nett":
        check_overrides(read_limits(file), dataset)
        return
    with pytest.raises(SettingsError, match=f"{name} names the predictor '{who}', which neither d"):
        check_overrides(read_limits(file), dataset)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [("class", "lion", "class 'lion'"), ("split", "vall", "split 'vall'")],
)
def test_an_override_of_what_is_not_there_is_refused(
    tmp_path: Path, key: str, value: str, named: str
) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(ENOUGH + f'{key} = "{value}"\nmin = 1\nsource = "x"\n')
    dataset = assemble("d", tmp_path, [SplitNames("val", ["val/1.jpg"], ["cat"])])
    with pytest.raises(SettingsError, match=named):
        check_overrides(read_limits(file), dataset)


@pytest.mark.parametrize("limit", PROPERTIES.values(), ids=PROPERTIES)
def test_a_built_in_limit_has_a_source_a_remedy_and_a_finding(limit: Limit) -> None:
    assert len(limit.bounds[0].source) > 20
    assert limit.bounds[0].source.endswith(".")
    assert re.match(r"[A-Z].*[^.]$", limit.remedy)
    placeholders = {name for _, name, _, _ in string.Formatter().parse(limit.finding) if name}
    assert "value" in placeholders
    assert placeholders <= {"value", "n"}
    assert limit.unit


def checks_of(stem: str) -> dict[str, ast.FunctionDef]:
    text = (files("labelgate.dataset_tests") / f"test_{stem}.py").read_text(encoding="utf-8")
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {node.name: node for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize("stem", STEMS)
def test_properties_and_tests_of_a_stem_are_one_to_one_and_in_one_order(stem: str) -> None:
    names = [f"test_{limit.property}" for limit in PROPERTIES.values() if limit.stem == stem]
    assert list(checks_of(stem)) == names


def test_every_module_of_tests_is_a_stem_of_the_limits() -> None:
    modules = {entry.name for entry in files("labelgate.dataset_tests").iterdir()}
    assert {m for m in modules if m.startswith("test_")} == {f"test_{stem}.py" for stem in STEMS}


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_test_says_one_sentence_and_asks_the_gate_for_its_own_name(name: str) -> None:
    node = checks_of(PROPERTIES[name].stem)[f"test_{name}"]
    told = ast.get_docstring(node) or ""
    assert re.fullmatch(r"[A-Z][^.\n]*\.", told), told
    asked = [
        call.args[0].value
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.args[0], ast.Constant)
    ]
    assert asked == [name]


@pytest.mark.parametrize(
    "finding",
    [
        "{value:9999999999}",
        "{n.__class__}",
        "{value!r}",
        "{0}",
        "{}",
        "{",
        "}",
        "{other}",
        "{n[0]}",
    ],
)
def test_a_finding_holds_its_two_words_and_nothing_that_runs(tmp_path: Path, finding: str) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(f"[files.every_image_decodes]\nfinding = {finding!r}\n")
    with pytest.raises(SettingsError, match="no other braces") as caught:
        read_limits(file)
    assert str(caught.value).endswith(f"{finding!r}.")
