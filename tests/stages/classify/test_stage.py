"""The stage `classify` on the real Task: judged once, judged by snapshots, told what turned out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.catalog import Change, ChangeEntry, Service
from pipeline.domain.command import Command
from pipeline.domain.incident import Incident, Note
from pipeline.domain.model import Features
from pipeline.domain.notification import Receipt
from pipeline.domain.outcome import ModelRecord, Outcome, chunk_key
from pipeline.domain.sharing import Models
from pipeline.domain.stage import INCIDENTS, Update, Wake
from pipeline.stages.classify.stage import FORGET_MS, ClassifyStage
from pipeline.stages.classify.tables import DECIDED
from tests.chain import START_MS, Chain
from tests.checks.stage import Inlet
from tests.stages.classify.given import ID, SCOPE, incident, told
from tests.stages.learning import Counted, Counting, CountingKind

MODEL = "incidents@default"
WAKE = Wake(stage="correlate", key="k", at_ms=START_MS)
SERVICES = {
    "checkout": Service(name="checkout", team="web", tier=1),
    "shop": Service(name="shop", team="db", dependencies=("checkout", "checkout")),
}


class World:
    """Classify between an inlet and the end of decide's chain."""

    def __init__(self, kind: CountingKind | None = None, models: Models | None = None) -> None:
        self.kind = kind or CountingKind()
        self.events: list[Any] = []
        self.stage = ClassifyStage(models or Models(), Counted(self.kind))
        lookups: dict[str, Any] = {"services": SERVICES, "changes": {}, "models": {}}
        self.chain = Chain([Inlet(self.events), self.stage], lookups=lookups)

    def take(self, it: Incident, cause: Any = WAKE) -> Incident:
        """Let an incident pass; gives it as the table then has it."""
        known = self.chain.table(INCIDENTS).get(it.incident_id)
        if known is not None:
            it = replace(it, classification=known.classification)
        self.events.append(Update(incident=it, cause=cause))
        effects = self.chain.send("raw-alerts", str(len(self.events) - 1), b"-")
        assert effects.raised == 0, self.chain.outputs("dead-letters")
        found: Incident = self.chain.table(INCIDENTS)[it.incident_id]
        return found

    def publish(self, model: Counting, slot: int = 0, before: Counting | None = None) -> None:
        """Put a snapshot onto `models`, as fit does."""
        head, chunks = model.snapshot(MODEL, 1)
        for index, body in enumerate(chunks):
            chunk = ModelRecord(model=MODEL, slot=slot, index=index, body=body)
            self.chain.set_global("models", chunk_key(MODEL, slot, index), chunk)
        heads = (head,) if before is None else (head, before.snapshot(MODEL, 1)[0])
        self.chain.set_global("models", MODEL, ModelRecord(model=MODEL, slot=slot, heads=heads))

    def outcomes(self) -> list[Outcome]:
        """What was told to the model since the last call."""
        return self.chain.outputs("outcomes")


def command(kind: str, **given: Any) -> Command:
    fields = {"command_id": "c", "incident_id": ID, "scope_id": SCOPE, "tenant": "default"}
    return Command(kind=kind, author="ann", **{**fields, **given})


def learned(labels: dict[str, str], count: int = 3) -> Counting:
    """A model that has learned these labels of an incident such as `incident()`."""
    kind, model = CountingKind(), Counting()
    world = World(kind)
    world.take(incident())
    row = world.chain.table(DECIDED)[ID]
    rows = tuple(
        int.from_bytes(row.rows[at : at + 4], "little") for at in range(0, len(row.rows), 4)
    )
    for _ in range(count):
        model.learn(Features(rows), labels)
    return model


def test_an_incident_is_classified_by_rules_with_reasons() -> None:
    found = World().take(incident(severity="critical"))
    made = found.classification
    assert made.version == "rules"
    assert (made.category.label, made.team.label) == ("infrastructure/host", "web")
    assert (made.urgency.label, made.impact.label) == ("high", "high")
    assert made.decided_at_ms == START_MS
    (line,) = found.reasons
    assert line.reason == "classify.classified"
    assert "category infrastructure/host (cpu)" in line.text


def test_it_is_judged_again_only_when_what_it_is_judged_by_changes() -> None:
    world = World()
    first = world.take(incident())
    for it in (incident(event_count=50), incident(alert_count=3, updated_at_ms=9)):
        assert world.take(it).classification == first.classification
    assert world.chain.reasons["classify.same"] == 2
    world.chain.advance("1m")
    noted = incident(notes=(Note(at_ms=1, author="a", text="customers complain, all down"),))
    again = world.take(noted, command("note", text="customers complain, all down")).classification
    assert again.impact.reason == "classify.people"
    assert again.decided_at_ms > first.classification.decided_at_ms


def test_a_change_makes_it_urgent() -> None:
    world = World()
    entry = ChangeEntry(change_id="1", kind="deploy", summary="s", at_ms=START_MS - 60_000)
    future = replace(entry, at_ms=START_MS + 60_000)
    change = Change(service="checkout", entries=(future, entry))
    world.chain.set_global("changes", "checkout", change)
    urgency = world.take(incident(severity="warning")).classification.urgency
    assert (urgency.label, urgency.reason) == ("high", "classify.change")


def test_a_receipt_passes_and_costs_nothing() -> None:
    world = World()
    receipt = Receipt(
        notification_id="n", incident_id=ID, scope_id=SCOPE, tenant="default",
        receiver="on-call", sequence=1, action="trigger", result="delivered",
    )  # fmt: skip
    assert world.take(incident(), receipt).classification.version == ""
    assert world.chain.table(DECIDED) == {}


def test_a_sure_model_decides_and_names_its_version() -> None:
    world = World()
    world.publish(learned({"category": "business/revenue", "noise": "yes"}))
    made = world.take(incident()).classification
    assert (made.category.label, made.category.reason) == ("business/revenue", "classify.model")
    assert made.category.evidence[0].feature == "name=HighCPU"
    assert (made.noise.label, made.noise_chance) == ("yes", 1.0)
    assert made.urgency.reason == "classify.weight", "it has learned nothing of that"
    assert made.version == "v3"


def test_another_snapshot_has_open_incidents_judged_anew() -> None:
    world = World()
    world.take(incident())
    model = learned({"team": "db"})
    world.publish(model)
    assert world.take(incident()).classification.team.label == "db"
    model.learn(Features((1,)), {"team": "web"})
    world.publish(model, slot=1)
    assert world.take(incident()).classification.version == "v4"


def test_a_broken_snapshot_falls_back_to_the_one_before_and_says_so() -> None:
    world, old = World(), learned({"team": "db"})
    new = learned({"team": "web"}, 5)
    world.publish(old, slot=0)
    world.publish(new, slot=1, before=old)
    broken = ModelRecord(model=MODEL, slot=1, index=0, body=b"broken")
    world.chain.set_global("models", chunk_key(MODEL, 1, 0), broken)
    found = world.take(incident())
    assert found.classification.version == "v3"
    assert "the snapshot v5 cannot be taken: checksum" in found.reasons[-1].text
    world.chain.set_global("models", chunk_key(MODEL, 0, 0), None)
    world.chain.set_global("models", MODEL, ModelRecord(model=MODEL, slot=1, heads=(
        new.snapshot(MODEL, 1)[0], old.snapshot(MODEL, 1)[0])))  # fmt: skip
    again = world.take(incident())
    assert again.classification.version == "rules"
    assert "v3 cannot be taken: incomplete" in again.reasons[-1].text


def test_a_snapshot_is_made_a_scorer_once() -> None:
    world = World()
    world.publish(learned({"team": "db"}))
    for count in (1, 4, 32, 256):
        world.take(incident(alert_count=count))
    assert world.kind.made == 1


def test_an_outcome_carries_the_decision_that_it_is_about() -> None:
    world = World()
    world.take(incident())
    row = world.chain.table(DECIDED)[ID]
    world.chain.advance("5m")
    world.take(incident(assigned_to="db"), command("reassign", assignee="db"))
    (outcome,) = world.outcomes()
    assert outcome.model == MODEL
    assert outcome.labels == {"noise": "no", "team": "db"}
    assert outcome.decided == row.labels
    assert outcome.decided["team"] == "web"
    assert (outcome.version, outcome.because) == ("rules", "classify.reassigned")
    assert len(outcome.rows) * 4 == len(row.rows) > 0
    assert outcome.turned_out_at_ms - outcome.decided_at_ms == 300_000


def test_the_same_thing_is_told_once() -> None:
    world = World()
    world.take(incident())
    for _ in range(2):
        world.take(incident(), command("not-useful"))
    assert [outcome.labels for outcome in world.outcomes()] == [{"noise": "yes"}]


def test_an_answer_to_our_own_page_is_counted_and_not_told() -> None:
    world = World()
    paged = incident(routing=told())
    world.take(paged)
    acknowledged = replace(paged, status="acknowledged", acknowledged_at_ms=START_MS)
    world.take(acknowledged, command("acknowledge"))
    world.take(replace(acknowledged, status="resolved", resolved_at_ms=START_MS))
    assert world.outcomes() == []
    assert world.chain.reasons["classify.own_page"] == 2


def test_what_it_remembers_goes_when_the_incident_is_long_over() -> None:
    world = World()
    world.take(incident())
    over = incident(status="resolved", resolved_at_ms=START_MS)
    world.take(over)
    assert [outcome.labels for outcome in world.outcomes()] == [{"self_resolving": "yes"}]
    world.chain.advance(FORGET_MS - 1_000)
    assert ID in world.chain.table(DECIDED)
    world.chain.advance("1h")
    assert world.chain.table(DECIDED) == {}
    world.take(over, command("not-useful"))
    assert world.outcomes() == []


def test_one_that_was_opened_again_is_not_forgotten() -> None:
    world = World()
    world.take(incident())
    world.take(incident(status="resolved", resolved_at_ms=START_MS))
    world.chain.advance("1d")
    world.take(incident(reopened_count=1))
    world.chain.advance("30d")
    assert ID in world.chain.table(DECIDED)
    labels = [outcome.labels for outcome in world.outcomes()]
    assert labels == [{"self_resolving": "yes"}, {"self_resolving": "no"}]


def test_a_test_is_judged_and_nothing_is_learned_of_it() -> None:
    world = World()
    assert world.take(incident(is_test=True)).classification.version == "rules"
    world.take(incident(is_test=True), command("not-useful"))
    assert world.chain.table(DECIDED) == {}
    assert world.outcomes() == []


def test_without_learning_the_rules_decide_and_nothing_is_told() -> None:
    world = World()
    world.chain.restart(Inlet(world.events), ClassifyStage(Models(), None))
    assert world.take(incident()).classification.version == "rules"
    world.take(incident(), command("not-useful"))
    assert world.outcomes() == []


@pytest.mark.parametrize(
    ("tenant", "name"),
    [
        ("default", "incidents@default"),
        ("a", "incidents+eu"),
        ("b", "incidents+eu"),
        ("c", "incidents@c"),
        ("eu", "incidents@eu"),
    ],
)
def test_tenants_share_a_model_only_where_each_says_so(tenant: str, name: str) -> None:
    assert Models(share={"a": "eu", "b": "eu"}).name("incidents", tenant) == name


def test_no_tenant_makes_a_key_that_is_anothers() -> None:
    odd = ["a/0/1", "", "é", "x" * 500, "~" + "0" * 16, "a b"]
    names = [Models().name("links", tenant) for tenant in odd]
    assert len(set(names)) == len(names)
    assert all("/" not in name and len(name) < 120 for name in names)
    with pytest.raises(ValueError, match="share"):
        Models(share={"a": "b/c"})
