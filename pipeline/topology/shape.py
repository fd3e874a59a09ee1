"""A tree of YAML made into a declared type: every mismatch a complaint, all of them at once.

msgspec alone stops at the first error; this walks its description of the types instead. A
value that does not fit is complained about and left out, so that what stands beside it is
still looked at; a Struct is made only if all its fields fit.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT
from msgspec import inspect as types

from pipeline.domain.secret import Secret
from pipeline.domain.units import decode_unit
from pipeline.topology.blame import blame
from pipeline.topology.complaint import COMPLAINTS_MAX, Complaint, Path, render_path
from pipeline.topology.kinds import MAPPING, UNITS, is_scalar, shown, takes, word_of
from pipeline.topology.nearest import did_you_mean
from pipeline.topology.secrets import REFERENCE_HINT, MissingSecret, Resolve, is_reference
from pipeline.topology.tree import Node


class _Bad:
    """The mark of a value that did not fit; its complaint is already made."""


BAD: Final = _Bad()
MISSING: Final = Secret("")
"""What stands in for a secret that is not there, where that is only a warning."""


class Shaper:
    """Shapes the trees of one file; `complaints` collects what does not fit.

    A Struct with a method `complaints()` is asked for what its types cannot say: it yields
    (path beneath it, reason, hint). `resolve` turns references into Secrets; where it cannot,
    that is a warning and the Secret is empty, or an error if `needs_secrets`.
    """

    def __init__(self, name: str, resolve: Resolve, *, needs_secrets: bool) -> None:
        self.name = name
        self.complaints: list[Complaint] = []
        self._resolve = resolve
        self._needs_secrets = needs_secrets
        self._shapers: dict[type, Callable[[Any, Node, Path], Any]] = {
            types.AnyType: lambda _kind, node, _path: node.plain(),
            types.StrType: self._text,
            types.BoolType: self._truth,
            types.IntType: self._number,
            types.FloatType: self._number,
            types.LiteralType: self._choice,
            types.CustomType: self._custom,
            types.DictType: self._mapping,
            types.ListType: self._list,
            types.VarTupleType: self._list,
            types.StructType: self._struct,
            types.UnionType: self._union,
            types.NoneType: self._nothing,
        }

    def complain(
        self,
        node: Node,
        path: Path,
        reason: str,
        hint: str = "",
        *,
        at_key: str = "",
        is_warning: bool = False,
    ) -> _Bad:
        """Record a complaint about `node` (or one of its keys) and return BAD."""
        line, column = node.keys.get(at_key, (node.line, node.column))
        self.complaints.append(
            Complaint(
                file=self.name,
                line=line,
                column=column,
                path=render_path(path),
                reason=reason,
                hint=hint,
                is_warning=is_warning,
            )
        )
        return BAD

    def did_you_mean(self, word: str, known: Iterable[str]) -> str:
        """The hint for a misspelt word; none beyond the complaints that will be listed, since
        comparing words is what takes time in a file full of mistakes.
        """
        return "" if len(self.complaints) >= COMPLAINTS_MAX else did_you_mean(word, known)

    def complain_of(self, text: str, node: Node, path: Path) -> _Bad:
        """Record the error of a whole Struct where it points to."""
        blamed = blame(text, node)
        reason = text.removeprefix(f"{blamed[0]}: ") if blamed else text
        return self.complain(node.at(blamed), (*path, *blamed), reason or "does not fit")

    def shape(self, kind: Any, node: Node, path: Path) -> Any:
        """`node` as a value of the type `kind`, or BAD."""
        return self.fit(types.type_info(kind), node, path)

    def fit(self, kind: types.Type, node: Node, path: Path) -> Any:
        """As `shape`, for a type as msgspec describes it."""
        while isinstance(kind, types.Metadata):
            kind = kind.type
        return self._shapers[type(kind)](kind, node, path)

    def wrong(self, node: Node, path: Path, wanted: str, hint: str = "") -> _Bad:
        """Complain that `node` is not what is wanted there."""
        return self.complain(node, path, f"must be {wanted}, not {shown(node)}", hint)

    def _nothing(self, _kind: Any, node: Node, path: Path) -> Any:
        return None if node.value is None else self.wrong(node, path, "empty")

    def _text(self, kind: types.StrType, node: Node, path: Path) -> Any:
        value = node.value
        if not isinstance(value, str):
            is_scalar = not isinstance(value, dict | list) and value is not None
            return self.wrong(node, path, "a text", "put it in quotes" if is_scalar else "")
        if kind.pattern and not re.search(kind.pattern, value):
            return self.wrong(node, path, f"a text that matches {kind.pattern}")
        return self._sized(kind, value, len(value), "characters", node, path)

    def _truth(self, _kind: Any, node: Node, path: Path) -> Any:
        if isinstance(node.value, bool):
            return node.value
        return self.wrong(node, path, "true or false")

    def _number(self, kind: types.IntType | types.FloatType, node: Node, path: Path) -> Any:
        is_whole = isinstance(kind, types.IntType)
        value = node.value
        fits = isinstance(value, int if is_whole else (int, float)) and not isinstance(value, bool)
        if not fits or not isinstance(value, int | float) or not math.isfinite(value):
            return self.wrong(node, path, "a whole number" if is_whole else "a number")
        for limit, is_over, words in (
            (kind.ge, operator.lt, "at least"),
            (kind.gt, operator.le, "more than"),
            (kind.le, operator.gt, "at most"),
            (kind.lt, operator.ge, "less than"),
        ):
            if limit is not None and is_over(value, limit):
                return self.wrong(node, path, f"{words} {limit}")
        return value if is_whole else float(value)

    def _choice(self, kind: types.LiteralType, node: Node, path: Path) -> Any:
        if not isinstance(node.value, dict | list) and node.value in kind.values:
            return node.value
        words = [str(value) for value in kind.values]
        hint = self.did_you_mean(node.value, words) if isinstance(node.value, str) else ""
        hint = hint if hint.endswith("?") else ""  # the choices stand in the reason already
        return self.wrong(node, path, f"one of {', '.join(words)}", hint)

    def _custom(self, kind: types.CustomType, node: Node, path: Path) -> Any:
        if kind.cls is Secret:
            return self._secret(node, path)
        try:
            return decode_unit(kind.cls, node.value if is_scalar(node) else None)
        except ValueError:
            return self.wrong(node, path, UNITS.get(kind.cls, kind.cls.__name__))

    def _secret(self, node: Node, path: Path) -> Any:
        if not isinstance(node.value, str):
            return self.complain(
                node, path, "must be a reference to a secret, as text", REFERENCE_HINT
            )
        if not is_reference(node.value):
            reason = "a secret must not stand in the file: only a reference to it may"
            return self.complain(node, path, reason, REFERENCE_HINT)
        try:
            return self._resolve(node.value)
        except MissingSecret as missing:
            is_warning = not self._needs_secrets
            reason = f"{missing.reference}: {missing.why}"
            self.complain(node, path, reason, missing.hint, is_warning=is_warning)
            return MISSING if is_warning else BAD

    def _sized(self, kind: Any, value: Any, length: int, unit: str, node: Node, path: Path) -> Any:
        if kind.min_length is not None and length < kind.min_length:
            return self.complain(node, path, f"must have at least {kind.min_length} {unit}")
        if kind.max_length is not None and length > kind.max_length:
            return self.complain(node, path, f"has {length} {unit}, {kind.max_length} are the most")
        return value

    def _mapping(self, kind: types.DictType, node: Node, path: Path) -> Any:
        if not isinstance(node.value, dict):
            return self.wrong(node, path, MAPPING)
        found = {
            key: self.fit(kind.value_type, member, (*path, key))
            for key, member in node.value.items()
        }
        if any(value is BAD for value in found.values()):
            return BAD
        return self._sized(kind, found, len(found), "entries", node, path)

    def _list(self, kind: types.ListType | types.VarTupleType, node: Node, path: Path) -> Any:
        if not isinstance(node.value, list):
            hint = "put it in [brackets]" if is_scalar(node) and node.value is not None else ""
            return self.wrong(node, path, "a list", hint)
        found = [
            self.fit(kind.item_type, member, (*path, index))
            for index, member in enumerate(node.value)
        ]
        if any(value is BAD for value in found):
            return BAD
        made = found if isinstance(kind, types.ListType) else tuple(found)
        return self._sized(kind, made, len(found), "members", node, path)

    def _struct(self, kind: types.StructType, node: Node, path: Path) -> Any:
        if not isinstance(node.value, dict):
            return self.wrong(node, path, MAPPING)
        values = self.fields(kind, node, path)
        return values if values is BAD else self.make(kind.cls, values, node, path)

    def fields(self, kind: types.StructType, node: Node, path: Path) -> Any:
        """The fields of a Struct by their names in Python, or BAD."""
        members = node.value if isinstance(node.value, dict) else {}
        known = [each.encode_name for each in kind.fields]
        is_bad = False
        for key in members:
            if key not in known:
                hint = self.did_you_mean(key, known)
                self.complain(node, (*path, key), f"there is no {key!r} here", hint, at_key=key)
                is_bad = True
        values: dict[str, Any] = {}
        for each in kind.fields:
            member = members.get(each.encode_name)
            if member is None:
                if each.required:
                    self.complain(node, path, f"{each.encode_name!r} is missing")
                    is_bad = True
                continue
            # Where nothing is a value of its own, as of dependencies that are off, it is meant.
            if member.value is None and _has_default(each) and not _may_be_nothing(each.type):
                continue
            values[each.name] = self.fit(each.type, member, (*path, each.encode_name))
        return BAD if is_bad or any(value is BAD for value in values.values()) else values

    def make(self, cls: type[Any], values: dict[str, Any], node: Node, path: Path) -> Any:
        """A Struct of its fields, asked for its own complaints; BAD where it has some."""
        try:
            made = cls(**values)
        except (ValueError, TypeError) as error:
            blamed = blame(str(error), node)
            missing = [name for name, value in values.items() if value == MISSING]
            if not missing or (blamed and blamed[0] not in missing):
                return self.complain_of(str(error), node, path)
            made = _unchecked(cls)(**values)
        ask = getattr(made, "complaints", None)
        troubles = list(ask()) if callable(ask) else []
        for below, reason, hint in troubles:
            self.complain(node.at(below), (*path, *below), reason, hint)
        return BAD if troubles else made

    def _union(self, kind: types.UnionType, node: Node, path: Path) -> Any:
        fitting = [each for each in kind.types if takes(each, node)]
        if fitting:
            return self.fit(fitting[0], node, path)
        wanted = [each for each in kind.types if not isinstance(each, types.NoneType)]
        if len(wanted) == 1:
            return self.fit(wanted[0], node, path)
        return self.wrong(node, path, " or ".join(word_of(each) for each in wanted))


def _unchecked(cls: type[Any]) -> type[Any]:
    """The Struct without its own checks, for a missing secret would fail them."""
    namespace = {"__post_init__": lambda _self: None, "__module__": cls.__module__}
    return msgspec.defstruct(cls.__name__, [], bases=(cls,), namespace=namespace, frozen=True)


def _may_be_nothing(kind: types.Type) -> bool:
    while isinstance(kind, types.Metadata):
        kind = kind.type
    return isinstance(kind, types.UnionType) and any(
        isinstance(each, types.NoneType) for each in kind.types
    )


def _has_default(each: types.Field) -> bool:
    return each.default is not NODEFAULT or each.default_factory is not NODEFAULT
