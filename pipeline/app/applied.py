"""Applied: nobody runs rules on a cluster that are not those that were applied to it."""

from __future__ import annotations

from pipeline.domain.errors import UsageError
from pipeline.topology.apply.control import Control
from pipeline.topology.declared import Topology


def check_applied(topology: Topology, control: Control) -> None:
    """Raises UsageError where the rules at hand are not those that were applied."""
    if control.migrating:
        raise UsageError(
            "a migration into this cluster has not ended: run `tocsin migrate` again, it goes on"
            " where it stopped"
        )
    if not control.applied:
        raise UsageError(
            "nothing was applied to this cluster yet: run `tocsin topology apply` once"
        )
    if control.applied != topology.hash:
        raise UsageError(
            f"topology.yaml has the hash {topology.hash}, applied was {control.applied}:"
            " run `tocsin topology plan` to see the difference, and `apply` to take it over"
        )
