"""From a score to a chance: temperature, bins, and sets of labels that conform."""
