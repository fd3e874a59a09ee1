"""Apply: what `tocsin topology plan` and `apply` ask and do of a cluster.

Read `run.py` first, then `look.py` and `act.py`; `control.py` is for workers and edges too.
"""

from pipeline.topology.apply.connection import check_reach
from pipeline.topology.apply.control import Control, read_control
from pipeline.topology.apply.errors import ClusterError, NoAnswer, NotAuthorised
from pipeline.topology.apply.run import Prospect, apply, prospect

__all__ = [
    "ClusterError",
    "Control",
    "NoAnswer",
    "NotAuthorised",
    "Prospect",
    "apply",
    "check_reach",
    "prospect",
    "read_control",
]
