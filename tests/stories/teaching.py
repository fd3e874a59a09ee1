"""What a story does many times over, so that models learn: days of incidents, pairs of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pipeline.codec import encode
from pipeline.domain.store import Output

if TYPE_CHECKING:
    from tests.stories.player import Play

CASES: Final = 100
"""So many at a time."""


def days(play: Play, what: Mapping[str, Any]) -> None:
    """Many incidents of some kinds in turn, each with what people did about it, and its end."""
    kinds = what["of"]
    for _ in range(0, what["count"], CASES):
        begun = f"h{play.driver.now_ms}"
        alerts = [
            {**kind["alert"], "host": f"{begun}-{at}", "instance": f"{begun}-{at}-{number}"}
            for number in range(CASES // len(kinds))
            for at, kind in enumerate(kinds)
        ]
        play.at_once(alerts)
        play.driver.advance(what.get("ends", "10s"))
        commands = [
            play.ask(dict(kind["command"]), incident)
            for incident in play.incidents()
            for at, kind in enumerate(kinds)
            if "command" in kind and incident.labels.get("host") == f"{begun}-{at}"
        ]
        play.driver.append(
            [Output(topic="commands", key=c.scope_id, value=encode(c)) for c in commands]
        )
        play.at_once([{**alert, "status": "resolved"} for alert in alerts])
        play.driver.advance("10m")


def pairs(play: Play, what: Mapping[str, Any]) -> None:
    """Many times two alerts that have a region to themselves, the `second` (of as many hosts)
    after the `first` by a while; what people do of each (merge the second's incident into the
    first's, or a command of the first's); and the incidents resolved by hand.
    """
    hosts = [f"host-{number}" for number in range(what.get("hosts", 1))]
    for _ in range(0, what["count"], CASES):
        begun = f"r{play.driver.now_ms}"
        regions = [f"{begun}-{number}" for number in range(CASES)]
        begins = [{**what["first"], "region": region} for region in regions]
        follows = [
            {**what["second"], "region": region, "instance": host}
            for region in regions
            for host in hosts
        ]
        for alerts, wait in ((begins, "20s"), (follows, "10s")):
            play.at_once(alerts)
            play.driver.advance(wait)
        found = [one for one in play.incidents() if one.region in regions]
        fields = dict(what.get("command", {"kind": "resolve"}))
        if fields["kind"] == "merge":
            into = {one.region: one.incident_id for one in reversed(found)}
            asked = [
                play.ask({**fields, "into_id": into[one.region]}, one)
                for one in found
                if one.incident_id != into[one.region]
            ]
        else:
            asked = [play.ask(dict(fields), one) for one in found]
        for commands in (asked, [play.ask({"kind": "resolve"}, one) for one in found]):
            play.driver.append(
                [Output(topic="commands", key=c.scope_id, value=encode(c)) for c in commands]
            )
        play.at_once([{**alert, "status": "resolved"} for alert in (*begins, *follows)])
        play.driver.advance("1m")
