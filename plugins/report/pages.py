"""How a page is made of a template, and which files all pages need beside them."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.plugins.report.formats import format_number, format_percent, shorten_number

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = (".css", ".js", ".svg")

OPTIONS: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True}
"""How templates are read; what is kept of compiled ones depends on it."""


@cache
def load_templates() -> Environment:
    """Returns the templates, with escaping on for every text."""
    from jinja2 import Environment, FileSystemLoader

    from labelgate.plugins.report.compiled import Compiled

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=Compiled(TEMPLATES, str(OPTIONS)),
        autoescape=True,
        auto_reload=False,
        **OPTIONS,
    )
    environment.filters |= {
        "number": format_number,
        "short": shorten_number,
        "percent": format_percent,
    }
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    return environment


def write_page(folder: Path, name: str, template: str, shown: dict[str, Any]) -> None:
    """Writes a page of a report folder, by a template and what it shows."""
    root = "../" * name.count("/") or "./"
    write_text(folder / name, load_templates().get_template(template).render(shown, root=root))


def write_text(target: Path, text: str) -> None:
    """Writes a page; a file name that is not valid Unicode is shown with its raw bytes escaped."""
    target.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def copy_assets(folder: Path) -> None:
    """Copies what the pages need: styles, scripts and icon."""
    (folder / "assets").mkdir(exist_ok=True)
    for asset in (file for file in TEMPLATES.iterdir() if file.suffix in ASSETS):
        shutil.copyfile(asset, folder / "assets" / asset.name)
