"""Bodies in the OpenAPI document, for routes that read their body themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, RequestBody, Schema

_PREFIX: Final = "#/$defs/"


@dataclass
class _Given(Schema):
    """A schema that is already plain JSON."""

    plain: dict[str, Any] = field(default_factory=dict)

    def to_schema(self) -> dict[str, Any]:
        return self.plain


def takes(kind: type[Any], *, is_batch: bool = False) -> type[Operation]:
    """The operation of a route whose body is a Struct; `is_batch`: or an array of them.

    Structs within it stand in full where they are used, so it must not hold itself.
    """
    whole = msgspec.json.schema(kind)
    plain = _in_full(whole, whole["$defs"])
    del plain["$defs"]
    if is_batch:
        plain = {"oneOf": [plain, {"type": "array", "items": plain}]}

    @dataclass
    class Taking(Operation):
        def __post_init__(self) -> None:
            media = OpenAPIMediaType(schema=_Given(plain=plain))
            self.request_body = RequestBody(content={"application/json": media})

    return Taking


def asks(*names: str) -> type[Operation]:
    """The operation of a list: its filters, as texts, and its paging."""

    @dataclass
    class Asking(Operation):
        def __post_init__(self) -> None:
            kinds = {**dict.fromkeys(names, "string"), "limit": "integer", "cursor": "string"}
            self.parameters = [
                *(self.parameters or []),
                *(
                    Parameter(name=name, param_in="query", schema=_Given(plain={"type": kind}))
                    for name, kind in kinds.items()
                ),
            ]

    return Asking


def _in_full(part: Any, defined: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_in_full(one, defined) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _in_full(one, defined) for name, one in part.items() if name != "$ref"}
    if "$ref" in part:
        found |= _in_full(defined[part["$ref"].removeprefix(_PREFIX)], defined)
    return found
