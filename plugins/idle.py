"""Which plugins of a run do nothing in a hook that would be missed.

What is done for half a million checks is left out where only such plugins are there; a plugin of
somebody else finds everything as pytest does it.
"""

from collections.abc import Iterable

import pytest

IDLE = ("_pytest", "labelgate", "xdist", "_hypothesis_pytestplugin", "anyio")
"""Packages whose plugins do nothing around a test, and at the end, that a check would miss."""


def only_idle(config: pytest.Config, hooks: Iterable[str], idle: Iterable[str] = IDLE) -> bool:
    """Tells whether no plugin takes part in some hooks but those of packages or modules."""
    known = {*idle}
    modules = (
        module_of(impl.plugin)
        for hook in hooks
        for impl in getattr(config.hook, hook).get_hookimpls()
    )
    return all(name in known or name.partition(".")[0] in known for name in modules)


def module_of(plugin: object) -> str:
    """Returns the name of the module that a plugin is, or that its class stands in."""
    return str(getattr(plugin, "__name__", type(plugin).__module__))
