"""`tocsin catalog load`: a folder of YAML becomes the catalog of services."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.cli.api import Api
    from pipeline.domain.catalog import Service
    from pipeline.stages.enrich.catalog import Catalog

BATCH: Final = 500
ENDINGS: Final = (".yaml", ".yml")

app = group("The catalog of services: owners, tiers, runbooks, dependencies.")


@app.command()
@failing
def load(
    folder: Annotated[Path, typer.Argument(help="A folder of YAML files, or one file.")],
    *,
    dry_run: Annotated[bool, typer.Option(help="Say what would change; write nothing.")] = False,
    prune: Annotated[
        bool, typer.Option(help="Take away services that the folder does not have.")
    ] = False,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Load services from YAML into a running Tocsin, and show what changed.

    Exit codes: 0 loaded, 1 there are complaints and nothing was loaded.
    """
    import msgspec

    from pipeline.cli.api import running
    from pipeline.cli.output import emit_json, warn
    from pipeline.domain.catalog import Service

    catalog = read_folder(folder)
    for line in (*catalog.complaints, *(f"note: {notice}" for notice in catalog.notices)):
        warn(line)
    if catalog.complaints:
        if as_json:
            emit_json({"complaints": catalog.complaints})
        raise typer.Exit(1)
    api = running(url, data)
    rows = api.rows("/api/v1/services", "services")
    known = {row["name"]: msgspec.convert(row, Service) for row in rows}
    found = difference(known, catalog, is_pruned=prune)
    if not dry_run:
        _write(api, catalog, found)
    if as_json:
        emit_json({**found, "is_dry_run": dry_run})
    else:
        _say(found, known, is_dry=dry_run)


def read_folder(folder: Path) -> Catalog:
    """The catalog of a folder's files, or of one file, with all complaints. Raises OSError."""
    import yaml

    from pipeline.domain.errors import StoreError
    from pipeline.stages.enrich.catalog import Catalog, parse_services

    files = (
        sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)
        if folder.is_dir()
        else [folder]
    )
    if not files:
        raise StoreError(f"{folder} holds no file that ends in .yaml or .yml")
    documents: list[Any] = []
    names: list[str] = []
    complaints: list[str] = []
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in files:
        try:
            for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=loader):
                documents.append(document)
                names.append(str(path))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            complaints.append(f"{path}: {' '.join(str(error).split())}")
    catalog = parse_services(documents, names)
    return Catalog(
        services=catalog.services,
        complaints=(*complaints, *catalog.complaints),
        notices=catalog.notices,
    )


def difference(
    known: Mapping[str, Service], catalog: Catalog, *, is_pruned: bool
) -> dict[str, list[str]]:
    """The names that are added, changed, unchanged and removed."""
    wanted = {service.name: service for service in catalog.services}
    both = sorted(wanted.keys() & known.keys())
    return {
        "added": sorted(wanted.keys() - known.keys()),
        "changed": [name for name in both if wanted[name] != known[name]],
        "unchanged": [name for name in both if wanted[name] == known[name]],
        "removed": sorted(known.keys() - wanted.keys()) if is_pruned else [],
    }


def _write(api: Api, catalog: Catalog, found: Mapping[str, list[str]]) -> None:
    names = {*found["added"], *found["changed"]}
    services = [service for service in catalog.services if service.name in names]
    for start in range(0, len(services), BATCH):
        api.post("/api/v1/services", {"services": services[start : start + BATCH]})
    for start in range(0, len(found["removed"]), BATCH):
        api.post("/api/v1/services", {"removed": found["removed"][start : start + BATCH]})


def _say(found: Mapping[str, list[str]], known: Mapping[str, Service], *, is_dry: bool) -> None:
    for key, mark in (("added", "+"), ("changed", "~"), ("removed", "-")):
        for name in found[key]:
            print(f"{mark} {name}")
    counts = ", ".join(f"{len(names)} {key}" for key, names in found.items() if names)
    would = " (a dry run: nothing was written)" if is_dry else ""
    print(f"{counts or 'no services'}; {len(known)} before{would}")
