"""Plays a story in YAML on a host with a virtual clock: given alerts, when time passes, then pages.

story: what it shows, one sentence
topology: what differs from the built-in one (a mapping; optional); nothing is grouped unless it
  says so
  receivers take their secrets from env:KEY (a routing key) or env:SIGNING (a webhook's)
services: entries of the catalog (a list; optional)
dry_run: true where everything is decided and nothing sent (optional)
steps: a list of one-key mappings, in order:
  alert: one native alert (status firing unless said; `ago`, `ended_ago` and `ends_in` say when it
    began, ended or ends, around now; `pad: {annotation: characters}` makes long texts)
  alerts: a list of them, one batch · repeat: {times, every, alert} · wait: a duration
  rounds: {times, every, apart, alerts}: so often these alerts after each other, with a wait between
  storm: {count, alert}: as many at once, which differ in their instance
  days: {count, of: [{alert, command}], ends}: so many incidents of these kinds in turn, CASES at a
    time: each fires, people give the command (optional), and its alert ends after `ends` (10s)
  pairs: {count, first, second, hosts, command}: so many times two alerts near each other, each pair
    in a region of its own; people give the command (a merge is of the second into the first)
  post: {format, tenant, body} as it comes to `raw-alerts`, body as text or as JSON
  command: {kind, incident: its title, into: a title, for: a duration, author, …}
  order: rollback | shadow | unshadow | promote, of the model
  silence: {id, matchers, for, after, rrule, duration, time_zone} · expire: the id of a silence
  change: {service, summary, kind, id, ago, link}
  receiver: {name: up | down | refuses | hangs | throttles | silent}; one that hangs may have taken
    the call, one that throttles asks for a minute, of a silent one no result ever comes
  restart: {} (a new run of the worker over the same state)
  sleep: a duration in which the worker is down; what is due meanwhile is late
and what must be so now:
  pages: all calls taken since the last `pages`, as `<action> <receiver>: <title>`
  calls: how many calls were made since the last `calls`, taken or not
  incidents: all incidents, as `<status> <severity> <title> (<firing>/<alerts>)`
  shows: {title: parts of that incident} · page_shows: {title: parts of the last page taken}
  alert_shows: {name: parts of the last such alert on `alerts`}
  says: {title: a text in one of the reasons that the incident lists}
  reasons: reasons given since the last `reasons`, each at least once
  receipts: all since the last `receipts`, as `<result> <action> <receiver>`
  outcomes: all since the last `outcomes`, as `<head> <label>, … (<reason>)`
  dead_letters: the reasons of all since the last `dead_letters`
Parts are mappings: what they name must be so, what they do not name may be anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec.structs import replace

from pipeline.app import compose
from pipeline.domain.alert import Alert
from pipeline.domain.call import CallResult
from pipeline.domain.catalog import Change, ChangeEntry, Service
from pipeline.domain.command import Command
from pipeline.domain.incident import Incident
from pipeline.domain.notification import Notification
from pipeline.domain.outcome import INCIDENTS, Outcome
from pipeline.domain.secret import Secret
from pipeline.domain.silence import Silence
from pipeline.domain.sink import Delivered, Refused, Retry
from pipeline.domain.store import Output
from pipeline.domain.units import Duration
from pipeline.engine import Agent
from pipeline.topology.load import load
from tests.stories import teaching
from tests.stories.world import Embedded, Opening, embedded

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
INSTALLATION = "story000"
SIGNING_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
BASE: Mapping[str, Any] = {
    "receivers": {"on-call": {"sink": "pagerduty", "routing_key": "env:KEY"}},
    "routes": {"receiver": "on-call"},
}


def _stated(topology: Mapping[str, Any]) -> dict[str, Any]:
    """A topology without what groups by default, so that a story states all that matters."""
    correlate = {"rules": [], "dependency": None, **topology.get("correlate", {})}
    if correlate["dependency"]:
        correlate["dependency"] = {"small": None, **correlate["dependency"]}
    return {**BASE, **topology, "correlate": correlate}


class Play:
    """One story being played. `more` goes into its topology beside what it says itself."""

    def __init__(self, story: Mapping[str, Any], opening: Opening, more: Mapping[str, Any]) -> None:
        text = yaml.safe_dump({**more, **_stated(story.get("topology") or {})})
        self.topology = load(text, "story", _secret)
        self._is_dry = bool(story.get("dry_run"))
        self._alerts: dict[str, Alert] = {}
        self._told: dict[str, Notification] = {}
        self.health: dict[str, str] = {}
        self.pages: list[str] = []
        self.calls = 0
        self._slots = 0
        self.driver = opening(self.topology, self.agents(), self._answer)
        for entry in story.get("services") or ():
            service = msgspec.convert(entry, Service)
            self.driver.send("services", service.name, service)

    def play(self, steps: list[Mapping[str, Any]]) -> None:
        """Play all steps; an AssertionError names the step."""
        for number, step in enumerate(steps, 1):
            ((word, what),) = step.items()
            act = getattr(self, f"do_{word}", None)
            if act is not None:
                act(what)
            else:
                expected, found = getattr(self, f"expect_{word}")(what)
                assert found == expected, f"step {number}, {word}: {found} is not {expected}"

    def agents(self) -> list[Agent]:
        """The agents of another run of the worker."""
        self._slots += 1
        slot = compose.DRY if self._is_dry else "slot"
        wires = compose.wiring(self.topology, INSTALLATION, slot=f"{slot}{self._slots}")
        return compose.agents(self.topology, wires)

    def _answer(self, key: str, entry: Any) -> CallResult | None:
        self.calls += 1
        told = entry.notification
        health = self.health.get(told.receiver, "up")
        result = CallResult(key=key, attempt=entry.attempt)
        if health == "up":
            self.pages.append(f"{told.action} {told.receiver}: {told.title}")
            self._told[told.title] = told
            return replace(result, delivered=Delivered(ref=told.incident_id, status=202))
        if health == "refuses":
            return replace(result, refused=Refused(why="400", status=400))
        if health == "hangs":
            return replace(result, retry=Retry(why="no answer", is_ambiguous=True))
        if health == "throttles":
            return replace(result, retry=Retry(why="429", after_s=60, is_throttled=True))
        if health == "silent":
            return None
        return replace(result, retry=Retry(why="503", status=503))

    def do_alert(self, alert: Mapping[str, Any]) -> None:
        """One native alert."""
        self.do_alerts([alert])

    def do_alerts(self, alerts: list[Mapping[str, Any]]) -> None:
        """A batch of native alerts; `ago` and `ends_in` are durations around now."""
        members = [json.dumps(self._native(alert)).encode() for alert in alerts]
        for body in members:
            self.driver.send("raw-alerts", "", body, {"format": "native"})

    def _native(self, alert: Mapping[str, Any]) -> dict[str, Any]:
        native = {"status": "firing", **alert}
        if "ago" in native:
            native["starts_at_ms"] = self.driver.now_ms - Duration.parse(native.pop("ago"))
        if "ended_ago" in native:
            native["ends_at_ms"] = self.driver.now_ms - Duration.parse(native.pop("ended_ago"))
        for name, size in native.pop("pad", {}).items():
            native.setdefault("annotations", {})[name] = "x" * size
        if "ends_in" in native:
            native["ends_at_ms"] = self.driver.now_ms + Duration.parse(native.pop("ends_in"))
        return native

    def do_repeat(self, what: Mapping[str, Any]) -> None:
        """The same alert several times, with a wait after each."""
        for _ in range(what["times"]):
            self.do_alert(what["alert"])
            self.driver.advance(what["every"])

    def do_rounds(self, what: Mapping[str, Any]) -> None:
        """The same alerts after each other several times, with a wait after each round."""
        for _ in range(what["times"]):
            for alert in what["alerts"]:
                self.do_alert(alert)
                self.driver.advance(what["apart"])
            self.driver.advance(what["every"])

    def do_storm(self, what: Mapping[str, Any]) -> None:
        """The same alert of as many instances, at once."""
        self.at_once([{**what["alert"], "instance": f"i{n}"} for n in range(what["count"])])

    def at_once(self, alerts: list[dict[str, Any]]) -> None:
        bodies = [json.dumps(self._native(alert)).encode() for alert in alerts]
        headers = {"format": "native"}
        self.driver.append(
            [Output(topic="raw-alerts", key="", value=body, headers=headers) for body in bodies]
        )

    def do_days(self, what: Mapping[str, Any]) -> None:
        """Many incidents of some kinds in turn; see teaching.days."""
        teaching.days(self, what)

    def do_pairs(self, what: Mapping[str, Any]) -> None:
        """Many times two alerts and what people do of them; see teaching.pairs."""
        teaching.pairs(self, what)

    def do_post(self, what: Mapping[str, Any]) -> None:
        """Bytes as a foreign producer writes them; without a format they are sniffed."""
        body = what["body"]
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {name: what[name] for name in ("format", "tenant") if name in what}
        self.driver.send("raw-alerts", "", raw, headers)

    def do_wait(self, by: str) -> None:
        """Let time pass."""
        self.driver.advance(by)

    def do_command(self, what: Mapping[str, Any]) -> None:
        """Ask something of the incident with that title."""
        fields = dict(what)
        command = self.ask(fields, self._incident(fields.pop("incident")))
        self.driver.send("commands", command.scope_id, command)

    def ask(self, fields: dict[str, Any], incident: Incident) -> Command:
        if "into" in fields:
            fields["into"] = self._incident(fields["into"]).incident_id
        if "into_id" in fields:
            fields["into"] = fields.pop("into_id")
        if "for" in fields:
            fields["until_ms"] = self.driver.now_ms + Duration.parse(fields.pop("for"))
        return Command(
            command_id=f"c-{self.driver.now_ms}-{fields['kind']}-{incident.incident_id}",
            incident_id=incident.incident_id,
            scope_id=incident.scope_id,
            tenant=incident.tenant,
            created_at_ms=self.driver.now_ms,
            **{"author": "ann", **fields},
        )

    def do_order(self, word: str) -> None:
        """Order something of the default tenant's model."""
        model = f"{INCIDENTS}@default"
        order = Outcome(
            model=model, incident_id="", tenant="default", version="", order=word, author="ann"
        )
        self.driver.send("outcomes", model, order)

    def do_silence(self, what: Mapping[str, Any]) -> None:
        """A silence (or with rrule a maintenance) from `after` on, for `for`."""
        starts = self.driver.now_ms + Duration.parse(what.get("after", "off"))
        silence = Silence(
            silence_id=what.get("id", "s1"),
            tenant="default",
            matchers=tuple(what["matchers"]),
            starts_at_ms=starts,
            ends_at_ms=starts + Duration.parse(what["for"]),
            created_by="ann",
            rrule=what.get("rrule", ""),
            duration_ms=int(Duration.parse(what.get("duration", "off"))),
            time_zone=what.get("time_zone", "UTC"),
        )
        self.driver.send("silences", silence.silence_id, silence)

    def do_expire(self, silence_id: str) -> None:
        """Take a silence back: its tombstone."""
        self.driver.send("silences", silence_id, None)

    def do_change(self, what: Mapping[str, Any]) -> None:
        """A deploy or configuration change of a service, now."""
        entry = ChangeEntry(
            change_id=what.get("id", f"change-{self.driver.now_ms}"),
            kind=what.get("kind", "deploy"),
            summary=what["summary"],
            at_ms=self.driver.now_ms - Duration.parse(what.get("ago", "off")),
            link=what.get("link", ""),
        )
        change = Change(service=what["service"], entries=(entry,))
        self.driver.send("changes", change.service, change)

    def do_receiver(self, what: Mapping[str, str]) -> None:
        """Set the health of receivers."""
        self.health.update(what)

    def do_restart(self, _: Any) -> None:
        """A new run of the worker goes on from the same state."""
        self.driver.restart(self.agents())

    def do_sleep(self, by: str) -> None:
        """The worker is down for a while, and then starts anew."""
        self.driver.restart(self.agents(), down_ms=Duration.parse(by))

    def expect_pages(self, expected: list[str]) -> tuple[Any, Any]:
        """All calls taken since the last `pages`, in order."""
        found, self.pages = self.pages, []
        return expected or [], found

    def expect_calls(self, expected: int) -> tuple[Any, Any]:
        """How many calls since the last `calls`."""
        found, self.calls = self.calls, 0
        return expected, found

    def expect_incidents(self, expected: list[str]) -> tuple[Any, Any]:
        """All incidents, in the order of their ids."""
        return expected or [], [_line(incident) for incident in self.incidents()]

    def expect_receipts(self, expected: list[str]) -> tuple[Any, Any]:
        """All receipts since the last `receipts`."""
        found = [f"{r.result} {r.action} {r.receiver}" for r in self.driver.read("receipts")]
        return expected or [], found

    def expect_outcomes(self, expected: list[str]) -> tuple[Any, Any]:
        """What models were told since the last `outcomes`."""
        found = [
            f"{', '.join(f'{head} {label}' for head, label in one.labels.items())} ({one.because})"
            for one in self.driver.read("outcomes")
        ]
        return expected or [], found

    def expect_dead_letters(self, expected: list[str]) -> tuple[Any, Any]:
        """The reasons of all dead letters since the last `dead_letters`."""
        return expected or [], [letter.reason for letter in self.driver.read("dead-letters")]

    def expect_reasons(self, expected: list[str]) -> tuple[Any, Any]:
        """Each of these reasons was given since the last `reasons`."""
        found = {record.reason for record in self.driver.read("audit")}
        return sorted(expected), sorted(found & set(expected)) if set(expected) <= found else (
            sorted(found)
        )

    def expect_shows(self, expected: Mapping[str, Any]) -> tuple[Any, Any]:
        """Each incident (by title) has these parts."""
        return expected, {t: _part(self._incident(t), want) for t, want in expected.items()}

    def expect_page_shows(self, expected: Mapping[str, Any]) -> tuple[Any, Any]:
        """The last notification taken under each title has these parts."""
        return expected, {t: _part(self._told.get(t), want) for t, want in expected.items()}

    def expect_alert_shows(self, expected: Mapping[str, Any]) -> tuple[Any, Any]:
        """The last alert of each name has these parts."""
        self._alerts |= {alert.name: alert for alert in self.driver.read("alerts")}
        return expected, {n: _part(self._alerts.get(n), want) for n, want in expected.items()}

    def expect_says(self, expected: Mapping[str, str]) -> tuple[Any, Any]:
        """Each incident (by title) has a reason line that holds the text."""
        found = {}
        for title, text in expected.items():
            lines = [line.text for line in self._incident(title).reasons]
            found[title] = text if any(text in line for line in lines) else lines
        return expected, found

    def incidents(self) -> list[Incident]:
        rows = self.driver.table("incidents")
        return [rows[key] for key in sorted(rows, key=_by_number)]

    def _incident(self, title: str) -> Incident:
        matching = [i for i in self.incidents() if i.title == title]
        assert matching, f"no incident {title!r}: {[i.title for i in self.incidents()]}"
        return max(reversed(matching), key=lambda one: one.opened_at_ms)


class Player(Play):
    """One story being played on the embedded host."""

    driver: Embedded

    def __init__(self, story: Mapping[str, Any]) -> None:
        super().__init__(story, embedded, {})


def _secret(reference: str) -> Secret:
    return Secret(SIGNING_SECRET if "SIGNING" in reference else ROUTING_KEY)


def _by_number(incident_id: str) -> tuple[str, int]:
    scope, _, number = incident_id.partition(".")
    return scope, int(number)


def _part(value: Any, wanted: Any) -> Any:
    """As much of a value as is asked for, in the shape in which it is asked."""
    if not isinstance(wanted, Mapping):
        return list(value) if isinstance(value, tuple) else value
    found = msgspec.to_builtins(value) or {}
    return {name: _part(found.get(name), part) for name, part in wanted.items()}


def _line(incident: Incident) -> str:
    counts = f"{incident.firing_count}/{incident.alert_count}"
    return f"{incident.status} {incident.severity} {incident.title} ({counts})"


def stories(folder: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """All stories of a folder, with their ids."""
    return [
        (f"{path.stem}: {story['story']}", story)
        for path in sorted(folder.glob("*.yaml"))
        for story in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
