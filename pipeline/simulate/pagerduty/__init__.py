"""A simulator of PagerDuty: Events v2, REST v2 and webhooks v3, with faults on demand.

Read `model` (what an event comes to), `life` (an incident's life) and `calls` (the judge's book)
first; they are pure. `desk` joins them, `face` puts HTTP in front, `server` starts and stops it.
"""

from pipeline.simulate.pagerduty.server import PagerDutySimulator, serve

__all__ = ["PagerDutySimulator", "serve"]
