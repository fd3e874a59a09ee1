"""REST v2 of the simulated account: pure functions from a request to a status and a JSON body.

`routes` is the table of what is served; `shapes` draws the resources as PagerDuty does.
Sources: PagerDuty's REST reference (errors, pagination, incidents) and its published OpenAPI,
against which the tests check every answer.
"""
