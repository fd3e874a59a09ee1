"""A subject as numbers: words and facts hashed to rows, and a few dense figures."""
