"""Whether a head is as good as it was: rolling figures, drift of its errors, and what follows."""
