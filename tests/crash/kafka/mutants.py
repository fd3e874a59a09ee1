"""Mutants: one rule of the engine broken each, by replacing a function in this process alone.

Only the worker of the crash tests imports this. `make mutants` shows that each is caught; a rule
whose mutant lives is a rule that nobody watches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MUTANTS: Final[dict[str, Callable[[], None]]] = {}
