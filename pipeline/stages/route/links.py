"""The links and images that an incident's annotations carry for the person who is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from pipeline.domain.notification import Link

LINKS_MAX: Final = 10
"""Links and images on one notification; further ones are left out."""

HREF_SIZE_MAX: Final = 2_048
"""Characters of one address; a longer one is left out, since a cut one leads elsewhere."""

_LINKS: Final = (
    ("runbook_url", "Runbook"),
    ("runbook", "Runbook"),
    ("dashboard_url", "Dashboard"),
    ("dashboard", "Dashboard"),
    ("dashboardURL", "Dashboard"),
    ("panel_url", "Panel"),
    ("panelURL", "Panel"),
    ("generator_url", "Source"),
    ("generatorURL", "Source"),
    ("silence_url", "Silence"),
    ("silenceURL", "Silence"),
)
CATALOG: Final = "link."
"""How annotations begin that hold the links of a service's entry in the catalog."""

_IMAGES: Final = ("image_url", "imageURL")


def links_of(annotations: Mapping[str, str]) -> tuple[Link, ...]:
    """Links (http or https) and images (https only), each address once, in a fixed order."""
    found: dict[str, Link] = {}
    for name, text in _LINKS:
        href = annotations.get(name, "")
        if href and _leads_to(href, ("http", "https")):
            found.setdefault(href, Link(href=href, text=text))
    for name, href in annotations.items():
        if name.startswith(CATALOG) and _leads_to(href, ("http", "https")):
            found.setdefault(href, Link(href=href, text=name.removeprefix(CATALOG).capitalize()))
    for name in _IMAGES:
        href = annotations.get(name, "")
        if href and _leads_to(href, ("https",)):
            found[href] = Link(href=href, text="Image", is_image=True)
    return tuple(found.values())[:LINKS_MAX]


def _leads_to(href: str, schemes: tuple[str, ...]) -> bool:
    if len(href) > HREF_SIZE_MAX or not href.isprintable() or " " in href:
        return False
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)
