"""Backtest: what would have happened, had other rules or another model decided from an instant on.

`course` runs history once more by its journal, and beside it, from `--from` on, the `other` run:
the same state, the same alerts, the same time, and what is to be tried. `pairs` knows which
incident of one is which of the other, `orders` brings what people asked of the one to the other,
`fate` says what became of an incident, and `compare` makes of the pages of both a Report.
`change` and `models` read what is to be tried.
"""
