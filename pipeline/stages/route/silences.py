"""The silences at hand, indexed so that ten thousand of them cost an update next to nothing.

Each is filed under one of its equalities (`host="a"`), the rarest, and is looked at only for alerts
that have it; those without one are looked at for every alert of their tenant. One that cannot be
read mutes nothing. Silences are a global: they change between epochs, never within one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from pipeline.domain.matchers import EQUAL, Matcher, parse_all
from pipeline.domain.silence import Silence
from pipeline.oncall.maintenance import Calendar, Window
from pipeline.stages.route.firing import FiringAlert

LOOKED_AT_MAX: Final = 1_000
"""Silences looked at for one alert under one equality, and as many without any, the first by
their ids; the others mute nothing until some of these expire."""

_CLEAR_EVERY_MS: Final = 60_000

_Key = tuple[str, str, str]


class Compiled:
    """One silence, ready to be asked. Raises ValueError where it cannot be read."""

    __slots__ = ("calendar", "matchers", "silence")

    def __init__(self, silence: Silence) -> None:
        self.silence = silence
        self.matchers = read_matchers(silence)
        self.calendar = Calendar(silence)

    def window(self, tenant: str, alert: FiringAlert, now_ms: int) -> Window | None:
        """The window that mutes an alert now, or None."""
        silence = self.silence
        if silence.tenant != tenant or now_ms >= silence.ends_at_ms:
            return None
        if not alert.matches(self.matchers):
            return None
        return self.calendar.window_at(now_ms)


class Silences:
    """All silences of an installation, kept in step with the global by `refresh`."""

    def __init__(self) -> None:
        self._known: dict[str, Silence] = {}
        self._keys: dict[str, _Key] = {}
        self._filed: dict[_Key, dict[str, Compiled]] = {}
        self._seen_at_ms = -1
        self._cleared_at_ms = 0

    def __len__(self) -> int:
        """How many can mute something, now or later."""
        return len(self._keys)

    def refresh(self, view: Mapping[str, Silence], now_ms: int) -> None:
        """Take over what changed, once per epoch.

        Two epochs of one millisecond count as one: a silence takes effect at its
        `effective_at_ms`, well after every worker has it.
        """
        if now_ms == self._seen_at_ms and len(view) == len(self._known):
            return
        self._seen_at_ms = now_ms
        known = self._known
        changed = [key for key, silence in view.items() if known.get(key) is not silence]
        for silence_id in sorted(changed):
            self._drop(silence_id)
            known[silence_id] = view[silence_id]
            self._file(silence_id, view[silence_id], now_ms)
        if len(view) != len(known):
            for silence_id in [key for key in known if key not in view]:
                self._drop(silence_id)
                del known[silence_id]
        if now_ms >= self._cleared_at_ms + _CLEAR_EVERY_MS:
            self._cleared_at_ms = now_ms
            for silence_id in [key for key in self._keys if known[key].ends_at_ms <= now_ms]:
                self._drop(silence_id)

    def muting(self, tenant: str, alert: FiringAlert, now_ms: int) -> tuple[Silence, Window] | None:
        """The silence that mutes an alert now and its window, the first by its id; or None."""
        found: tuple[Silence, Window] | None = None
        for compiled in self._candidates(tenant, alert.labels):
            if found is not None and compiled.silence.silence_id >= found[0].silence_id:
                continue
            window = compiled.window(tenant, alert, now_ms)
            if window is not None:
                found = (compiled.silence, window)
        return found

    def _candidates(self, tenant: str, labels: Mapping[str, str]) -> Iterator[Compiled]:
        filed = self._filed
        for name, value in labels.items():
            some = filed.get((tenant, name, value))
            if some:
                yield from _first(some)
        yield from _first(filed.get((tenant, "", ""), {}))

    def _file(self, silence_id: str, silence: Silence, now_ms: int) -> None:
        if silence.ends_at_ms <= now_ms:
            return
        try:
            compiled = Compiled(silence)
        except (ValueError, OverflowError):
            return
        key = self._key(silence.tenant, compiled.matchers)
        self._keys[silence_id] = key
        self._filed.setdefault(key, {})[silence_id] = compiled

    def _key(self, tenant: str, matchers: Iterable[Matcher]) -> _Key:
        keys = [(tenant, m.name, m.value) for m in matchers if m.operator == EQUAL and m.value]
        if not keys:
            return (tenant, "", "")
        return min(keys, key=lambda key: len(self._filed.get(key, ())))

    def _drop(self, silence_id: str) -> None:
        key = self._keys.pop(silence_id, None)
        if key is None:
            return
        some = self._filed[key]
        del some[silence_id]
        if not some:
            del self._filed[key]


def read_matchers(silence: Silence) -> tuple[Matcher, ...]:
    """The matchers of a silence. Raises ValueError where they would mute everything."""
    matchers = parse_all(silence.matchers)
    if all(matcher.accepts("") for matcher in matchers):
        raise ValueError(
            "a silence needs a matcher that does not match an absent label, such as "
            'service="shop": otherwise it would mute whatever comes'
        )
    return matchers


def _first(some: dict[str, Compiled]) -> Iterable[Compiled]:
    if len(some) <= LOOKED_AT_MAX:
        return some.values()
    return islice((some[key] for key in sorted(some)), LOOKED_AT_MAX)
