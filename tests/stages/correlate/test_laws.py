"""Laws of correlate: counters equal rows, nobody is lost, repetition and foreign order are idle."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.alert import SEVERITIES, Alert
from pipeline.domain.incident import Incident
from pipeline.stages.correlate.links import PAIRS_MAX
from pipeline.stages.correlate.tables import LINKED, SCOPES
from tests.chain import START_MS
from tests.stages.correlate.alerts import Bench, LearningLinks, firing, resolved

GRAPH = {"web": ["api"], "api": ["core"], "core": []}
SECTION: Mapping[str, Any] = {
    "rules": [{"name": "by-service", "when": 'alert.service != ""', "group_by": ["service"]}],
    "dependency": {"hops": 1, "gap": "2m", "same": ["region"]},
    "flap": {"changes": 3, "window": "10m", "hold": "3m"},
    "quiet": "30s",
    "reopen": "5m",
    "refire": "20m",
    "open_incidents_max": 3,
    "alerts_per_incident_max": 2,
}

identities = st.builds(
    lambda name, service: firing(name, service=service),
    st.sampled_from("AB"),
    st.sampled_from(["web", "api", "core", ""]),
)
fires = st.tuples(st.just("fire"), identities, st.sampled_from(SEVERITIES))
ends = st.tuples(st.just("end"), identities, st.just(""))
steps = st.one_of(
    # More of these, since all else depends on them.
    fires,
    fires,
    ends,
    ends,
    st.tuples(st.just("announce"), identities, st.just("")),
    st.tuples(st.just("late"), identities, st.just("")),
    st.tuples(
        st.just("wait"), st.just(None), st.sampled_from(["5s", "40s", "3m", "11m", "30m", "25h"])
    ),
    st.tuples(
        st.just("command"),
        st.integers(1, 6),
        st.sampled_from(["acknowledge", "resolve", "merge", "split", "override", "snooze"]),
    ),
)


def take(bench: Bench, step: tuple[str, Any, str]) -> None:
    kind, what, word = step
    now = bench.now_ms
    if kind == "fire":
        bench.send(replace(what, starts_at_ms=now, severity=word))
    elif kind == "end":
        bench.send(resolved(replace(what, starts_at_ms=0), now))
    elif kind == "announce":
        bench.send(replace(what, starts_at_ms=now, ends_at_ms=now + 60_000))
    elif kind == "late":
        bench.send(replace(what, starts_at_ms=now - 600_000))
    elif kind == "wait":
        bench.advance(word)
    else:
        incident = f"{bench.incident().scope_id if bench.incidents() else 'none'}.{what}"
        into = f"{incident.partition('.')[0]}.1"
        bench.command(
            word, incident, into=into, severity="info", until_ms=now + 300_000, part="api"
        )


def check_books(bench: Bench) -> None:
    """The counters of every incident are those of the rows that lead to it."""
    incidents, counts = bench.incidents(), bench.counts()
    tallies: dict[str, Counter[str]] = {}
    distinct: Counter[str] = Counter()
    for row in bench.rows().values():
        if not row.incident_id:
            assert not row.is_firing
            continue
        final = followed(row.incident_id, incidents)
        distinct[final] += 1
        if row.is_firing:
            tallies.setdefault(final, Counter())[row.severity] += 1
    for incident in incidents.values():
        number = incident.incident_id.replace(".", "/")
        if number not in counts:
            assert not incident.is_open
            continue
        firing_now = tallies.get(incident.incident_id, Counter())
        expected = tuple(firing_now[severity] for severity in SEVERITIES)
        assert counts[number].firing == expected
        if incident.is_open:
            assert counts[number].alerts == distinct[incident.incident_id]
    scopes = bench.chain.table(SCOPES).values()
    assert sum(scope.open_count for scope in scopes) == len(bench.open())
    assert len(bench.open()) <= 3 + 1


def check_pairs(bench: Bench) -> None:
    """Pairs are kept of open incidents alone, and not more than their bound."""
    open_keys = {each.incident_id.replace(".", "/") for each in bench.open()}
    for key, row in bench.chain.table(LINKED).items():
        assert key in open_keys
        assert 0 < len(row.pairs) <= PAIRS_MAX


def followed(incident_id: str, incidents: Mapping[str, Incident]) -> str:
    while incidents[incident_id].merged_into:
        incident_id = incidents[incident_id].merged_into
    return incident_id


@given(st.lists(steps, max_size=40))
def test_counters_equal_the_rows_after_every_step(history: list[tuple[str, Any, str]]) -> None:
    bench = Bench(GRAPH, learning=LearningLinks(), **SECTION)
    for step in history:
        take(bench, step)
        check_books(bench)
        check_pairs(bench)
    assert not bench.chain.outputs("dead-letters")


@given(st.lists(steps, max_size=40))
def test_until_enough_is_learned_learning_changes_no_decision(
    history: list[tuple[str, Any, str]],
) -> None:
    learning, plain = Bench(GRAPH, learning=LearningLinks(), **SECTION), Bench(GRAPH, **SECTION)
    for step in history:
        for bench in (learning, plain):
            take(bench, step)
    assert learning.incidents() == plain.incidents()
    assert learning.rows() == plain.rows()
    assert learning.counts() == plain.counts()


@given(st.lists(steps.filter(lambda step: step[0] != "command"), max_size=40))
def test_every_firing_alert_belongs_to_one_open_incident(
    history: list[tuple[str, Any, str]],
) -> None:
    bench = Bench(GRAPH, **SECTION)
    for step in history:
        take(bench, step)
        open_ids = {incident.incident_id for incident in bench.open()}
        for row in bench.rows().values():
            if row.is_firing:
                assert followed(row.incident_id, bench.incidents()) in open_ids


@given(st.lists(steps, max_size=30))
def test_all_ends_when_nothing_comes_any_more(history: list[tuple[str, Any, str]]) -> None:
    bench = Bench(GRAPH, **{**SECTION, "resolve_timeout": "2h"})
    for step in history:
        take(bench, step)
    bench.advance("60d")
    assert bench.open() == []
    assert (bench.rows(), bench.counts(), bench.incidents()) == ({}, {}, {})


episodes = st.lists(
    st.tuples(identities, st.integers(0, 1200), st.booleans()), min_size=1, max_size=12
)


def messages(drawn: list[tuple[Alert, int, bool]]) -> list[Alert]:
    """Firings, some with their end, each identity's episodes in the order of time."""
    found: list[Alert] = []
    at_ms = START_MS
    for alert, second, has_end in drawn:
        at_ms += second * 1_000
        begun = replace(alert, starts_at_ms=at_ms)
        found.append(begun)
        if has_end:
            at_ms += 1_000
            found.append(resolved(begun, at_ms))
    return found


def essence(bench: Bench) -> list[Incident]:
    """The incidents without what every event may change: counts of events, instants, reasons."""
    return [
        replace(each, event_count=0, updated_at_ms=0, reasons=())
        for each in bench.incidents().values()
    ]


def late_bench(**section: Any) -> Bench:
    """The clock stands after all that is sent, so that no end lies in the future."""
    bench = Bench(GRAPH, **{**SECTION, **section})
    bench.advance("1d")
    return bench


@given(st.lists(steps, max_size=25), st.lists(st.booleans(), min_size=25, max_size=25))
def test_a_restart_at_any_time_changes_nothing(
    history: list[tuple[str, Any, str]], restarts: list[bool]
) -> None:
    one, other = Bench(GRAPH, **SECTION), Bench(GRAPH, **SECTION)
    for step, is_restart in zip(history, restarts, strict=False):
        take(one, step)
        if is_restart:
            other.chain.restart(Bench(GRAPH, **SECTION).stage)
        take(other, step)
    assert one.incidents() == other.incidents()
    assert (one.rows(), one.counts()) == (other.rows(), other.counts())


@given(episodes, st.data())
def test_redelivery_of_any_prefix_changes_nothing(
    drawn: list[tuple[Alert, int, bool]], data: st.DataObject
) -> None:
    bench = late_bench(flap={"changes": 0})
    sent = messages(drawn)
    bench.send(*sent)
    before = essence(bench)
    bench.send(*sent[: data.draw(st.integers(0, len(sent)))])
    assert essence(bench) == before


@given(episodes, episodes, st.randoms(use_true_random=False))
def test_the_order_of_alerts_of_different_scopes_changes_nothing(
    drawn: list[tuple[Alert, int, bool]], others: list[tuple[Alert, int, bool]], dice: Any
) -> None:
    here = messages(drawn)
    there = [replace(alert, region="us") for alert in messages(others)]
    one, other = late_bench(), late_bench()
    one.send(*here, *there)
    mixed = [here[:], there[:]]
    while any(mixed):
        other.send(dice.choice([queue for queue in mixed if queue]).pop(0))

    def plain(bench: Bench) -> list[Incident]:
        return [replace(each, origin="", trace_id="") for each in bench.incidents().values()]

    assert plain(one) == plain(other)


@given(st.lists(identities, max_size=20), st.lists(st.integers(1, 5), max_size=20))
def test_how_alerts_are_cut_into_epochs_changes_nothing(
    alerts: list[Alert], sizes: list[int]
) -> None:
    one, other = Bench(GRAPH, **SECTION), Bench(GRAPH, **SECTION)
    one.send(*alerts)
    rest = alerts
    for size in [*sizes, len(alerts)]:
        if rest:
            other.together(*rest[:size])
        rest = rest[size:]
    assert one.incidents() == other.incidents()
    assert one.rows() == other.rows()
