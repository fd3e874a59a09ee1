"""What a file leaves out is built in; its hash is of what it states; no text makes load crash."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.secret import Secret
from pipeline.domain.units import Duration, Rate
from pipeline.topology import builtin
from pipeline.topology.complaint import COMPLAINTS_MAX, TopologyError
from pipeline.topology.load import KEYS, check, load, read
from pipeline.topology.locate import locate
from pipeline.topology.tree import parse
from tests.topology.worlds import KEY, lint, loaded, resolve

DEFAULT = locate("topology.yaml").read_text(encoding="utf-8")
MINIMAL = """\
receivers:
  on-call: {sink: pagerduty, routing_key: "env:KEY"}
routes: {receiver: on-call}
"""


def test_the_default_file_is_the_built_in_stream() -> None:
    topology, minimal = loaded(DEFAULT), loaded(MINIMAL)
    assert dict(topology.topics) == dict(builtin.TOPICS) == dict(minimal.topics)
    assert dict(topology.agents) == dict(builtin.AGENTS) == dict(minimal.agents)
    assert topology.scope == minimal.scope == ("environment", "region")
    assert topology.defaults == minimal.defaults
    assert topology.observe == minimal.observe
    assert lint(DEFAULT) == []


def test_the_default_file_pages_and_leaves_the_mild_alone() -> None:
    sections = loaded(DEFAULT).sections
    on_call = sections["receivers"]["on-call"]
    assert on_call.sink == "pagerduty"
    assert on_call.routing_key == Secret(KEY)
    assert on_call.rate == Rate.parse("120/m")
    assert on_call.repeat == 0
    assert sections["routes"].receiver == "on-call"
    assert sections["routes"].repeat == Duration.parse("4h")
    assert [each.receiver for each in sections["routes"].routes] == ["none"]
    assert [rule.name for rule in sections["correlate"].rules] == ["by-service"]


def test_a_stated_topic_changes_only_what_it_states() -> None:
    topology = loaded(
        MINIMAL + "topics:\n  raw-alerts: {retention: 60d}\n  mine: {external: true}\n"
    )
    assert topology.retention_ms("raw-alerts") == 60 * 86_400_000
    assert topology.topics["raw-alerts"].key == "fingerprint"
    assert topology.retention_ms("alerts") == 7 * 86_400_000
    assert list(topology.topics) == [*builtin.TOPICS, "mine"]
    assert topology.topics["mine"].is_external


def test_stated_agents_are_all_there_are_and_inherit_what_they_omit() -> None:
    topology = loaded(MINIMAL + "agents:\n  intake:\n  decide: {returns: []}\n")
    assert list(topology.agents) == ["intake", "decide"]
    assert topology.agents["intake"] == builtin.AGENTS["intake"]
    assert topology.agents["decide"].returns == ()
    assert topology.agents["decide"].stages == builtin.AGENTS["decide"].stages


def test_partitions_come_from_the_topic_or_the_defaults() -> None:
    topology = loaded(MINIMAL + "defaults: {partitions: 3}\ntopics:\n  audit: {partitions: 6}\n")
    assert topology.partitions("audit") == 6
    assert topology.partitions("commands") == 3
    assert topology.partitions("changes") == 1


def test_observe_is_read() -> None:
    observe = loaded(
        MINIMAL
        + "observe:\n  canary: {every: off}\n  dead_man: {url: 'env:KEY'}\n"
        + "  heartbeats: [{name: watchdog, match: ['alertname=\"Watchdog\"']}]\n"
    ).observe
    assert observe.canary.every == 0
    assert observe.dead_man.url == Secret(KEY)
    assert observe.heartbeats[0].within == Duration.parse("5m")


def test_a_missing_secret_is_a_warning_to_lint_and_an_error_to_run() -> None:
    text = MINIMAL.replace("env:KEY", "env:ABSENT")
    checked = check(text, "t.yaml", resolve)
    assert [each.is_warning for each in checked.complaints] == [True]
    assert checked.topology is not None
    with pytest.raises(TopologyError) as caught:
        load(text, "t.yaml", resolve)
    assert [each.is_warning for each in caught.value.complaints] == [False]
    assert "t.yaml:2:43: receivers.on-call.routing_key: env:ABSENT" in str(caught.value)


def test_an_error_of_load_holds_every_complaint() -> None:
    with pytest.raises(TopologyError) as caught:
        load(MINIMAL + "scop: []\napp: 5\n", "t.yaml", resolve)
    assert [each.path for each in caught.value.complaints] == ["scop", "app"]


def test_complaints_are_bounded_and_the_last_says_so() -> None:
    complaints = lint(MINIMAL + "".join(f"x{number}: 1\n" for number in range(500)))
    assert len(complaints) == COMPLAINTS_MAX
    assert complaints[-1].reason == "401 more complaints are not listed"


def test_a_file_is_read_or_complained_about(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(MINIMAL, encoding="utf-8")
    assert read(tmp_path / "good.yaml") == MINIMAL
    (tmp_path / "latin.yaml").write_bytes(b"app: caf\xe9")
    for name, reason in (
        ("absent.yaml", "there is no such file"),
        ("latin.yaml", "the file is not UTF-8"),
        (".", "cannot be read"),
    ):
        with pytest.raises(TopologyError, match=reason):
            read(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL.replace('"', "'") + "# a comment\n",
        "# first\n\n" + MINIMAL,
        (
            "routes:\n    receiver:   on-call\nreceivers:\n    on-call:\n"
            "        routing_key: env:KEY\n        sink: pagerduty\n"
        ),
        json.dumps(yaml.safe_load(MINIMAL)),
        MINIMAL.replace("{receiver: on-call}", "&r {receiver: on-call}"),
    ],
)
def test_the_hash_does_not_depend_on_layout(text: str) -> None:
    assert loaded(text).hash == loaded(MINIMAL).hash


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL + "scope: [region]\n",
        MINIMAL.replace("receiver: on-call", "receiver: on-call, repeat: 1h"),
        MINIMAL.replace("env:KEY", "env:PAGERDUTY_ROUTING_KEY"),
    ],
)
def test_the_hash_depends_on_what_is_stated(text: str) -> None:
    assert loaded(text).hash != loaded(MINIMAL).hash


def test_the_hash_says_nothing_of_secrets() -> None:
    other = load(MINIMAL, "t.yaml", lambda _reference: Secret("f" * 32))
    assert other.hash == loaded(MINIMAL).hash


def _shuffled(value: Any, draw: Any) -> Any:
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: _shuffled(value[key], draw) for key in keys}
    if isinstance(value, list):
        return [_shuffled(member, draw) for member in value]
    return value


@given(st.data())
def test_the_hash_does_not_depend_on_the_order_of_keys(data: st.DataObject) -> None:
    plain = parse(DEFAULT, "t.yaml")[0].plain()
    agents = plain["agents"]  # their order is the stream's
    text = yaml.safe_dump(
        {**_shuffled(plain, data.draw), "agents": agents},
        sort_keys=False,
        default_flow_style=data.draw(st.sampled_from([True, False, None])),
        width=data.draw(st.sampled_from([20, 80, 1_000])),
    )
    assert loaded(text).hash == loaded(DEFAULT).hash


def test_no_rendering_shows_a_secret() -> None:
    topology = loaded(DEFAULT)
    assert KEY not in repr(topology)
    assert KEY not in str(topology.sections)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["on-call", "none", "env:KEY", "7d", "off", "pagerduty", "alerts", "a=b"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["receiver", "routes", "match", "sink", "name", "rules", "reads", "stages", "intake",
             "continue", "retention", "alerts", "tokens", "heartbeats", "when", "source", "x"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*KEYS, "other"]), _PLAIN, max_size=6))
def test_any_values_are_complained_about_and_never_raise(values: dict[str, object]) -> None:
    checked = check(yaml.safe_dump(values), "t.yaml", resolve)
    errors = [each for each in checked.complaints if not each.is_warning]
    assert (checked.topology is None) == bool(errors)


@given(st.integers(0, len(DEFAULT)), st.integers(0, 40), st.text(max_size=6))
def test_a_damaged_file_never_raises(at: int, cut: int, put: str) -> None:
    checked = check(DEFAULT[:at] + put + DEFAULT[at + cut :], "t.yaml", resolve)
    assert checked.topology is not None or checked.complaints
