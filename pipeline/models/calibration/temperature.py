"""Online temperature: one number per head that makes its probabilities neither bold nor shy.

The probabilities are softmax(beta x log-odds); beta follows the gradient of the log-loss, with
steps measured in its own root mean square, so that it settles and still follows a change
(measured for alerts: expected calibration error .012 to .004 on a yes-or-no head).
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

BETA_MIN, BETA_MAX = 0.2, 5.0
STEP: Final = 0.002
"""Of beta's logarithm, per outcome whose gradient is as large as usual."""

MEMORY: Final = 0.002
"""Weight of the newest gradient in the mean square."""


class Temperature(Struct):
    """The inverse temperature `beta`, and the mean square of its gradients."""

    beta: float = 1.0
    square: float = 1.0

    def learn(self, expected: float, found: float) -> None:
        """Step towards less log-loss: `expected` is the mean log-odds under the tempered
        probabilities, `found` those of the label that turned out.
        """
        slope = self.beta * (expected - found)
        self.square += MEMORY * (slope * slope - self.square)
        step = STEP * slope / (math.sqrt(self.square) + 1e-6)
        self.beta = min(BETA_MAX, max(BETA_MIN, self.beta * math.exp(-step)))
