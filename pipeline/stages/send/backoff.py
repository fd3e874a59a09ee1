"""When to try again: exponential backoff with full jitter, and what the receiver asked for.

A stage rolls no dice: the jitter is a hash of what is tried and of the attempt, so two entries
spread as if by chance and a replay waits exactly as long.
(Full jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.)
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

BASE_MS: Final = 1_000
DELAY_MS_MAX: Final = 300_000
RETRY_AFTER_MS_MAX: Final = 3_600_000
"""A receiver that asks for more than an hour is asked again after an hour."""


def delay_ms(seed: str, attempt: int, after_s: float = 0.0) -> int:
    """Milliseconds before the attempt after `attempt` (from 1): between 0 and the bound that
    doubles with each attempt, and never less than what the receiver asked for.
    """
    bound_ms = min(BASE_MS << min(max(attempt - 1, 0), 20), DELAY_MS_MAX)
    return max(int(share(seed, attempt) * bound_ms), asked_ms(after_s))


def asked_ms(after_s: float) -> int:
    """The receiver's wish in milliseconds, bounded; 0 for what is no wish."""
    if not after_s > 0:  # also where it is not a number
        return 0
    return int(min(after_s * 1_000, RETRY_AFTER_MS_MAX))


def share(seed: str, attempt: int) -> float:
    """A number in [0, 1) that looks like chance."""
    whole = blake2b(f"{seed}#{attempt}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(whole, "big") / 2**64
