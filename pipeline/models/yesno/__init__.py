"""Models that answer yes or no, of few active features among many."""
