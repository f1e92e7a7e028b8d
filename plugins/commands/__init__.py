"""The sub-commands of the `labelgate` program: a module each, with `add_parser` and `run`."""

from argparse import ArgumentParser, _SubParsersAction
from typing import TypeAlias

INTERRUPTED = 2
"""pytest's exit code for a run that was ended early."""

USAGE = 4
"""pytest's exit code for a usage error."""

PIPE = 141
"""What a shell says of a program whose reader left, as `head` does: 128 and SIGPIPE."""

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"
"""What `add_parser` of a sub-command adds its own parser to."""
