"""Templates are compiled once for all runs, as Python compiles modules.

That takes 0.25 s of the processor, in each process that makes pages. What comes out lies where
Python keeps the modules beside the templates, is trusted as they are, and is left out where they
are not to be written (`PYTHONDONTWRITEBYTECODE`) or cannot be.
"""

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from jinja2.bccache import Bucket, FileSystemBytecodeCache


class Compiled(FileSystemBytecodeCache):
    """Keeps compiled templates; one whose text or options changed is compiled anew."""

    def __init__(self, templates: Path, options: str) -> None:
        """Finds the folder.

        Args:
            templates: the folder of the templates.
            options: what else decides what is compiled, in a text.
        """
        super().__init__(str(Path(cache_from_source(str(templates / "page.py"))).parent))
        self.options = options

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Returns what a template is kept under."""
        return super().get_cache_key(f"{self.options} {name}", filename)

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fetches a compiled template, if it is kept; `PYTHONPYCACHEPREFIX` may be no folder."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps a compiled template, if that is wanted and possible."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                Path(self.directory).mkdir(parents=True, exist_ok=True)
                super().dump_bytecode(bucket)
