"""What stands in for the world: neighbours with their real rules, and streams of alerts."""
