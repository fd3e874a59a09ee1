"""A catalog of services in layers: each needs a few of the layers below it."""

from __future__ import annotations

from random import Random
from typing import Final

from pipeline.domain.catalog import Service

LAYERS: Final = (("web", 10), ("api", 18), ("core", 18), ("store", 14))
"""From what users see down to what all depend on: 60 services."""

NEEDS: Final = ((2, 3), (1, 3), (1, 2), (0, 0))
"""The least and the most dependencies of a service of each layer."""

SKIPS_LAYER: Final = 0.2
"""So often a dependency passes over the next layer."""


def make_services(dice: Random) -> dict[str, Service]:
    """60 services by name; dependencies point to lower layers only."""
    names = [[f"{layer}-{n:02d}" for n in range(count)] for layer, count in LAYERS]
    services: dict[str, Service] = {}
    for depth, layer in enumerate(names):
        for name in layer:
            needs = _needs(dice, names[depth + 1 :], *NEEDS[depth])
            tier = min(depth + 1, 3)
            services[name] = Service(
                name=name, team=f"team-{dice.randrange(12):02d}", tier=tier, dependencies=needs
            )
    return services


def _needs(dice: Random, below: list[list[str]], least: int, most: int) -> tuple[str, ...]:
    chosen: dict[str, None] = {}
    for _ in range(dice.randint(least, most) if below else 0):
        layer = below[1] if len(below) > 1 and dice.random() < SKIPS_LAYER else below[0]
        chosen[dice.choice(layer)] = None
    return tuple(chosen)


def links_of(services: dict[str, Service]) -> dict[str, tuple[str, ...]]:
    """Who is next to whom, in either direction, in a fixed order."""
    links: dict[str, dict[str, None]] = {name: {} for name in services}
    for service in services.values():
        for needed in service.dependencies:
            links[service.name][needed] = None
            links[needed][service.name] = None
    return {name: tuple(others) for name, others in links.items()}
