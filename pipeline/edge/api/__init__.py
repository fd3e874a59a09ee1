"""The API: what people and programs may ask and do, under `/api/v1`."""

from __future__ import annotations

from typing import Any, Final

from pipeline.edge.api import (
    about,
    catalog,
    changes,
    commands,
    dead_letters,
    graphs,
    incidents,
    models,
    notices,
    silences,
)

ROUTES: Final[tuple[Any, ...]] = (
    *incidents.ROUTES,
    *commands.ROUTES,
    *silences.ROUTES,
    *dead_letters.ROUTES,
    *notices.ROUTES,
    *changes.ROUTES,
    *catalog.ROUTES,
    *models.ROUTES,
    *graphs.ROUTES,
    *about.ROUTES,
)
