"""The catalog as people write it: documents of services become values, with all complaints.

A document is one service, a list of them, or `{services: [...]}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from pipeline.domain.catalog import Service

SERVICES_MAX: Final = 100_000
"""Services of one catalog; more are refused."""

DEPENDENCIES_MAX: Final = 500
"""Dependencies of one service; more are refused."""

_FIELDS: Final = frozenset(Service.__struct_fields__)


class Catalog(Struct, frozen=True, kw_only=True):
    """What the documents hold. With `complaints` nothing should be loaded; `notices` are worth
    knowing and no fault: services that need each other in a circle.
    """

    services: tuple[Service, ...] = ()
    complaints: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def parse_services(documents: Sequence[Any], names: Sequence[str] = ()) -> Catalog:
    """Read all documents and find all faults at once; `names` says where each comes from."""
    complaints: list[str] = []
    services: dict[str, Service] = {}
    homes: dict[str, str] = {}
    for where, entry in _entries(documents, names):
        service = _service(where, entry, complaints)
        if service is None:
            continue
        if service.name in services:
            complaints.append(f"{where}: {service.name} is already in {homes[service.name]}")
            continue
        services[service.name], homes[service.name] = service, where
    if len(services) > SERVICES_MAX:
        complaints.append(f"{len(services)} services, {SERVICES_MAX} are allowed")
    for service in services.values():
        complaints.extend(
            f"{homes[service.name]}: {service.name} depends on {needed}, which is not in the "
            "catalog: add it or correct its name"
            for needed in service.dependencies
            if needed not in services
        )
    return Catalog(
        services=tuple(services.values()),
        complaints=tuple(complaints),
        notices=tuple(
            f"these need each other in a circle: {', '.join(circle)}"
            for circle in circles(services)
        ),
    )


def _entries(documents: Sequence[Any], names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for number, document in enumerate(documents):
        where = names[number] if number < len(names) else f"document {number + 1}"
        if document is None:
            continue  # an empty document, as after the last `---`
        entries = document
        if isinstance(document, Mapping) and "services" in document:
            entries = document["services"]
        if isinstance(entries, list):
            for index, entry in enumerate(entries):
                yield f"{where}[{index}]", entry
        else:
            yield where, entries


def _service(where: str, entry: Any, complaints: list[str]) -> Service | None:
    if not isinstance(entry, Mapping):
        complaints.append(f"{where}: a service is a mapping with at least a name")
        return None
    unknown = sorted(str(name) for name in entry if name not in _FIELDS)
    if unknown:
        known = ", ".join(Service.__struct_fields__)
        complaints.append(f"{where}: {', '.join(unknown)} is not known here; known are {known}")
        return None
    try:
        service = msgspec.convert(dict(entry), Service)
    except msgspec.ValidationError as error:
        complaints.append(f"{where}: {error}")
        return None
    if not service.name:
        complaints.append(f"{where}: the name is empty")
        return None
    if len(service.dependencies) > DEPENDENCIES_MAX:
        complaints.append(
            f"{where}: {len(service.dependencies)} dependencies, {DEPENDENCIES_MAX} are allowed"
        )
        return None
    return service


def circles(services: Mapping[str, Service]) -> list[tuple[str, ...]]:
    """The groups of services that need each other, each sorted: Kosaraju's two walks."""
    needs = {
        name: [one for one in service.dependencies if one in services]
        for name, service in services.items()
    }
    needed_by: dict[str, list[str]] = {name: [] for name in services}
    for name, dependencies in needs.items():
        for one in dependencies:
            needed_by[one].append(name)
    finished: list[str] = []
    seen: set[str] = set()
    for name in services:
        finished.extend(_walk(name, needs, seen))
    found: list[tuple[str, ...]] = []
    seen.clear()
    for name in reversed(finished):
        group = _walk(name, needed_by, seen)
        if len(group) > 1 or (group and name in needs[name]):
            found.append(tuple(sorted(group)))
    return sorted(found)


def _walk(start: str, edges: Mapping[str, list[str]], seen: set[str]) -> list[str]:
    """Everything newly reached from `start`, each after all that it reaches."""
    if start in seen:
        return []
    seen.add(start)
    finished: list[str] = []
    path = [(start, iter(edges[start]))]
    while path:
        name, rest = path[-1]
        following = next((one for one in rest if one not in seen), None)
        if following is None:
            finished.append(name)
            path.pop()
        else:
            seen.add(following)
            path.append((following, iter(edges[following])))
    return finished
