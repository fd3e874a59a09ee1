"""An alertmanager.yml becomes a file that lints, routes alike, and holds no secret."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.silence import Silence
from pipeline.oncall.maintenance import check_times
from pipeline.oncall.recurrence import parse_rule
from pipeline.settings import secret_resolver
from pipeline.stages.route.tree import Tree
from pipeline.topology.alertmanager import Imported, translate
from pipeline.topology.alertmanager.destinations import OUR_PORT
from pipeline.topology.complaint import TopologyError
from pipeline.topology.declared import Topology
from pipeline.topology.load import check
from tests.golden_files import check_golden
from tests.topology.worlds import GOLDEN

FULL = (GOLDEN / "alertmanager" / "full.yml").read_text(encoding="utf-8")


def linted(imported: Imported) -> Topology:
    """The topology that was written; it has no error, and warns of nothing but secrets."""
    checked = check(imported.text, "t.yaml", secret_resolver(environ={}))
    assert [each for each in checked.complaints if not each.is_warning] == []
    assert checked.topology is not None
    return checked.topology


def reasons(text: str) -> str:
    return "\n".join(note.render() for note in translate(text, "a.yml").notes)


def test_golden(*, is_update: bool) -> None:
    imported = translate(FULL, "full.yml")
    check_golden("topology/alertmanager/topology.yaml", imported.text, is_update=is_update)
    notes = "".join(f"{note.render()}\n" for note in imported.notes)
    check_golden("topology/alertmanager/notes.txt", notes, is_update=is_update)
    linted(imported)


def test_no_secret_comes_along() -> None:
    assert "hunter2" in FULL
    assert "hunter2" not in repr(translate(FULL, "full.yml"))


def test_maintenances_are_ones_that_can_be_added() -> None:
    maintenances = translate(FULL, "full.yml").maintenances
    assert len(maintenances) == 3
    for each in maintenances:
        parse_rule(each.rrule)
        silence = Silence(
            silence_id="s",
            tenant="default",
            matchers=each.matchers,
            starts_at_ms=0,
            ends_at_ms=10**12,
            created_by="test",
            rrule=each.rrule,
            duration_ms=each.duration_ms,
            time_zone=each.time_zone,
        )
        check_times(silence)
    assert maintenances[0].time_zone == "Europe/Berlin"
    assert maintenances[0].rrule == "FREQ=DAILY;BYDAY=SU,SA;BYHOUR=0;BYMINUTE=0"
    assert maintenances[2].duration_ms == 2 * 3_600_000


@pytest.mark.parametrize("text", ["", "- a", "route", "global: {}", "route: {receiver: a", "a: *b"])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(TopologyError):
        translate(text, "a.yml")


@pytest.mark.parametrize(
    ("interval", "why"),
    [
        ("years: [2030]", "years cannot be said"),
        ("weekdays: [caturday]", "'caturday' is none of"),
        ("months: ['13']", "'13' is none of"),
        ("months: ['march:january']", "ends before it starts"),
        ("days_of_month: ['1:-1']", "differ from month to month"),
        ("days_of_month: ['40']", "differ from month to month"),
        ("days_of_month: [first]", "is no range of days"),
        ("times: [{start_time: '9am', end_time: '10:00'}]", "'9am' is no time of day"),
        ("times: [{start_time: '10:00', end_time: '09:00'}]", "ends before it starts"),
        ("location: Mars/Olympus", "Mars/Olympus"),
    ],
)
def test_an_interval_without_a_rule_is_noted(interval: str, why: str) -> None:
    said = reasons(
        "route: {receiver: a}\nreceivers: [{name: a}]\n"
        f"time_intervals: [{{name: x, time_intervals: [{{{interval}}}]}}]\n"
    )
    assert said.startswith("a.yml:3:45: warning: time_intervals[0].time_intervals[0]: x: ")
    assert why in said


@pytest.mark.parametrize(
    ("route", "why"),
    [
        ("matchers: [severity]", "left out: 'severity'"),
        ("matchers: [{a: b}]", "left out: a matcher is no text"),
        ("matchers: ['']", "left out: a matcher is no text"),
        ("match_re: {a: '['}", "left out: the pattern"),
    ],
)
def test_a_route_that_cannot_match_is_left_out_rather_than_match_all(route: str, why: str) -> None:
    text = (
        f"route: {{receiver: a, routes: [{{{route}, receiver: b}}]}}\n"
        "receivers: [{name: a}, {name: b, pagerduty_configs: [{routing_key: x}]}]\n"
    )
    imported = translate(text, "a.yml")
    assert linted(imported).sections["routes"].routes == ()
    assert why in reasons(text)


def test_names_that_routes_cannot_use_are_changed() -> None:
    config = "pagerduty_configs: [{routing_key: x}]"
    imported = translate(
        "route: {receiver: none, routes: [{receiver: a/b}, {receiver: a-b}, {receiver: '1e3'}]}\n"
        f"receivers: [{{name: none, {config}}}, {{name: a/b, {config}}}, {{name: a-b, {config}}},"
        f" {{name: '1e3', {config}}}]\n",
        "a.yml",
    )
    names = list(linted(imported).sections["receivers"])
    assert names == ["receiver-none", "a-b", "a-b-2", "1e3"]


def test_limits_of_ours_are_noted_as_errors_of_what_was_written() -> None:
    deep: dict[str, Any] = {"receiver": "a"}
    for _ in range(12):
        deep = {"receiver": "a", "routes": [deep]}
    imported = translate(yaml.safe_dump({"route": deep, "receivers": [{"name": "a"}]}), "a.yml")
    assert [note.file for note in imported.notes if not note.is_warning] == ["topology.yaml"]
    assert "beneath each other" in imported.notes[-1].reason


_LABELS = st.fixed_dictionaries(
    {}, optional={"team": st.sampled_from("ab"), "kind": st.sampled_from("xy")}
)
_MATCH = st.dictionaries(st.sampled_from(["team", "kind"]), st.sampled_from("abxy"), max_size=2)
_RECEIVERS = {"one": 1, "two": 2, "three": 3, "nobody": 0}


def _routes(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    children = st.lists(_routes(depth - 1), max_size=3) if depth else st.just([])
    return st.fixed_dictionaries(
        {"match": _MATCH, "routes": children},
        optional={"receiver": st.sampled_from(list(_RECEIVERS))},
    )


def _alertmanager(route: dict[str, Any], labels: dict[str, str], receiver: str) -> list[str]:
    """Alertmanager's own walk, without `continue`: the receivers that it would notify."""
    receiver = route.get("receiver", receiver)
    for child in route["routes"]:
        if all(labels.get(key, "") == value for key, value in child["match"].items()):
            return _alertmanager(child, labels, receiver)
    return [f"{receiver}{index}" for index in range(_RECEIVERS[receiver])] or ["none"]


@given(_routes(2), _LABELS)
def test_the_tree_leads_where_alertmanagers_does(
    route: dict[str, Any], labels: dict[str, str]
) -> None:
    root = {**route, "match": {}, "receiver": route.get("receiver", "one")}
    receivers = [
        {
            "name": name,
            "pagerduty_configs": [
                {"routing_key": "x", "client": f"{name}{index}"} for index in range(count)
            ],
        }
        for name, count in _RECEIVERS.items()
    ]
    text = yaml.safe_dump({"route": root, "receivers": receivers})
    sections = linted(translate(text, "a.yml")).sections
    clients = {name: each.client for name, each in sections["receivers"].items()}
    hops = Tree(sections["routes"]).route(labels)
    told = [clients.get(hop.receiver, hop.receiver) for hop in hops]
    assert told == _alertmanager(root, labels, "one")


@given(st.text(max_size=40), st.integers(0, len(FULL)), st.integers(0, 60))
def test_a_damaged_file_is_translated_or_refused(put: str, at: int, cut: int) -> None:
    try:
        imported = translate(FULL[:at] + put + FULL[at + cut :], "a.yml")
    except TopologyError as error:
        assert error.complaints  # noqa: PT017  # either way out is right
    else:
        assert imported.text.startswith("# Translated")


@pytest.mark.parametrize(
    ("url", "is_loop"),
    [
        (f"http://127.0.0.1:{OUR_PORT}/api/v1/ingest/alertmanager", True),
        ("https://tocsin.example.org/api/v1/ingest/alertmanager", True),
        (f"http://127.0.0.1:{OUR_PORT}/hook", True),
        ("https://example.org/hook", False),
    ],
)
def test_a_webhook_that_leads_back_here_is_said(url: str, is_loop: bool) -> None:
    text = (
        f"route: {{receiver: a}}\nreceivers: [{{name: a, webhook_configs: [{{url: '{url}'}}]}}]\n"
    )
    notes = [note.render() for note in translate(text, "am.yml").notes]
    assert any("Tocsin itself" in note for note in notes) is is_loop
