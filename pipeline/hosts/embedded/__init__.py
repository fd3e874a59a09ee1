"""The embedded host: everything in one process over one SQLite file. Read `host` first."""
