"""Compiled templates are kept as Python keeps modules, and never in the place of another text."""

import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from labelgate.plugins.report.compiled import Compiled


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one template, where bytecode may be written."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "page.html").write_text("  {% if true %}{{ 1 + 1 }} {{ name }}{% endif %}\n")
    return folder


def render(templates: Path, **options: bool) -> str:
    """Renders it in an environment of its own, as another process would."""
    kept = Compiled(templates, str(options))
    environment = Environment(loader=FileSystemLoader(templates), bytecode_cache=kept, **options)
    return environment.get_template("page.html").render(name="<a>")


def kept(templates: Path) -> list[Path]:
    return sorted((templates / "__pycache__").iterdir())


def test_a_template_is_compiled_once(templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = render(templates, autoescape=True)
    assert [file.stat().st_size > 0 for file in kept(templates)] == [True]
    monkeypatch.setattr(Environment, "_generate", lambda *_: pytest.fail("compiled again"))
    assert render(templates, autoescape=True) == first == "  2 &lt;a&gt;"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"autoescape": False}, "  2 <a>"),
        ({"autoescape": True, "lstrip_blocks": True}, "2 &lt;a&gt;"),
    ],
)
def test_other_options_are_another_template(
    templates: Path, options: dict[str, bool], told: str
) -> None:
    assert render(templates, autoescape=True) == "  2 &lt;a&gt;"
    assert render(templates, **options) == told


def test_another_text_is_compiled_anew(templates: Path) -> None:
    render(templates)
    (templates / "page.html").write_text("another")
    assert render(templates) == "another"
    assert len(kept(templates)) == 1


@pytest.mark.parametrize("keep", [0, 1, 10, -1])
def test_a_damaged_one_is_compiled_anew(templates: Path, keep: int) -> None:
    first = render(templates)
    (file,) = kept(templates)
    whole = file.read_bytes()
    file.write_bytes(whole[:keep])
    assert render(templates) == first
    assert file.read_bytes() == whole


def test_nothing_is_kept_where_nothing_is_to_be_written(
    templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert render(templates) == "  2 <a>"
    assert not (templates / "__pycache__").exists()


@pytest.mark.parametrize("prefix", ["/proc/nowhere", "/dev/null"])
def test_it_works_where_nothing_can_be_written(
    templates: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", prefix)
    assert render(templates) == "  2 <a>"


def test_it_works_where_a_file_is_in_the_way(templates: Path) -> None:
    (templates / "__pycache__").write_text("no folder")
    assert render(templates) == "  2 <a>"


def test_it_lies_where_the_user_wants_compiled_modules(
    templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    render(templates)
    assert not (templates / "__pycache__").exists()
    assert len([file for file in (tmp_path / "elsewhere").rglob("*") if file.is_file()]) == 1
