"""The levels of logs, apart from what writes them, since every command reads its settings."""

from __future__ import annotations

from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")
"""From the most to the least talkative."""
