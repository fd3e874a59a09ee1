"""Every sink of the registry passes the battery, and has one golden file per action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pipeline import registry
from pipeline.domain.notification import ACTIONS
from pipeline.domain.sink import Response
from pipeline.stages.send.config import Receiver, sink_config
from tests.checks import sink as checks
from tests.golden_files import GOLDEN, check_golden
from tests.stages.send.given import hook, pager, rich

# A new sink needs an example of its settings here.
EXAMPLES: dict[str, Receiver] = {"pagerduty": pager(), "webhook": hook()}


def example(name: str) -> Any:
    assert name in EXAMPLES, f"give an example of the settings of {name}"
    return sink_config(EXAMPLES[name], registry.sink(name).config_type)


@pytest.mark.parametrize("name", registry.SINKS)
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_battery(name: str, check: Callable[..., None]) -> None:
    check(registry.sink(name), example(name), rich("trigger"))
    assert registry.sink(name).name == name


@pytest.mark.parametrize("name", registry.SINKS)
@pytest.mark.parametrize("action", ACTIONS)
def test_golden(name: str, action: str, *, is_update: bool) -> None:
    config = example(name)
    requests = checks.requests_of(registry.sink(name), config, rich(action), Response(status=200))
    shown = [
        {
            "method": request.method,
            "url": request.url,
            "headers": request.headers,
            "body": msgspec.json.decode(request.body),
        }
        for request in requests
    ]
    text = msgspec.json.format(checks.masked(msgspec.json.encode(shown), config), indent=2) + "\n"
    check_golden(f"{name}/{action}.json", text, is_update=is_update)


@pytest.mark.parametrize("name", registry.SINKS)
def test_no_golden_is_left_over(name: str) -> None:
    assert {path.stem for path in (GOLDEN / name).iterdir()} == set(ACTIONS)
