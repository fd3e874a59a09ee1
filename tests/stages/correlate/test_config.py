"""The section `correlate`: what it says is checked when it is read, and named with its path."""

from typing import Any

import msgspec
import pytest

from pipeline.domain.secret import Secret
from pipeline.stages.correlate.config import CorrelateConfig, Dependency
from pipeline.topology.load import load
from tests.stages.correlate.alerts import config


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"rules": [{"name": "r", "when": "alert.servce == 'x'"}]}, "no field 'servce'"),
        ({"rules": [{"name": "r", "when": "alert.servce == 'x'"}]}, "$.rules[0]"),
        ({"rules": [{"name": "r"}, {"name": "r"}]}, "two rules are named 'r'"),
        ({"rules": [{"name": ""}]}, "needs a name"),
        ({"rules": [{"name": str(n)} for n in range(1001)]}, "at most 1000"),
        ({"rules": [{"name": "r", "gap": 5}]}, "unit"),
        ({"rules": [{"name": "r", "gaps": "5m"}]}, "gaps"),
        ({"dependency": {"hops": 9}}, "$.dependency.hops"),
        ({"remember": "off"}, "remember cannot be off"),
        ({"resolve_timeout": "off"}, "resolve_timeout cannot be off"),
        ({"open_incidents_max": 0}, "$.open_incidents_max"),
    ],
)
def test_a_mistake_is_named_with_its_path(section: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        config(**section)
    assert said in str(raised.value)


def test_durations_are_written_with_units() -> None:
    found = config(quiet="off", reopen="1h30m", dependency={"gap": "90s"})
    assert (found.quiet, found.reopen) == (0, 5_400_000)
    assert found.dependency is not None
    assert (found.dependency.hops, found.dependency.gap) == (2, 90_000)


def test_the_defaults_are_valid() -> None:
    assert CorrelateConfig().rules[0].group_by == ("service",)
    assert CorrelateConfig().dependency is not None


def test_null_switches_dependencies_and_narrow_limits_off() -> None:
    text = "routes: {{receiver: none}}\ncorrelate: {}"
    for section, dependency in (
        ("{dependency: null}", None),
        ("{dependency: {small: null}}", Dependency(small=None)),
        ("{links: null}", Dependency()),
    ):
        found = load(text.format(section), "t.yaml", _no_secret).sections["correlate"]
        assert found.dependency == dependency


def _no_secret(_: str) -> Secret:
    return Secret("")
