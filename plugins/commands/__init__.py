"""The sub-commands of the `labelgate` program: a module each, with `add_parser` and `run`."""

from argparse import ArgumentParser, _SubParsersAction
from typing import TypeAlias

USAGE = 4
"""pytest's exit code for a usage error."""

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"
"""What `add_parser` of a sub-command adds its own parser to."""
