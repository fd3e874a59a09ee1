"""The composition root: the only room that knows everybody.

`compose` builds the agents that topology.yaml declares; `embedded` runs them in one process, with
its `upkeep`; `serving` puts the edge in front. `demo` is all of that with a storm. `past` replays
what was decided, `whatif` decides it by other rules, `trial` tries a receiver, and `checkup` reads
what the doctor wants to know.
"""
