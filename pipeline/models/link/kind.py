"""The kind of model that learns links: whether an alert belongs to an open incident nearby.

Until OUTCOMES_MIN pairs were confirmed or denied by people it believes nothing, and the dependency
rule decides.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.link import HEAD, Pair
from pipeline.models.link.pair import ROWS, VERSION, features
from pipeline.models.yesno.model import Shape, YesNoKind

OUTCOMES_MIN: Final = 500

SHAPE: Final = Shape(
    kind="links.1",
    features_version=VERSION,
    head=HEAD,
    rows_count=ROWS,
    rate=0.1,
    bias=-2.0,
    outcomes_min=OUTCOMES_MIN,
)

KIND: Final[YesNoKind[Pair]] = YesNoKind(SHAPE, features)
