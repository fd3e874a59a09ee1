"""Logs: JSON lines, the same way for libraries, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.secret import Secret
from pipeline.observe.levels import LEVELS
from pipeline.observe.logs import OURS, TEXT_SIZE_MAX, Redaction, configure

HIDDEN = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The state of logging is put back afterwards."""
    root = logging.getLogger()
    before = root.level
    yield
    root.handlers = [each for each in root.handlers if each.get_name() != OURS]
    root.setLevel(before)
    structlog.reset_defaults()


@pytest.fixture
def out() -> io.StringIO:
    """What is logged at `info` and above."""
    stream = io.StringIO()
    configure("info", secrets=[Secret(HIDDEN)], stream=stream)
    return stream


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_says_when_who_how_grave_and_what(out: io.StringIO) -> None:
    structlog.get_logger("tocsin.app").info("ready", url="http://127.0.0.1", trace_id="ab" * 16)
    (line,) = lines(out)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "ready",
        "level": "info",
        "logger": "tocsin.app",
        "url": "http://127.0.0.1",
        "trace_id": "ab" * 16,
    }


def test_libraries_go_the_same_way(out: io.StringIO) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("httpx").info("HTTP Request: POST https://hooks.example/T0/secret")
    (line,) = lines(out)
    assert (line["logger"], line["level"]) == ("asyncio", "error")


def test_what_is_below_the_level_is_not_written(out: io.StringIO) -> None:
    structlog.get_logger("tocsin.app").debug("detail")
    assert out.getvalue() == ""


def test_configured_twice_a_line_is_written_once(out: io.StringIO) -> None:
    again = io.StringIO()
    configure("warning", stream=again)
    structlog.get_logger("tocsin.app").warning("once")
    assert (out.getvalue(), len(lines(again))) == ("", 1)


def test_an_unknown_level_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=", ".join(LEVELS)):
        configure("loud")


@pytest.mark.parametrize(
    "fields",
    [
        {"text": f"the key {HIDDEN} is wrong"},
        {"url": f"https://hooks.example/services/{HIDDEN}?x=1"},
        {"secret_value": Secret(HIDDEN)},
        {"nested": {"headers": [{"Authorization": "Bearer other-secret"}]}},
        {"text": "Authorization: Bearer other-secret"},
        {"text": "header Token token=other-secret"},
        {"routing_key": "other-secret"},
        {"config": {"api-key": "other-secret", "list": [Secret(HIDDEN)]}},
    ],
)
def test_no_secret_is_logged(out: io.StringIO, fields: dict[str, Any]) -> None:
    structlog.get_logger("tocsin.app").error("failed", **fields)
    assert "failed" in out.getvalue()
    assert HIDDEN not in out.getvalue()
    assert "other-secret" not in out.getvalue()


def test_no_secret_is_in_a_traceback(out: io.StringIO) -> None:
    key = HIDDEN
    try:
        raise ValueError(f"cannot use {key}")
    except ValueError:
        structlog.get_logger("tocsin.app").exception("failed")
    (line,) = lines(out)
    assert "ValueError: cannot use ••••" in line["exception"]
    assert HIDDEN not in out.getvalue()


def test_on_a_terminal_it_is_for_people_and_shows_no_locals() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    configure("info", stream=screen)
    try:
        local_secret = Secret(HIDDEN).reveal()
        raise RuntimeError(f"{len(local_secret)} characters")
    except RuntimeError:
        structlog.get_logger("tocsin.app").exception("broken", task="decide-0")
    text = screen.getvalue()
    assert "broken" in text
    assert "RuntimeError: 15 characters" in text
    assert not text.startswith("{")
    assert HIDDEN not in text


def test_a_long_text_keeps_its_end(out: io.StringIO) -> None:
    structlog.get_logger("tocsin.app").info("x" * 100_000 + "the end")
    (line,) = lines(out)
    assert len(line["event"]) == TEXT_SIZE_MAX + 1
    assert line["event"].endswith("the end")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)


@given(JSON, st.text(max_size=9))
def test_a_secret_is_masked_wherever_it_stands(value: Any, name: str) -> None:
    redaction = Redaction([Secret(HIDDEN)])
    event: dict[str, Any] = {name: [value, {"deep": f"<{HIDDEN}>"}], "event": HIDDEN}
    assert HIDDEN not in json.dumps(redaction(None, "info", event), ensure_ascii=False)
