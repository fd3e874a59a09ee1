"""Bodies in the OpenAPI document, for routes that read their body themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema


@dataclass
class _Given(Schema):
    """A schema that is already plain JSON."""

    plain: dict[str, Any] = field(default_factory=dict)

    def to_schema(self) -> dict[str, Any]:
        return self.plain


def takes(kind: type[Any], *, is_batch: bool = False) -> type[Operation]:
    """The operation of a route whose body is a flat Struct; `is_batch`: or an array of them."""
    (plain,) = msgspec.json.schema(kind)["$defs"].values()
    plain = {name: plain[name] for name in plain if name != "description"}
    if is_batch:
        plain = {"oneOf": [plain, {"type": "array", "items": plain}]}

    @dataclass
    class Taking(Operation):
        def __post_init__(self) -> None:
            media = OpenAPIMediaType(schema=_Given(plain=plain))
            self.request_body = RequestBody(content={"application/json": media})

    return Taking
