"""The board: one page that shows what is open, what was muted and why, and who was told."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

from litestar import Response, get

PAGE: Final = Path(__file__).with_name("board.html").read_bytes()


def _hash_of(tag: bytes) -> str:
    (inline,) = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), PAGE, re.DOTALL)
    return f"'sha256-{b64encode(sha256(inline).digest()).decode()}'"


HEADERS: Final = {
    # Nothing runs in the page but what stands in the file, whatever an alert says.
    "content-security-policy": (
        f"default-src 'none'; script-src {_hash_of(b'script')}; style-src {_hash_of(b'style')};"
        " img-src data:; connect-src 'self'; form-action 'none'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@get("/", summary="The board", include_in_schema=False)
async def board() -> Response[bytes]:
    """The page holds no data: it asks the API, with the token that its reader gives it."""
    return Response(PAGE, media_type="text/html", headers=HEADERS)


ROUTES: Final = (board,)
