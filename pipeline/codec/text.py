"""Text that UTF-8 cannot carry: lone surrogates become `?`, as in the fingerprint of the labels.

Refusing them instead would let one broken character in a title cost a page.
"""

from __future__ import annotations

from typing import Any


def without_surrogates(plain: Any) -> Any:
    """A copy of plain builtins whose every text, keys too, can be encoded as UTF-8."""
    match plain:
        case str():
            return plain.encode("utf-8", "replace").decode("utf-8")
        case dict():
            return {without_surrogates(k): without_surrogates(v) for k, v in plain.items()}
        case list() | tuple():
            return [without_surrogates(member) for member in plain]
        case _:
            return plain
