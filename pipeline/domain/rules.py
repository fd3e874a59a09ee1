"""Rules over an alert: CEL conditions, of which mere equalities never reach CEL.

`alert.service == "x" && alert.labels.team == "y"` becomes a few comparisons, and `RuleIndex`
finds the first of a thousand such rules by one lookup per field. Everything else is evaluated
by common-expression-language (23 µs to build the context of an alert, once, then about 2 µs a
rule). What a rule asks for and the alert lacks makes it false, in both ways of evaluating.
Grammar: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, NamedTuple, TypeVar

import cel
import msgspec

from pipeline.domain.alert import Alert

T = TypeVar("T")

RULE_SIZE_MAX: Final = 2_000
"""Bytes of one rule's text."""

RULES_MAX: Final = 1_000
"""Rules in one list."""

NESTING_MAX: Final = 30
"""Brackets within brackets: the parser is recursive."""

FIELDS: Final[dict[str, Any]] = msgspec.structs.asdict(Alert(alert_id="", fingerprint="", name=""))
"""The environment: every field of the Alert with its value on an empty one."""

_SAMPLE: Final = {**FIELDS, "value": 1.0, "threshold": 1.0}
"""What a rule's type is tried on: the evaluator compares no NaN, so `alert.value > 5.0` is false
where the value is unknown."""

_STRING_FIELDS: Final = frozenset(name for name, value in FIELDS.items() if value == "") | {
    "severity",
    "status",
}
_MAPS: Final = frozenset(name for name, value in FIELDS.items() if isinstance(value, dict))
_STRINGS: Final = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')
_PATHS: Final = re.compile(r"(?<![\w.])alert\s*\.\s*([A-Za-z_]\w*)")
_TERM: Final = re.compile(
    r"\s*alert\.(?P<field>[a-z_]+)"
    r"(?:\.(?P<key>[A-Za-z_]\w*)|\[(?P<quoted>\"[^\"\\\n]*\"|'[^'\\\n]*')\])?"
    r"\s*(?P<is>==|!=)\s*(?P<value>\"[^\"\\\n]*\"|'[^'\\\n]*')\s*"
)
_POSITION: Final = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


class Term(NamedTuple):
    """One comparison: a field, or the entry `key` of a map, is or is not `value`."""

    field: str
    key: str
    is_equal: bool
    value: str


class Facts:
    """One alert as rules see it; the CEL context is built once, when first needed."""

    __slots__ = ("_context", "alert")

    def __init__(self, alert: Alert) -> None:
        self.alert = alert
        self._context: cel.Context | None = None

    @property
    def context(self) -> cel.Context:
        """The context with the one variable `alert`."""
        if self._context is None:
            fields = {name: getattr(self.alert, name) for name in FIELDS}
            self._context = cel.Context({"alert": fields})
        return self._context


class Rule:
    """One compiled condition. `terms` are its comparisons where it consists of nothing else."""

    __slots__ = ("_program", "_test", "terms", "text")

    def __init__(self, text: str, terms: tuple[Term, ...] | None, program: cel.Program) -> None:
        self.text = text
        self.terms = terms
        self._program = program
        self._test = None if terms is None else _comparison(terms)

    def matches(self, alert: Alert, context: Facts | None = None) -> bool:
        """Whether the condition holds; pass one `Facts(alert)` to all rules of one alert.

        A missing label, a wrong type or any other failure of the condition makes it false.
        """
        if self._test is not None:
            return self._test(alert)
        try:
            return self._program.execute((context or Facts(alert)).context) is True
        except Exception:  # noqa: BLE001  (whatever the evaluator raises, the rule does not hold)
            return False

    def __repr__(self) -> str:
        return f"Rule({self.text!r})"


class RuleIndex(Generic[T]):
    """The first rule that matches, of many: equalities are looked up, the others tried."""

    def __init__(self, rules: Iterable[tuple[Rule, T]]) -> None:
        self._rules = tuple(rules)
        self._rest: list[int] = []
        self._by: dict[tuple[str, str], dict[str, list[int]]] = {}
        for position, (rule, _) in enumerate(self._rules):
            first = next((t for t in rule.terms or () if t.is_equal), None)
            if first is None:
                self._rest.append(position)
            else:
                values = self._by.setdefault((first.field, first.key), {})
                values.setdefault(first.value, []).append(position)

    def first(self, alert: Alert, context: Facts | None = None) -> T | None:
        """What stands beside the first rule that holds, or None."""
        candidates = self._rest
        for (field, key), values in self._by.items():
            value = getattr(alert, field)
            found = values.get(value.get(key) if key else value)
            if found:
                candidates = candidates + found
        if candidates is not self._rest:
            candidates.sort()
        facts = context or Facts(alert)
        for position in candidates:
            rule, wanted = self._rules[position]
            if rule.matches(alert, facts):
                return wanted
        return None


def compile_rule(text: str) -> Rule:
    """Compile a condition over `alert`.

    Raises ValueError with the position where it is too long, does not parse, names a field or
    variable that does not exist, or does not give true or false.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > RULE_SIZE_MAX:
        raise ValueError(f"the rule has {size} bytes; at most {RULE_SIZE_MAX} are allowed")
    if not text.strip():
        raise ValueError('the rule is empty; write a condition such as alert.service != ""')
    bare = _STRINGS.sub(lambda found: " " * len(found[0]), text)
    _check_nesting(bare)
    program = _parse(text)
    _check_names(text, bare, program)
    terms = _terms(text)
    if terms is None:
        _check_type(text, program)
    return Rule(text, terms, program)


def _parse(text: str) -> cel.Program:
    try:
        return cel.compile(text)
    except ValueError as error:
        found = _POSITION.search(str(error))
        if found is None:
            raise ValueError(f"{text!r} is no CEL condition: {error}") from None
        raise ValueError(f"line {found[1]}, column {found[2]} of {text!r}: {found[3]}") from None


def _check_nesting(bare: str) -> None:
    depth = 0
    for position, letter in enumerate(bare):
        depth += (letter in "([{") - (letter in ")]}")
        if depth > NESTING_MAX:
            raise ValueError(f"column {position + 1}: more than {NESTING_MAX} nested brackets")
    # A chain of `!` or `-` nests as well, without a bracket.
    found = re.search(r"[!\-?](?:\s*[!\-?]){" + str(NESTING_MAX) + "}", bare)
    if found:
        raise ValueError(f"column {found.start() + 1}: more than {NESTING_MAX} operators in a row")


def _check_names(text: str, bare: str, program: cel.Program) -> None:
    for found in _PATHS.finditer(bare):
        if found[1] not in FIELDS:
            raise ValueError(
                f"column {found.start(1) + 1} of {text!r}: an alert has no field {found[1]!r}; "
                f"its fields are {', '.join(FIELDS)} (labels are alert.labels.NAME)"
            )
    bound = set(re.findall(r"\(\s*([A-Za-z_]\w*)\s*,", bare))
    for name in program.variables():
        if name != "alert" and name not in bound:
            column = bare.find(name) + 1
            raise ValueError(
                f"column {column} of {text!r}: {name!r} is not known; rules see only `alert`"
            )


def _check_type(text: str, program: cel.Program) -> None:
    """A condition that on an empty alert gives a number or text can never hold."""
    try:
        given = program.execute({"alert": _SAMPLE})
    except (KeyError, IndexError):
        return  # asks for a label that an empty alert lacks
    except Exception as error:  # noqa: BLE001  (whatever it is, the rule would always raise it)
        raise ValueError(f"{text!r}: {str(error).splitlines()[0]}") from None
    if not isinstance(given, bool):
        kind = type(given).__name__
        raise ValueError(f"{text!r} gives {kind}, not true or false")  # noqa: TRY004


def _terms(text: str) -> tuple[Term, ...] | None:
    """The comparisons of a text that is nothing but comparisons joined by `&&`."""
    if text.strip() == "true":
        return ()
    terms, position = [], 0
    while True:
        found = _TERM.match(text, position)
        if found is None:
            return None
        key = found["key"] or (found["quoted"] or "")[1:-1]
        is_map = found["field"] in _MAPS
        if is_map != bool(key) or not (is_map or found["field"] in _STRING_FIELDS):
            return None
        terms.append(Term(found["field"], key, found["is"] == "==", found["value"][1:-1]))
        position = found.end()
        if position == len(text):
            return tuple(terms)
        if not text.startswith("&&", position):
            return None
        position += 2


def _comparison(terms: tuple[Term, ...]) -> Callable[[Alert], bool]:
    """A closure that compares; an absent entry of a map equals and differs from nothing."""

    def test(alert: Alert) -> bool:
        for field, key, is_equal, value in terms:
            given = getattr(alert, field)
            if key:
                given = given.get(key)
                if given is None:
                    return False
            if (given == value) is not is_equal:
                return False
        return True

    return test
