"""A simulator of PagerDuty: Events v2, REST v2 and webhooks v3, with faults on demand.

    POST /v2/enqueue, /v2/change/enqueue    as PagerDuty takes and refuses them
    GET, PUT, POST /incidents, /services …  REST v2 with any token (`rest.routes` has the table)
    GET /_sim/events?since=, /_sim/summary  what was received, and what it came to per dedup_key
    POST /_sim/faults                       {"faults": [{"kind": "status", "status": 500,
                                            "share": 0.05}], "seed": 1}; kinds in `faults`
    GET /_sim/webhooks, POST /_sim/reset    deliveries that were tried; a fresh account

Read `model` (what an event comes to), `life` (an incident's life) and `calls` (the judge's book)
first; they are pure. `desk` joins them, `face` puts HTTP in front, `server` starts and stops it.
"""

from pipeline.simulate.pagerduty.server import PagerDutySimulator, serve

__all__ = ["PagerDutySimulator", "serve"]
