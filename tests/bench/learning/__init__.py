"""How well the models learn: one module per data set, each prints its own table."""
