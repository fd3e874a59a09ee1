"""The estate that foresight is measured on stays what it was."""

from hashlib import blake2b

import msgspec

from tests.bench.learning.precursors import CHECK_SEED, INCIDENTS, LASTS_MS, SEED, START_MS, estate


def test_the_estate_has_what_it_says() -> None:
    found = estate(SEED)
    assert len(found.needs) == 60
    assert len(found.incidents) == INCIDENTS
    assert all(START_MS <= each.at_ms < START_MS + LASTS_MS for each in found.incidents)
    assert list(found.alerts) == sorted(found.alerts, key=lambda each: each.at_ms)


def test_a_seed_gives_the_same_estate_always() -> None:
    found = [
        blake2b(msgspec.msgpack.encode(estate(seed)), digest_size=8).hexdigest()
        for seed in (SEED, CHECK_SEED)
    ]
    assert found == ["2c68ba2f055fa33c", "252965411b8bc6fb"]
