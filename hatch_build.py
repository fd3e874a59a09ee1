"""What the wheel carries besides code: the schemas, the default topology and Kafka's set-up.

An editable install reads them from the checkout, so they are put into real wheels only.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CARRIED = ("schemas", "topology.yaml", "infra/kafka")


class DataHook(BuildHookInterface):
    """Places each of CARRIED that the checkout has under `pipeline/_data/`, keeping its path."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for name in CARRIED:
            source = Path(self.root, name)
            if source.exists():
                build_data["force_include"][str(source)] = f"pipeline/_data/{name}"
