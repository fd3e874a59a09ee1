"""How well alerts are grouped, and at what cost: `python -m tests.bench.correlation`.

The simulated stream has a known truth: pairwise F1 and B-cubed over all alerts of its second
half, beside simple rules. The recorded ones are read where they lie, and passed over visibly
where they do not.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from time import process_time
from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.simulate.stream import CHECK_SEED, SEED, Stream, make
from tests.bench.clusters import Agreement, agreement
from tests.bench.grouped import chain_of, records_of, run
from tests.bench.recorded import DATASETS, Labelled, causal_links, ids_alerts, network_alarms

DEPENDENCY: Final[Mapping[str, Any]] = {
    "hops": 2,
    "gap": "3m",
    "same": ["region"],
    "small": {"alerts": 3, "hops": 1, "gap": "1m"},
}
"""Chosen on the seeds 11 to 14 of the stream, not on the two that are printed."""

PAIRWISE_F1_MIN: Final = 0.82
BCUBED_F1_MIN: Final = 0.94

PLAIN: Final = {"same": ["region"]}
SECTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "dependency, 1 hop, 2m": {"dependency": {"hops": 1, "gap": "2m", **PLAIN}},
    "dependency, 2 hops, 2m": {"dependency": {"hops": 2, "gap": "2m", **PLAIN}},
    "dependency, 2 hops, 3m, small": {"dependency": DEPENDENCY},
}


def measure(stream: Stream, section: Mapping[str, Any]) -> tuple[Agreement, float]:
    """The agreement on the second half, and the µs per alert, of the real stage."""
    found = run([each.alert for each in stream.alerts], section, stream.services)
    return second_half(stream, found.incidents), found.us_per_alert


def second_half(stream: Stream, predicted: Sequence[object]) -> Agreement:
    """The agreement on the second half of the stream; what has no incident stands alone."""
    true = [each.incident or f"alone-{n}" for n, each in enumerate(stream.alerts)]
    guess = [each or f"alone-{n}" for n, each in enumerate(predicted)]
    half = len(true) // 2
    return agreement(true[half:], guess[half:])


def sessions(
    alerts: Iterable[Alert], key: Callable[[Alert], object], gap_ms: int
) -> list[tuple[object, int]]:
    """A simple rule: what has the same key belongs together until a pause of `gap_ms`."""
    last: dict[object, int] = {}
    number: Counter[object] = Counter()
    found = []
    for alert in alerts:
        mark = key(alert)
        if alert.starts_at_ms - last.get(mark, -(10**15)) > gap_ms:
            number[mark] += 1
        last[mark] = alert.starts_at_ms
        found.append((mark, number[mark]))
    return found


def print_stream(seed: int) -> Agreement:
    """One table for one seed; what the last, the recommended section reaches."""
    stream = make(seed)
    alerts = [each.alert for each in stream.alerts]
    incidents = len({each.incident for each in stream.alerts} - {""})
    print(f"\nsimulated stream, seed {seed}: {len(alerts)} alerts, {incidents} incidents")
    print(f"{'':32}{'pair F1':>9}{'B3 P':>8}{'B3 R':>8}{'B3 F1':>8}{'groups':>8}{'µs':>8}")
    simple: dict[str, Sequence[object]] = {
        "all alone": range(1, len(alerts) + 1),
        "time gap 60 s": sessions(alerts, lambda _: "", 60_000),
        "same service, 300 s": sessions(alerts, lambda alert: alert.service, 300_000),
    }
    for name, predicted in simple.items():
        _print_line(name, second_half(stream, predicted), "")
    found = second_half(stream, range(1, len(alerts) + 1))
    for name, section in SECTIONS.items():
        found, us_per_alert = measure(stream, section)
        _print_line(name, found, f"{us_per_alert:8.0f}")
    print("(µs: whole task, one epoch per alert, wakes and encoded incidents included)")
    return found


def _print_line(name: str, found: Agreement, cost: str) -> None:
    pair, precision, recall, bcubed, groups = found
    print(f"{name:32}{pair:9.3f}{precision:8.3f}{recall:8.3f}{bcubed:8.3f}{groups:8}{cost}")


def print_cost() -> None:
    """CPU per alert in epochs of 500: repetitions, and new alerts that join or open."""
    stream = make(SEED)
    alerts = [each.alert for each in stream.alerts][:2_000]
    now_ms = alerts[-1].received_at_ms
    chain = chain_of({"dependency": DEPENDENCY}, stream.services, now_ms)
    fresh = [replace(alert, starts_at_ms=now_ms, ends_at_ms=0) for alert in alerts]
    for name, given in (("new", fresh), ("repeated", fresh * 5)):
        spent = 0.0
        for start in range(0, len(given), 500):
            records = records_of(chain, given[start : start + 500])
            begun = process_time()
            effects = chain.task.run(records, now_ms)
            spent += process_time() - begun
            chain.store.write(effects.changes, effects.checkpoint)
            chain.task.committed()
        print(f"{name:12}{1e6 * spent / len(given):8.1f} µs per alert")


def print_ids() -> None:
    """IDS alerts: how many groups remain, and how well attacks keep together and apart."""
    labelled = ids_alerts()
    alerts = [each.alert for each in labelled]
    print(f"\nait-ads: {len(alerts)} alerts; purity: mean, over groups with a step of an attack,")
    print("of the largest step's share; recall: mean over phases of the largest group's share")
    print(f"{'':32}{'groups':>8}{'reduced':>9}{'attack':>8}{'purity':>8}{'recall':>8}{'µs':>8}")
    for name, by, gap in (
        ("by host, 2m", ["host"], "2m"),
        ("by host and kind, 2m", ["host", "short"], "2m"),
        ("by kind, 10m", ["short"], "10m"),
    ):
        rules = [{"name": "bench", "group_by": by, "gap": gap}]
        found = run(alerts, {"rules": rules, "reopen": "off", "quiet": "off"})
        groups = len(set(found.incidents))
        attack, purity, recall = attack_groups(labelled, found.incidents)
        reduced = 1 - groups / len(alerts)
        print(
            f"{name:32}{groups:8}{reduced:9.2%}{attack:8}{purity:8.3f}{recall:8.3f}"
            f"{found.us_per_alert:8.0f}"
        )


def attack_groups(
    labelled: Sequence[Labelled], groups: Sequence[object]
) -> tuple[int, float, float]:
    """(groups with a step of an attack, their mean purity, macro recall over phases)."""
    steps: dict[object, Counter[str]] = defaultdict(Counter)
    phases: dict[str, Counter[object]] = defaultdict(Counter)
    for each, group in zip(labelled, groups, strict=True):
        steps[group][each.step] += 1
        if each.phase:
            phases[each.phase][group] += 1
    held = [counts for counts in steps.values() if any(counts)]
    purity = fmean(max(counts.values()) / counts.total() for counts in held)
    recall = fmean(max(counts.values()) / counts.total() for counts in phases.values())
    return len(held), purity, recall


def print_network() -> None:
    """Network alarms: how many groups remain, and how often a pair in one is a causal one."""
    alarms = network_alarms()
    links = causal_links()
    kinds = Counter(alarm.name for alarm in alarms)
    chance = _causal_share([Counter(kinds)], links)
    print(f"\ngcastle 18V_55N: {len(alarms)} alarms of {len(kinds)} kinds; causal: share of the")
    print(f"pairs of different kinds in a group that are linked (by chance {chance:.3f})")
    print(f"{'':32}{'groups':>8}{'reduced':>9}{'causal':>8}{'µs':>8}")
    for name, by, gap in (
        ("by device, 1m", ["host"], "1m"),
        ("by device, 10m", ["host"], "10m"),
    ):
        rules = [{"name": "bench", "group_by": by, "gap": gap}]
        found = run(alarms, {"rules": rules, "reopen": "off", "quiet": "off"})
        groups: dict[str, Counter[str]] = defaultdict(Counter)
        for alarm, group in zip(alarms, found.incidents, strict=True):
            groups[group][alarm.name] += 1
        reduced = 1 - len(groups) / len(alarms)
        causal = _causal_share(groups.values(), links)
        print(f"{name:32}{len(groups):8}{reduced:9.2%}{causal:8.3f}{found.us_per_alert:8.0f}")


def _causal_share(groups: Iterable[Counter[str]], links: set[tuple[str, str]]) -> float:
    linked = pairs = 0
    for kinds in groups:
        names = sorted(kinds)
        for position, one in enumerate(names):
            for other in names[position + 1 :]:
                pairs += 1
                linked += (one, other) in links
    return linked / pairs if pairs else 0.0


def main() -> int:
    """Print all tables; exit 1 where the simulated stream is grouped worse than promised."""
    found = print_stream(SEED)
    print_stream(CHECK_SEED)
    print("\nthe task in epochs of 500")
    print_cost()
    for name, table in (("ait-ads", print_ids), ("gcastle", print_network)):
        if (DATASETS / name).is_dir():
            table()
        else:
            print(f"\n{name}: skipped, there is no {DATASETS / name}")
    is_good = found.pairwise_f1 >= PAIRWISE_F1_MIN and found.bcubed_f1 >= BCUBED_F1_MIN
    print(f"\npairwise F1 ≥ {PAIRWISE_F1_MIN} and B-cubed F1 ≥ {BCUBED_F1_MIN}: {is_good}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
