"""Migrate: carries what an application holds onto Kafka, without changing where it came from.

Read `carry` first: a source (`folder`, `cluster`) is read in `units`, which go to the places that
`routing` says, by the transactions of `mover`. `survey` says beforehand what would be carried, and
what speaks against it. This package alone knows both hosts.
"""
