"""The stand that links are measured on does what the rule says, and learns only late."""

import pytest

from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Service
from pipeline.models.link.kind import KIND
from pipeline.simulate.stream import Labelled, Stream
from tests.bench.learning.linking import LATE_MS, Stand

CHAIN = {
    "web": Service(name="web", dependencies=("api",)),
    "api": Service(name="api", dependencies=("core",)),
    "core": Service(name="core", dependencies=("store",)),
    "store": Service(name="store"),
}


def stream(*given: tuple[str, str, int, str]) -> Stream:
    """Alerts as (service, region, second, true incident)."""
    alerts = []
    for number, (service, region, second, true) in enumerate(given):
        alert = Alert(
            alert_id=f"o-{number}",
            fingerprint=f"{number}",
            name="Errors",
            service=service,
            region=region,
            starts_at_ms=1000 * second,
        )
        alerts.append(Labelled(alert, true))
    return Stream(seed=1, services=CHAIN, alerts=tuple(alerts))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((("web", "eu", 0, ""), ("api", "eu", 59, "")), [0, 0]),
        ((("web", "eu", 0, ""), ("api", "eu", 61, "")), [0, 1]),
        ((("web", "eu", 0, ""), ("api", "us", 9, "")), [0, 1]),
        ((("web", "eu", 0, ""), ("core", "eu", 9, "")), [0, 1]),
        # In between comes what links both, and both are one.
        ((("web", "eu", 0, ""), ("core", "eu", 9, ""), ("api", "eu", 10, "")), [1, 1, 1]),
        # With three alerts it is no longer small: two hops and three minutes.
        (
            (*(("web", "eu", second, "") for second in range(3)), ("core", "eu", 9, "")),
            [0, 0, 0, 0],
        ),
    ],
)  # fmt: skip
def test_the_rule(given: tuple[tuple[str, str, int, str], ...], expected: list[int]) -> None:
    made = stream(*given)
    assert Stand(made, None).run(made.alerts) == expected


def test_what_people_say_is_learned_an_hour_later() -> None:
    links = KIND.fresh()
    near = (("web", "eu", 0, "one"), ("api", "eu", 9, "one"))
    late_s = LATE_MS // 1000
    early = stream(*near, ("store", "us", late_s + 8, ""))
    Stand(early, links, 1.0).run(early.alerts)
    assert links.learned_count == 0
    late = stream(*near, ("store", "us", late_s + 9, ""))
    Stand(late, links, 1.0).run(late.alerts)
    assert links.learned_count == 1
