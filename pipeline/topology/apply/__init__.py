"""Apply: what `tocsin topology plan` and `apply` ask and do of a cluster.

Read `run.py` first, then `look.py` and `act.py`; `control.py` is for workers and edges too.
"""

from pipeline.topology.apply.control import Control, read_control
from pipeline.topology.apply.errors import ClusterError, NotAuthorised, Unreachable
from pipeline.topology.apply.run import Prospect, apply, prospect

__all__ = [
    "ClusterError",
    "Control",
    "NotAuthorised",
    "Prospect",
    "Unreachable",
    "apply",
    "prospect",
    "read_control",
]
