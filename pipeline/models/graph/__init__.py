"""Which alarm precedes which, per scope: learned alarm by alarm, kept as msgpack (design §8)."""
