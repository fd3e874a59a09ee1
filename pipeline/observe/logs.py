"""Logs: one JSON line per change of state on standard error, for people in colour on a terminal.

Whoever logs asks `structlog.get_logger("tocsin.<part>")`; what libraries log through `logging` goes
the same way. Nothing is logged per event: events are counted, and their reasons are on `audit`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

from pipeline.domain.secret import MASK, Secret
from pipeline.observe.levels import LEVELS
from pipeline.security.redaction import redact

TEXT_SIZE_MAX: Final = 8_000
"""Characters of one value; of a longer one the end is kept, where a traceback says what it was."""

DEPTH_MAX: Final = 4
OURS: Final = "tocsin"
_QUIET: Final = ("uvicorn", "httpx", "httpcore", "aiohttp", "asyncio", "aiokafka", "faust", "mode")
"""Libraries that tell of each request or start: only their warnings are of interest."""

_SECRET_NAMES: Final = re.compile(
    r"authorization|cookie|password|secret|token|api[-_]?key|routing[-_]?key", re.IGNORECASE
)
_CREDENTIALS: Final = re.compile(r"\b(Bearer|Basic|Token token=)\s*[^\s\"',;]+", re.IGNORECASE)


def configure(
    level: str = "info", *, secrets: Iterable[Secret] = (), stream: TextIO | None = None
) -> None:
    """Send all logs to `stream` (standard error) from `level` on; call it again to change that.

    `secrets` are masked wherever they stand. Raises ValueError for a level that is none.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level of logs: choose one of {', '.join(LEVELS)}")
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        Redaction(secrets),
        _renderer(is_pretty=out.isatty()),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    output = logging.StreamHandler(out)
    output.set_name(OURS)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared], processors=last
        )
    )
    root = logging.getLogger()
    for former in [each for each in root.handlers if each.get_name() == OURS]:
        root.removeHandler(former)
    root.addHandler(output)
    root.setLevel(level.upper())
    for known in list(root.manager.loggerDict.values()):
        if isinstance(known, logging.Logger):
            known.disabled = False  # a library that configured logging may have turned it off
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class Redaction:
    """The processor that keeps secrets out: Secrets, what is named like one, credentials in
    texts, the known secrets of this installation, and the paths of URLs.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._secrets = tuple(secrets)

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        """The line with every secret masked."""
        return {name: self._named(name, value, 0) for name, value in event.items()}

    def _named(self, name: str, value: Any, depth: int) -> Any:
        if value and _SECRET_NAMES.search(name) and not isinstance(value, bool | int | float):
            return MASK
        return self._masked(value, depth)

    def _masked(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth < DEPTH_MAX and isinstance(value, dict):
            return {
                str(name): self._named(str(name), each, depth + 1) for name, each in value.items()
            }
        if depth < DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
            return [self._masked(each, depth + 1) for each in value]
        text = redact(value if isinstance(value, str) else repr(value), self._secrets)
        text = _CREDENTIALS.sub(lambda found: f"{found.group(1)} {MASK}", text)
        return text if len(text) <= TEXT_SIZE_MAX else f"…{text[-TEXT_SIZE_MAX:]}"


def _renderer(*, is_pretty: bool) -> Processor:
    if is_pretty:
        # The default formatter of tracebacks shows local variables, and with them secrets.
        return structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback, timestamp_key="at"
        )
    return structlog.processors.JSONRenderer(ensure_ascii=False)
