"""References to secrets (`env:NAME`, `file:PATH`), and what a resolver of them has to be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pipeline.domain.errors import TocsinError
from pipeline.domain.secret import Secret

REFERENCE: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:\S[^\0\n]{0,1023}")
REFERENCE_HINT: Final = "write env:NAME for an environment variable or file:PATH for a file"

TOKEN_CHARS_MIN: Final = 16
TOKEN_RULE: Final = f"at least {TOKEN_CHARS_MIN} printable ASCII characters without spaces"
_TOKEN: Final = re.compile(rf"[!-~]{{{TOKEN_CHARS_MIN},}}")

Resolve = Callable[[str], Secret]
"""Reference → Secret. Raises MissingSecret, whose text names the reference only."""


class MissingSecret(TocsinError):
    """What a reference names is not there; `reference` is the text from the file."""

    def __init__(self, reference: str, why: str, hint: str) -> None:
        super().__init__(f"{reference}: {why}; {hint}")
        self.reference, self.why, self.hint = reference, why, hint


def is_token(secret: Secret) -> bool:
    """Whether a secret can stand in a header as a bearer token, and is too long to be guessed."""
    return _TOKEN.fullmatch(secret.reveal()) is not None


def is_reference(text: str) -> bool:
    """Whether a text names a secret, as opposed to being one."""
    return REFERENCE.fullmatch(text) is not None
