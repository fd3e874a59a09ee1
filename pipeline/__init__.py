"""Tocsin: the alarm bell that rings once.

    raw-alerts ─► intake:  ingest → enrich                         ─► alerts
    changes    ─► announce                                         ─► notifications
    alerts     ─► decide:  watch → correlate → sense → classify → foresee → route
                                                                   ─► notifications, incidents
    notifications ─► deliver: send ─► PagerDuty, webhooks          ─► receipts ─► back to decide
    outcomes   ─► learn:   fit                                     ─► models ─► scored by classify

Read in this order: `domain` (the values and the contract of a stage), `engine` (a Task runs a
chain of stages over a batch and returns Effects), `hosts/embedded` (commits Effects in one SQL
transaction), `stages` (what the product decides), `sinks` and `wire` (how it tells people),
`edge` (how alerts and people come in), `app` (who is wired to whom).
"""
