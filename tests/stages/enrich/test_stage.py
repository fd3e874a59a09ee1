"""The stage on the real Task: the catalog and recent changes on an alert, and its scope."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Change, ChangeEntry, Service
from pipeline.domain.ids import scope_id
from pipeline.domain.wiring import Wiring
from pipeline.stages.enrich import EnrichConfig, build
from tests.chain import START_MS, Chain

MINUTE_MS = 60_000
CHECKOUT = Service(
    name="checkout",
    team="payments",
    tier=1,
    description="takes money",
    runbook="http://rb/checkout",
    dependencies=("db", "mail"),
    links={f"l{number:02}": f"http://l/{number}" for number in range(20)},
    labels={"domain": "shop", "region": "nowhere", "zone": "nowhere", "team": "other"},
)


def changed(service: str, *minutes_ago: int) -> Change:
    return Change(
        service=service,
        entries=tuple(
            ChangeEntry(
                change_id=str(ago),
                kind="deploy",
                summary=f"v{ago}",
                at_ms=START_MS - ago * MINUTE_MS,
                author="ana",
            )
            for ago in minutes_ago
        ),
    )


class Intake:
    """The one stage, fed with alerts that are normalised already."""

    def __init__(
        self,
        services: dict[str, Any] | None = None,
        changes: dict[str, Any] | None = None,
        config: EnrichConfig | None = None,
        scope: tuple[str, ...] = ("environment", "zone"),
    ) -> None:
        wiring = Wiring(scope=scope, sections={"enrich": config} if config else {})
        lookups = {"services": services or {}, "changes": changes or {}}
        self.chain = Chain([build(wiring)], writes=("alerts", "audit"), lookups=lookups)

    def emitted(self, tenant: str = "default", **fields: Any) -> tuple[str, Alert]:
        known: dict[str, Any] = {"alert_id": "x", "fingerprint": "f" * 16, "name": "a"}
        given = known | {"starts_at_ms": START_MS, "received_at_ms": START_MS} | fields
        effects = self.chain.send("alerts", "k", Alert(**given), {"tenant": tenant})
        (alert,) = self.chain.outputs("alerts")
        keys = [output.key for output in effects.outputs if output.topic == "alerts"]
        return keys[0], alert


def test_the_catalog_adds_what_it_knows() -> None:
    _, alert = Intake({"checkout": CHECKOUT}).emitted(service="checkout")
    assert alert.labels == {"team": "payments", "tier": "1", "domain": "shop"}
    assert alert.annotations["runbook"] == "http://rb/checkout"
    assert alert.annotations["service_description"] == "takes money"
    links = [name for name in alert.annotations if name.startswith("link.")]
    assert len(links) == 10
    assert alert.annotations["link.l03"] == "http://l/3"
    assert alert.region == ""


def test_the_catalog_overwrites_nothing() -> None:
    own = {"team": "own", "tier": "9"}
    _, alert = Intake({"checkout": CHECKOUT}).emitted(
        service="checkout", labels=own, annotations={"runbook": "own"}
    )
    assert alert.labels == own | {"domain": "shop"}
    assert alert.annotations["runbook"] == "own"
    assert alert.fingerprint == "f" * 16


@pytest.mark.parametrize(
    ("services", "service", "counted"),
    [
        ({"checkout": CHECKOUT}, "other", 1),
        ({"checkout": CHECKOUT}, "", 0),
        ({"checkout": CHECKOUT}, "checkout", 0),
        ({}, "other", 0),
    ],
)
def test_a_service_that_the_catalog_lacks_is_counted(
    services: dict[str, Any], service: str, counted: int
) -> None:
    intake = Intake(services)
    intake.emitted(service=service)
    assert intake.chain.reasons.get("enrich.service_unknown", 0) == counted
    assert intake.chain.outputs("audit") == []


def test_recent_changes_are_those_of_the_service_and_of_what_it_needs() -> None:
    changes = {
        "checkout": changed("checkout", 5, 50, 90),
        "db": changed("db", 20),
        "unrelated": changed("unrelated", 1),
    }
    _, alert = Intake({"checkout": CHECKOUT}, changes).emitted(service="checkout")
    assert alert.annotations["recent_changes"].splitlines() == [
        "2023-11-14T22:08:20Z deploy checkout: v5 by ana",
        "2023-11-14T21:53:20Z deploy db: v20 by ana",
        "2023-11-14T21:23:20Z deploy checkout: v50 by ana",
    ]


def test_changes_are_told_also_of_a_service_outside_the_catalog() -> None:
    _, alert = Intake({}, {"x": changed("x", 5)}).emitted(service="x")
    assert alert.annotations["recent_changes"].startswith("2023-11-14T22:08:20Z deploy x")


def test_only_the_latest_changes_are_listed() -> None:
    changes = {"x": changed("x", *range(1, 20))}
    _, alert = Intake({}, changes).emitted(service="x")
    assert len(alert.annotations["recent_changes"].splitlines()) == 5


@pytest.mark.parametrize("fields", [{"status": "resolved"}, {"starts_at_ms": START_MS + 7_200_000}])
def test_no_change_is_told_where_none_is_to_blame(fields: dict[str, Any]) -> None:
    changes = {"x": changed("x", 5)}
    _, alert = Intake({}, changes).emitted(service="x", **fields)
    assert "recent_changes" not in alert.annotations


@pytest.mark.parametrize(
    ("tenant", "fields", "values"),
    [
        ("default", {}, ("", "")),
        ("default", {"environment": "prod"}, ("prod", "")),
        ("default", {"labels": {"environment": "prod", "zone": "a"}}, ("prod", "a")),
        ("default", {"environment": "prod", "labels": {"environment": "x"}}, ("prod", "")),
        ("red", {"environment": "prod"}, ("prod", "")),
    ],
)
def test_the_scope_is_tenant_and_declared_labels(
    tenant: str, fields: dict[str, Any], values: tuple[str, ...]
) -> None:
    key, _ = Intake().emitted(tenant, **fields)
    assert key == scope_id(tenant, values)


def test_the_catalog_moves_no_alert_to_another_scope() -> None:
    key, alert = Intake({"checkout": CHECKOUT}).emitted(service="checkout")
    assert key == scope_id("default", ("", ""))
    assert "zone" not in alert.labels


def test_an_alert_with_nothing_to_add_goes_on_as_it_came() -> None:
    _, alert = Intake().emitted(labels={"a": "b"}, annotations={"c": "d"})
    assert (alert.labels, alert.annotations, alert.tags) == ({"a": "b"}, {"c": "d"}, ())
