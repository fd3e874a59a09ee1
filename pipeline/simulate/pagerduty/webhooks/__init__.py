"""Webhooks v3 of the simulated account: who subscribed, what is told to them, signed and retried.

`book` holds subscriptions and waiting deliveries without I/O; `events` draws and signs the
bodies; `courier` makes the calls through a `post` that the caller hands in.
Sources: PagerDuty's documentation of v3 webhooks: overview, behavior, signatures.
"""
