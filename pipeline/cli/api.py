"""Asking a running Tocsin over its API: where it is, what it answers, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from pipeline.domain.errors import TocsinError
from pipeline.domain.secret import Secret
from pipeline.domain.sink import Http, Response

SERVER: Final = "server.json"
PAGE: Final = 500
"""Rows of one page of a list."""

_JSON: Final = {"content-type": "application/json"}


class Refusal(TocsinError):
    """The API said no; `status` is the HTTP status, `problem` the problem document."""

    def __init__(self, text: str, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.status = status
        self.problem = problem


class NoAnswer(TocsinError):
    """No Tocsin answers there, or what answers is none."""


class Api:
    """One running Tocsin."""

    def __init__(self, url: str, token: Secret | None) -> None:
        self.url = url.rstrip("/")
        self._token = token

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON under a path; empty parameters are left out. Raises Refusal or NoAnswer."""
        given = [(name, value) for name, value in (query or {}).items() if value not in ("", None)]
        return self._call("GET", f"{path}?{urlencode(given)}" if given else path, b"", {})

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """What comes of posting JSON (bytes are sent as they are). Raises as `get` does."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self._call(
            "POST", path, raw, {"content-type": "application/json", **(headers or {})}
        )

    def put(self, path: str, body: Any) -> Any:
        """What comes of putting JSON. Raises as `get` does."""
        raw = msgspec.json.encode(body)
        return self._call("PUT", path, raw, _JSON)

    def rows(
        self, path: str, key: str, query: Mapping[str, Any] | None = None, limit: int = 0
    ) -> Iterator[Any]:
        """The rows of a list, page after page, at most `limit` of them (0: all)."""
        cursor, left = "", limit
        while True:
            size = min(PAGE, left) if limit else PAGE
            page = self.get(path, {**(query or {}), "limit": size, "cursor": cursor})
            yield from page[key]
            left -= len(page[key])
            cursor = page["next"] or ""
            if not cursor or (limit and left <= 0):
                return

    def _call(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
        from pipeline.wire.asking import ask

        sent = {"accept": "application/json", **headers}
        if self._token is not None:
            sent["authorization"] = f"Bearer {self._token.reveal()}"
        answer = ask(Http(method=method, url=self.url + path, headers=sent, body=body))
        if answer.status == 0:
            raise NoAnswer(
                f"no Tocsin answers at {self.url} ({answer.error}): start one with `tocsin run`,"
                " or name it with --url or TOCSIN_URL"
            )
        found = _json_of(answer, self.url)
        if not answer.status < 300:  # noqa: PLR2004
            raise Refusal(_sentence(answer.status, found), answer.status, found)
        return found


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")


def running(url: str, data: Path | None) -> Api:
    """The Tocsin that is meant. Raises NoAnswer where none can be found."""
    from pipeline.settings import read_settings

    settings = read_settings()
    folder = data or settings.data
    where = url or settings.url or _served(folder) or _served(folder / "demo")
    if not where:
        raise NoAnswer(
            f"no Tocsin runs over {folder}: start one with `tocsin run`, or name it with"
            " --url, TOCSIN_URL or --data"
        )
    return Api(where, settings.token)


def _served(folder: Path) -> str:
    """The URL of the Tocsin that was the last to serve a folder; "" where none did."""
    try:
        return str(json.loads((folder / SERVER).read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _json_of(answer: Response, url: str) -> Any:
    try:
        return msgspec.json.decode(answer.body) if answer.body else {}
    except msgspec.DecodeError:
        raise NoAnswer(
            f"what answers at {url} is no Tocsin (status {answer.status}): check --url"
        ) from None


def _sentence(status: int, problem: Any) -> str:
    if not isinstance(problem, dict):
        return f"refused with status {status}"
    detail = str(problem.get("detail") or problem.get("title") or f"status {status}")
    errors = [e for e in problem.get("errors") or () if e.get("reason", "") not in detail]
    lines = [detail, *(f"  {e['path']}: {e['reason']}" for e in errors[:20])]
    if len(errors) > 20:  # noqa: PLR2004
        lines.append(f"  … and {len(errors) - 20} more")
    if status == 401:  # noqa: PLR2004
        lines[0] += " (set TOCSIN_TOKEN)"
    return "\n".join(lines)
