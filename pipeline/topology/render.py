"""A plan as people read it: one line per action, its changes beneath, a summary at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from pipeline.domain.units import Duration
from pipeline.topology.plan import UNLIMITED, Action, Change
from pipeline.topology.risk import FLAGS, Risk

NOTHING: Final = "The cluster is as declared: there is nothing to do."

_MARKS: Final = {"create": "+", "destroy": "-", "by hand": "!", "publish": "="}
_CHANGES: Final = "~"
_SAID: Final = {
    "+": "to create",
    "~": "to change",
    "-": "to destroy",
    "!": "to do by hand",
    "=": "to publish",
}


def render(actions: Sequence[Action], allowed: Collection[Risk] = ()) -> str:
    """The text of a plan, for a person. `allowed` are the risks whose flags were given."""
    if not actions:
        return NOTHING
    lines: list[str] = []
    for action in actions:
        lines += _lines(action, allowed)
    counts = Counter(_mark(each) for each in actions if not _stays(each, allowed))
    total = ", ".join(f"{counts[mark]} {said}" for mark, said in _SAID.items() if counts[mark])
    lines += ["", f"Plan: {total}." if total else NOTHING]
    return "\n".join(lines)


def _mark(action: Action) -> str:
    return _MARKS.get(action.kind, _CHANGES)


def _stays(action: Action, allowed: Collection[Risk]) -> bool:
    return action.kind == "destroy" and Risk.DESTROYS not in allowed


def _lines(action: Action, allowed: Collection[Risk]) -> list[str]:
    name = action.topic or "topology"
    if _stays(action, allowed):
        return [f"  · {name}: no longer declared; it stays without {FLAGS[Risk.DESTROYS]}"]
    if action.kind == "create":
        return [f"  + {name}: {_made(action)}"]
    reason = f": {action.reason}" if action.reason else ""
    risk = "" if action.risk is Risk.SAFE else f"  [{action.risk}]"
    width = max((len(each.name) for each in action.changes), default=0)
    return [
        f"  {_mark(action)} {name}{reason}{risk}",
        *(f"      {each.name:<{width}}  {_change(each, action)}" for each in action.changes),
    ]


def _made(action: Action) -> str:
    """What is made, in the few words that tell topics apart; `--json` has all settings."""
    values = {change.name: change.after for change in action.changes}
    text = f"{_count(values, 'partition')}, {_count(values, 'replica')} each"
    if "retention.ms" in values:
        return f"{text}, records kept {_value('retention.ms', values['retention.ms'])}"
    if "delete.retention.ms" in values:
        kept = _value("delete.retention.ms", values["delete.retention.ms"])
        return f"{text}, compacted, tombstones kept {kept}"
    return f"{text}, compacted"


def _count(values: dict[str, str], what: str) -> str:
    count = values["partitions" if what == "partition" else "replication"]
    return f"{count} {what}" + ("" if count == "1" else "s")


def _change(change: Change, action: Action) -> str:
    after = _value(change.name, change.after)
    text = f"{_value(change.name, change.before) or 'not set'} → {after}"
    if change.risk is Risk.SAFE or change.reason == action.reason:
        return text
    return f"{text}  {change.risk}: {change.reason}"


def _value(name: str, text: str) -> str:
    """A setting as it is said: durations with units, sizes with separators."""
    if text == str(UNLIMITED):
        return "for ever"
    if text.isdecimal() and name.endswith(".ms"):
        return str(Duration(int(text)))
    if text.isdecimal() and name.endswith(".bytes"):
        return f"{int(text):,} bytes"
    return text
