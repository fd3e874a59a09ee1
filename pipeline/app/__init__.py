"""The composition root: the only room that knows everybody.

`compose` builds the agents that topology.yaml declares; `embedded` runs them in one process, with
its `upkeep`; `serving` puts the edge in front. `demo` is all of that with a storm. `past` replays
what was decided, `backtest` holds other rules or another model against it, `trial` tries a
receiver, and `checkup` reads what the doctor wants to know. On Kafka `working` runs the agents and
`deliveries` makes their calls, and `front` shows them to Faust: `faust -A pipeline.app worker`.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`app`, which Faust's command looks for; made when it is asked for, since it loads Faust."""
    if name != "app":
        raise AttributeError(name)
    from pipeline.app.front import front  # noqa: PLC0415  (nobody else needs it)

    globals()["app"] = made = front()
    return made
