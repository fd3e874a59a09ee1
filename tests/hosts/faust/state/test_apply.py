"""A law: however a changelog is cut into stretches, what they leave is the state of its epochs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.store import Checkpoint
from pipeline.hosts.faust.client.bulk import Stretch
from pipeline.hosts.faust.client.unpack import Row
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, changelog_key, encode_checkpoint
from pipeline.hosts.faust.state.memory import ChangelogMemory
from pipeline.hosts.faust.state.restore import ChangelogStore, apply
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.state.trust import Changelog

NOW_MS = 1_750_000_000_000
LOG = Changelog(topic_id="t", first=0, next=10**6, delete_retention_ms=86_400_000)
TABLES = ("t", "u", "wake-of")

Epoch = dict[tuple[str, str], bytes | None]
keys = st.text(st.characters(codec="utf-8"), max_size=3)
epochs = st.lists(
    st.dictionaries(
        st.tuples(st.sampled_from(TABLES), keys), st.none() | st.binary(max_size=4), max_size=5
    ),
    max_size=12,
)


def log_of(changed: list[Epoch]) -> list[Row]:
    """The records of some epochs, each with its checkpoint, with a hole for each marker."""
    rows: list[Row] = []
    offset = 0
    for number, changes in enumerate(changed, 1):
        records = [(changelog_key(*at), value) for at, value in changes.items()]
        last = Checkpoint(epoch=number, now_ms=NOW_MS, offsets={"alerts:0": number})
        for key, value in (*records, (CHECKPOINT_KEY, encode_checkpoint(last))):
            rows.append((key, value, offset, NOW_MS))
            offset += 1
        offset += 1
    return rows


def everything(store: ChangelogStore) -> dict[str, list[tuple[str, bytes]]]:
    return {table: list(store.scan(table, "", "\U0010ffff" * 4)) for table in TABLES}


def check_any_cut_gives_the_state(
    store: ChangelogStore, changed: list[Epoch], cuts: list[int]
) -> None:
    direct = ChangelogMemory()
    for number, changes in enumerate(changed, 1):
        last = Checkpoint(epoch=number, now_ms=NOW_MS, offsets={"alerts:0": number})
        direct.write_at(changes, last, 0)
    rows = log_of(changed)
    end = rows[-1][2] + 2 if rows else 0
    edges = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    for start, stop in pairwise(edges):
        after = rows[stop][2] if stop < len(rows) else end
        stretch = Stretch(rows[start:stop], [], after, end, end, is_empty=False)
        apply(store, stretch, NOW_MS)
        assert store.position == after
    assert everything(store) == everything(direct)
    assert store.checkpoint() == direct.checkpoint()


@given(epochs, st.lists(st.integers(0, 1_000), max_size=6))
def test_in_memory(changed: list[Epoch], cuts: list[int]) -> None:
    check_any_cut_gives_the_state(ChangelogMemory(), changed, cuts)


@settings(max_examples=25)
@given(epochs, st.lists(st.integers(0, 1_000), max_size=6))
def test_on_disk(changed: list[Epoch], cuts: list[int]) -> None:
    with TemporaryDirectory() as folder:
        store = RocksStore.open(Path(folder) / "decide-0", LOG, NOW_MS)
        check_any_cut_gives_the_state(store, changed, cuts)
        before = everything(store)
        store.close()
        again = RocksStore.open(Path(folder) / "decide-0", LOG, NOW_MS)
        assert everything(again) == before
        again.close()


def test_a_stretch_of_which_nothing_is_committed_says_nothing_of_its_age() -> None:
    store = ChangelogMemory()
    apply(store, Stretch([], [], 5, 9, 9, is_empty=False), NOW_MS)
    assert store.position == 0
    apply(store, Stretch([], [], 9, 9, 9, is_empty=False), NOW_MS)
    assert store.position == 9
