"""How bytes and values fail to fit together: both ways blame the event, not the store."""

from __future__ import annotations

from pipeline.domain.errors import Poison


class DecodeError(Poison):
    """Bytes are no value of the type asked for; the text says what is wrong with them."""


class EncodeError(Poison):
    """A value does not fit its schema; the text names the field."""
