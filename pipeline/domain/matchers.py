r"""Matchers in Alertmanager's syntax, and the label sets that they are compared with.

`severity=~"info|warning"`; operators `=`, `!=`, `=~`, `!~`; names and values quoted or not, any
UTF-8; lists `{a="b", c=~"d|e"}` with or without the braces. A label that is absent counts as "",
and a regular expression matches the whole value (`patterns.py` says which are refused). An escape
in quotes is Go's; where one is not, all backslashes but those of `\n`, `\"` and `\\` stand for
themselves (so `"web\.example"` is what people mean), which is how Alertmanager falls back.
Source: github.com/prometheus/alertmanager, matcher/parse and matcher/compat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from pipeline.domain.alert import Alert
from pipeline.domain.incident import AlertRef, Incident
from pipeline.domain.patterns import compile_pattern

MATCHERS_MAX: Final = 50
"""Matchers in one list; more are refused."""

TEXT_SIZE_MAX: Final = 65_536
"""Characters of one list; more are refused."""

EQUAL: Final = "="
NOT_EQUAL: Final = "!="
MATCHES: Final = "=~"
MATCHES_NOT: Final = "!~"

_PLAIN: Final = re.compile(r"[^\s{}!=~,\\\"'`]+")
_OPERATOR: Final = re.compile(r"=~|!~|!=|=")
_QUOTED: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"', re.DOTALL)
_SPACE: Final = re.compile(r"\s*")
_GO_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"',
}  # fmt: skip
_GO_ESCAPE: Final = re.compile(
    r'\\([abfnrtv\\"]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})'
)
_ANY_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


class Matcher:
    """One comparison with one label. Equal matchers are equal and hash alike; `str` gives the
    text back, quoted. `accepts(value)` compares a value; "" stands for an absent label.
    """

    __slots__ = ("accepts", "name", "operator", "value")

    def __init__(self, name: str, operator: str, value: str) -> None:
        self.name = name
        self.operator = operator
        self.value = value
        self.accepts = _predicate(operator, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matcher) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((self.name, self.operator, self.value))

    def __str__(self) -> str:
        name = self.name if _PLAIN.fullmatch(self.name) else _quote(self.name)
        return f"{name}{self.operator}{_quote(self.value)}"

    def __repr__(self) -> str:
        return f"Matcher({self})"


def parse(text: str) -> Matcher:
    """Read one matcher. Raises ValueError with the position and what to write instead."""
    found = parse_list(text)
    if len(found) != 1:
        raise ValueError(f"{_shown(text)}: {len(found)} matchers, and one is expected here")
    return found[0]


def parse_list(text: str) -> tuple[Matcher, ...]:
    """Read a list of matchers, with or without braces; `{}` and "" match everything.

    Raises ValueError with the position and what to write instead.
    """
    if len(text) > TEXT_SIZE_MAX:
        raise ValueError(f"{_shown(text)}: {len(text)} characters, {TEXT_SIZE_MAX} are allowed")
    reader = _Reader(text)
    is_braced = reader.takes("{")
    found: list[Matcher] = []
    while not reader.is_at_end and not reader.peeks("}"):
        if len(found) == MATCHERS_MAX:
            raise reader.error(f"more than {MATCHERS_MAX} matchers", "use fewer")
        found.append(reader.matcher())
        if not reader.takes(","):
            break
    if is_braced and not reader.takes("}"):
        raise reader.error("a closing } or a comma is missing", "close the list")
    if not reader.is_at_end:
        raise reader.error("something follows the matcher", _hint(reader.rest))
    return tuple(found)


def parse_all(texts: Iterable[str]) -> tuple[Matcher, ...]:
    """Read several texts, each of one matcher or a list; all of them must match.

    Raises ValueError as `parse_list` does.
    """
    return tuple(matcher for text in texts for matcher in parse_list(text))


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher accepts its label; no matchers accept everything."""
    for matcher in matchers:  # a loop: `all` with a generator costs twice as much  # noqa: SIM110
        if not matcher.accepts(labels.get(matcher.name, "")):
            return False
    return True


def label_set(alert: Alert) -> dict[str, str]:
    """What matchers see of an alert: its labels, and over them its fields where not ""."""
    known = dict(alert.labels)
    _put_name(known, alert.name)
    for name in _ALERT_FIELDS:
        value = getattr(alert, name)
        if value:
            known[name] = value
    if alert.is_test:
        known["is_test"] = "true"
    return known


def label_set_of_incident(incident: Incident) -> dict[str, str]:
    """What matchers see of an incident: the labels that its alerts share, and over them its
    own fields where not "" (service and places are its first alert's); of its listed alerts'
    name and instance what is common to all.

    `status` is firing or resolved; `tenant` and `rule` are there too; `unusual` is true where
    it shows something unusual.
    """
    known = _common(incident)
    known["severity"] = incident.severity
    if incident.unusual:
        known["unusual"] = "true"
    known["status"] = "firing" if incident.is_open else "resolved"
    if incident.service:
        known["service"] = incident.service
    refs = incident.alerts
    if refs and len(refs) == max(incident.alert_count, 1):
        first = refs[0]
        if all(ref.name == first.name for ref in refs):
            _put_name(known, first.name)
        if first.instance and all(ref.instance == first.instance for ref in refs):
            known["instance"] = first.instance
    return known


def label_set_of_listed(
    incident: Incident, ref: AlertRef, shared: Collection[str] = ()
) -> dict[str, str]:
    """What matchers see of one listed alert: what all alerts share, and over it its own.

    `shared` are the fields that never differ within an incident: those of the scope.
    """
    known = _shared(incident, shared)
    _put_name(known, ref.name)
    known["severity"] = ref.severity
    known["status"] = ref.status
    for name, value in (("service", ref.service), ("instance", ref.instance)):
        if value:
            known[name] = value
        else:
            known.setdefault(name, "")  # known to be absent, which is more than not known
    return known


def label_set_of_unlisted(incident: Incident, shared: Collection[str] = ()) -> dict[str, str]:
    """What is known of an alert that an incident counts and does not list."""
    known = _shared(incident, shared)
    known["status"] = "firing"
    return known


_ALERT_FIELDS: Final = (
    "severity", "status", "service", "environment", "region", "cluster", "namespace", "host",
    "instance", "source",
)  # fmt: skip
_PLACES: Final = ("environment", "region", "cluster")


def _common(incident: Incident, places: Iterable[str] = _PLACES) -> dict[str, str]:
    known = dict(incident.labels)
    for name in places:
        value = getattr(incident, name)
        if value:
            known[name] = value
    known["tenant"] = incident.tenant
    known["rule"] = incident.rule
    if incident.is_test:
        known["is_test"] = "true"
    return known


def _shared(incident: Incident, shared: Collection[str]) -> dict[str, str]:
    """What holds for every alert: an incident's places are its first alert's."""
    if incident.alert_count <= 1:
        return _common(incident)
    return _common(incident, [name for name in _PLACES if name in shared])


def _put_name(known: dict[str, str], name: str) -> None:
    known["name"] = name
    known.setdefault("alertname", name)


def _predicate(operator: str, value: str) -> Callable[[str], bool]:
    if operator == EQUAL:
        return value.__eq__
    if operator == NOT_EQUAL:
        return value.__ne__
    accepts = compile_pattern(value)
    if operator == MATCHES:
        return accepts
    return lambda text: not accepts(text)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._text)

    @property
    def rest(self) -> str:
        return self._text[self._at :]

    def peeks(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def takes(self, token: str) -> bool:
        if not self.peeks(token):
            return False
        self._at += len(token)
        self._skip()
        return True

    def matcher(self) -> Matcher:
        name = self._word("a label's name")
        if not name:
            raise self.error("the label's name is empty", "name the label")
        found = _OPERATOR.match(self._text, self._at)
        if found is None:
            raise self.error(f"an operator is missing after {name!r}", "use =, !=, =~ or !~")
        self._advance(found.end())
        value = self._word("a value")
        try:
            return Matcher(name, found[0], value)
        except ValueError as error:
            raise self.error(str(error), "") from error

    def error(self, what: str, hint: str) -> ValueError:
        return ValueError(
            f"{_shown(self._text)}, character {self._at + 1}: {what}{f'; {hint}' if hint else ''}"
        )

    def _word(self, what: str) -> str:
        if self.peeks('"'):
            quoted = _QUOTED.match(self._text, self._at)
            if quoted is None:
                raise self.error("the closing quote is missing", 'end the text with "')
            self._advance(quoted.end())
            return _unquote(quoted[1])
        plain = _PLAIN.match(self._text, self._at)
        if plain is None:
            raise self.error(f"{what} is missing", _hint(self.rest))
        self._advance(plain.end())
        return plain[0]

    def _advance(self, to: int) -> None:
        self._at = to
        self._skip()

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at


def _hint(rest: str) -> str:
    if rest.startswith(("'", "`")):
        return 'use double quotes, such as name="value"'
    if rest.startswith("==") or not rest:
        return 'write it as name="value"'
    return 'put what holds spaces or any of {}!=~,\\"\'` in double quotes, such as name="a b"'


def _unquote(inner: str) -> str:
    if "\\" not in inner:
        return inner
    if _GO_ESCAPE.sub("", inner).find("\\") < 0:
        return _GO_ESCAPE.sub(_go_escape, inner)
    return _ANY_ESCAPE.sub(_classic_escape, inner)


def _go_escape(found: re.Match[str]) -> str:
    body = found[1]
    if body in _GO_ESCAPES:
        return _GO_ESCAPES[body]
    code = int(body[1:], 16) if body[0] in "xuU" else int(body, 8)
    return chr(code) if code <= 0x10FFFF else "�"  # noqa: PLR2004 - the last code point


def _classic_escape(found: re.Match[str]) -> str:
    return {"n": "\n", '"': '"', "\\": "\\"}.get(found[1], found[0])


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else text[:200] + "…")  # noqa: PLR2004
