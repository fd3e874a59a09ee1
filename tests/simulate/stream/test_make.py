"""The simulated stream has the shape that it promises, and a seed always gives the same one."""

import os
import subprocess
import sys
from collections import Counter
from hashlib import blake2b
from statistics import median

import msgspec
import pytest

from pipeline.simulate.stream import CHECK_SEED, SEED, Stream, make
from tests.real import ROOT

DIGESTS = {
    SEED: "515a05989547caba204b3a704baa6f6b",
    CHECK_SEED: "7253bb2e54c3ebb8215af3ea5aa6f7f4",
}


def digest_of(stream: Stream) -> str:
    """A hash of all that the stream holds, in its order."""
    state = blake2b(digest_size=16)
    for part in (*stream.services.values(), *stream.alerts):
        state.update(msgspec.json.encode(part))
    return state.hexdigest()


@pytest.mark.parametrize("seed", [SEED, CHECK_SEED])
def test_a_seed_still_gives_the_stream_that_figures_were_published_on(seed: int) -> None:
    assert digest_of(make(seed)) == DIGESTS[seed]


def test_the_stream_depends_on_nothing_but_its_seed() -> None:
    script = (
        "from pipeline.simulate.stream import make\n"
        "from tests.simulate.stream.test_make import digest_of\n"
        f"print(digest_of(make({SEED})))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("0", "1")
    }
    assert found == {digest_of(make(SEED))}


@pytest.mark.parametrize("seed", [SEED, CHECK_SEED])
def test_the_shape_is_as_described(seed: int) -> None:
    stream = make(seed)
    sizes = Counter(each.incident for each in stream.alerts if each.incident)
    assert len(stream.services) == 60
    assert len(sizes) == 186
    assert 11_000 <= len(stream.alerts) <= 11_300
    assert 8 <= median(sizes.values()) <= 10
    assert max(sizes.values()) <= 61
    unrelated = sum(1 for each in stream.alerts if not each.incident)
    assert 0.77 <= unrelated / len(stream.alerts) <= 0.79


def test_alerts_come_in_the_order_received_not_of_their_beginning() -> None:
    alerts = [each.alert for each in make(SEED).alerts]
    assert alerts == sorted(alerts, key=lambda alert: alert.received_at_ms)
    assert alerts != sorted(alerts, key=lambda alert: alert.starts_at_ms)


def test_an_incident_spreads_along_dependencies() -> None:
    stream = make(SEED)
    near: dict[str, set[str]] = {name: {name} for name in stream.services}
    for service in stream.services.values():
        for needed in service.dependencies:
            near[service.name].add(needed)
            near[needed].add(service.name)
    reach = {name: set().union(*(near[other] for other in near[name])) for name in near}
    known: dict[str, set[str]] = {}
    for alert, incident in sorted(stream.alerts, key=lambda each: each.alert.starts_at_ms):
        if incident:
            seen = known.setdefault(incident, {alert.service})
            assert seen & reach[alert.service], f"{alert.service} is far from all of {incident}"
            seen.add(alert.service)
