"""The kind of model that foresees incidents: a logistic regression on `signals`."""

from __future__ import annotations

from typing import Final

from pipeline.domain.foresight import HEAD, Question
from pipeline.models.foresight.naming import FIGURES
from pipeline.models.foresight.signals import ROWS, VERSION, features
from pipeline.models.yesno.model import Shape, YesNoKind

SHAPE: Final = Shape(
    kind="foresight.1",
    features_version=VERSION,
    head=HEAD,
    rows_count=ROWS,
    rate=0.1,
    bias=-5.0,  # to begin with incidents are rare
    outcomes_min=2_000,
    yes_min=30,
    is_chance=True,
    figures=FIGURES,
    mark=0.5,  # below 1, since many are active at once
)

KIND: Final = YesNoKind[Question](SHAPE, features)
"""See domain.model.ModelKind."""
