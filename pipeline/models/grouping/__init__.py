"""Which alerts of a noisy scope are news, and which of those belong together (design §8)."""
