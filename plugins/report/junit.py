"""JUnit's file, written while tests end: pytest alone keeps an element of each until the end.

Its plugin behind `--junitxml` makes every element and the file around them, as ever. What it has
finished is taken from its list, and laid into its file when that is written. The list has no
documented name: where a version of pytest has no such list, nothing is taken, and the file is the
same at the price of the memory. XML is written here, and none is read.
"""

import os
import shutil
from collections.abc import Generator
from functools import cached_property
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import uuid4
from xml.etree import ElementTree  # nosec B405

import pytest

KEPT, OPEN = "node_reporters_ordered", "node_reporters"
"""Attributes of pytest's plugin: what it will write, in this order; and what is not finished."""


def stream_junit(config: pytest.Config) -> None:
    """Registers what writes JUnit's file as it grows, where pytest is asked for one."""
    for plugin in config.pluginmanager.get_plugins():
        kept, waiting = getattr(plugin, KEPT, None), getattr(plugin, OPEN, None)
        if isinstance(kept, list) and isinstance(waiting, dict) and hasattr(plugin, "logfile"):
            config.pluginmanager.register(JUnitStream(plugin), "labelgate-junit")


class _Place:
    """Stands in pytest's file where what was taken belongs."""

    def __init__(self) -> None:
        self.mark = f"labelgate {uuid4().hex}"

    def to_xml(self) -> Any:  # noqa: ANN401 - a comment is typed as another kind of element
        """Makes the element that pytest writes."""
        return ElementTree.Comment(self.mark)


class JUnitStream:
    """Takes elements from pytest's plugin as they are finished; hooks of pytest only."""

    def __init__(self, plugin: Any) -> None:  # noqa: ANN401 - pytest exports no name of it
        """Keeps the plugin that is asked."""
        self._plugin = plugin

    @cached_property
    def _taken(self) -> IO[str]:
        """A file without a name where JUnit's file will be, for there has to be room."""
        folder = os.path.dirname(self._plugin.logfile)
        os.makedirs(folder, exist_ok=True)
        return TemporaryFile("w+", encoding="utf-8", dir=folder)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self) -> None:
        """Takes what is finished, as long as nothing before it is open: the order is pytest's."""
        kept, waiting = getattr(self._plugin, KEPT), getattr(self._plugin, OPEN)
        while kept and not any(kept[0] is each for each in waiting.values()):
            self._taken.write(ElementTree.tostring(kept.pop(0).to_xml(), encoding="unicode"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Lays what was taken into the file that pytest writes."""
        place = _Place()
        getattr(self._plugin, KEPT).insert(0, place)
        with self._taken:
            yield
            self._lay_in(f"<!--{place.mark}-->")

    def _lay_in(self, mark: str) -> None:
        file = self._plugin.logfile
        with open(file, encoding="utf-8") as stream:
            before, _, after = stream.read().partition(mark)
        self._taken.seek(0)
        with open(file, "w", encoding="utf-8") as stream:
            stream.write(before)
            shutil.copyfileobj(self._taken, stream)
            stream.write(after)
