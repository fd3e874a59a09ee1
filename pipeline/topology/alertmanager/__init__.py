"""`tocsin import alertmanager.yml`: Alertmanager's configuration as a topology.yaml of ours."""

from pipeline.topology.alertmanager.times import Maintenance
from pipeline.topology.alertmanager.translate import Imported, translate

__all__ = ["Imported", "Maintenance", "translate"]
