"""Reading JSON from strangers: a value or a Rejected, never an exception.

msgspec is strict where producers are not: Python's json writes NaN, JavaScript lone surrogates.
Only what msgspec cannot read at all is mended, in one linear pass, and read once more.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from pipeline.domain.deadletter import Rejected
from pipeline.stages.ingest.reasons import INVALID, NOT_JSON, TOO_DEEP

T = TypeVar("T")

DETAIL_CHARS_MAX: Final = 500

# Possessive and with an optional end, so that no input makes it look at a character twice.
_TOKENS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|-?(?:NaN|Infinity)\b', re.DOTALL)
_ESCAPES: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))|\\.",
    re.DOTALL,
)
_MISSING: Final = re.compile(r"missing required field `([^`]*)`")
_AT: Final = re.compile(r"^(.*) - at `(?:key in )?\$\.?(.*)`$", re.DOTALL)


def read(decoder: msgspec.json.Decoder[T], body: bytes) -> T | Rejected:
    """Decode a body. NULs become U+FFFD, since a store may end a text there and since a hash of
    labels must not be made to collide by them; NaN and Infinity become null.
    """
    try:
        return decoder.decode(mend(body) if b"\\u0000" in body else body)
    except msgspec.ValidationError as error:
        return invalid(str(error))
    except UnicodeDecodeError as error:
        return Rejected(reason=NOT_JSON, detail=f"not UTF-8: {error.reason} at {error.start}")
    except RecursionError:
        return Rejected(reason=TOO_DEEP, detail="nested too deeply to be an alert")
    except (msgspec.DecodeError, ValueError) as error:
        return _read_mended(decoder, body, str(error))


def _read_mended(decoder: msgspec.json.Decoder[T], body: bytes, why: str) -> T | Rejected:
    try:
        return decoder.decode(mend(body))
    except msgspec.ValidationError as error:
        return invalid(str(error))
    except RecursionError:
        return Rejected(reason=TOO_DEEP, detail="nested too deeply to be an alert")
    except (msgspec.DecodeError, ValueError):
        return Rejected(reason=NOT_JSON, detail=why[:DETAIL_CHARS_MAX])


def mend(body: bytes) -> bytes:
    """The same JSON without what is no text: a byte order mark, NULs, lone surrogates, NaN.

    Raises UnicodeDecodeError where it is not UTF-8; other faults are left for the decoder.
    """
    return _TOKENS.sub(_mend_token, body.decode("utf-8-sig")).encode()


def _mend_token(found: re.Match[str]) -> str:
    token = found[0]
    if not token.startswith('"'):
        return "null"
    return _ESCAPES.sub(_mend_escape, token) if "\\u" in token else token


def _mend_escape(found: re.Match[str]) -> str:
    return "\ufffd" if found[1] else found[0]


def invalid(text: str) -> Rejected:
    """What msgspec says of a value of the wrong shape, with the path that it names."""
    found = _AT.match(text)
    path, detail = (found[2], found[1]) if found else ("", text)
    missing = _MISSING.search(detail)
    if missing:
        path = f"{path}.{missing[1]}" if path else missing[1]
    return Rejected(reason=INVALID, detail=detail[:DETAIL_CHARS_MAX], path=path[:DETAIL_CHARS_MAX])


def join(prefix: str, path: str) -> str:
    """A path below another: `alerts[3]` and `labels` make `alerts[3].labels`."""
    if not prefix or not path:
        return prefix or path
    return prefix + path if path.startswith("[") else f"{prefix}.{path}"
