"""Labels from tables and class folders, and every mistake in a table in one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from named_datasets import HOSTILE, Place, images_of, refusal

from labelgate.fixtures.dataset import UNLABELLED
from labelgate.fixtures.readers import read_dataset

BOTH = (
    '[splits.train]\nimages="train"\nlabels="all.csv"\n[splits.val]\nimages="val"\nlabels="all.csv"'
)


def test_one_table_with_a_split_column_labels_several_splits(describe: Callable[..., Path]) -> None:
    rows = "split,path,label\nval,val/1.png,a\ntrain,train/cat/1.png,b\nval,val/2.png,b\n"
    assert images_of(read_dataset(describe(BOTH, all=rows))) == {
        "train/cat/1.png": ("train", "b"),
        "val/1.png": ("val", "a"),
        "val/2.png": ("val", "b"),
    }


def test_a_row_of_a_split_that_is_none_is_told(describe: Callable[..., Path]) -> None:
    rows = "split,path,label\nval,val/1.png,a\ntrain,train/cat/1.png,b\nval,val/2.png,b\n"
    said = refusal(describe(BOTH, all=rows.replace("val,val/2", "vla,val/2")))
    assert "val/2.png" in said


@pytest.mark.parametrize("label", [*HOSTILE, "a/b", "..", "\ufeff", "NULL", "0"])
def test_a_label_of_a_table_may_be_any_text(describe: Callable[..., Path], label: str) -> None:
    quoted = label.replace('"', '""')
    root = describe(
        '[splits.val]\nimages = "val"\nlabels = "val.csv"',
        val=f'path,label\nval/1.png,"{quoted}"\r\nval/2.png,plain\r\n',
    )
    assert images_of(read_dataset(root))["val/1.png"] == ("val", label)


@pytest.mark.parametrize("label", [label for label in HOSTILE if label != "~"])
def test_a_class_folder_may_have_any_name(place: Place, label: str) -> None:
    assert read_dataset(place([f"train/{label}/1.png"])).labels == (label,)


def test_a_table_may_begin_with_a_byte_order_mark(describe: Callable[..., Path]) -> None:
    root = describe(
        '[splits.val]\nimages = "val"\nlabels = "val.csv"',
        val="\ufeffpath,label\nval/1.png,a\nval/2.png,b\n",
    )
    assert read_dataset(root).labels == ("a", "b")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("path,label\nval/1.png,a\n", ["1 of the 2 images", "'val'", "'val/2.png'"]),
        ("path,label\nval/1.png,a\nval/3.png,b\n", ["line 3", "'val/3.png'", "like 'val/1.png'"]),
        ("path,label\n1.png,a\n2.png,b\n", ["line 2", "'1.png'", "relative to the dataset root"]),
        ("path,label\nval/1.png,a\nval/1.png,b\n", ["line 3", "'val/1.png'", "one row"]),
        ("path,label\nval/1.png,\nval/2.png,b\n", ["line 2", "'label' is empty"]),
        ("path,label\nval/1.png\nval/2.png,b\n", ["line 2", "'label' is empty"]),
        ("path,label\n,a\nval/2.png,b\n", ["line 2", "'path' is empty"]),
        ("path;label\nval/1.png;a\n", ["lacks the column 'path'", "path, label"]),
        ("file,label\nval/1.png,a\n", ["lacks the column 'path'"]),
        ("path,klass\nval/1.png,a\n", ["lacks the column 'label'"]),
        ("", ["lacks the column 'path'"]),
        ('path,label\nval/1.png,"a\n', ["cannot be read as UTF-8 CSV"]),
        ('path,label\nval/1.png,"a"b\n', ["cannot be read as UTF-8 CSV"]),
        (f"path,label\nval/1.png,a\nval/2.png,{UNLABELLED}\n", ["'(unlabelled)'", "rename"]),
    ],
)
def test_a_mistake_in_a_labels_table_is_one_sentence(
    describe: Callable[..., Path], table: str, words: list[str]
) -> None:
    root = describe('[splits.val]\nimages = "val"\nlabels = "val.csv"', val=table)
    said = refusal(root)
    for word in words:
        assert word in said


def test_a_table_in_another_encoding_is_one_sentence(describe: Callable[..., Path]) -> None:
    root = describe('[splits.val]\nimages = "val"\nlabels = "val.csv"')
    (root / "val.csv").write_bytes("path,label\nval/1.png,ä\n".encode("latin-1"))
    assert "val.csv cannot be read as UTF-8 CSV" in refusal(root)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("class\ncat\ncat\n", ["line 3", "'cat'", "twice"]),
        ("class\ncat\n\n \n", None),
        ("class,name\ncat,\n,x\n", ["line 3", "'class' is empty"]),
        ("name\ncat\n", ["lacks the column 'class'"]),
    ],
)
def test_a_mistake_in_the_class_table_is_one_sentence(
    describe: Callable[..., Path], table: str, words: list[str] | None
) -> None:
    root = describe('[splits.t]\nimages="train"\n[classes]\ntable="classes.csv"', classes=table)
    if words is None:
        assert "cat" in read_dataset(root).labels
        return
    said = refusal(root)
    for word in words:
        assert word in said
