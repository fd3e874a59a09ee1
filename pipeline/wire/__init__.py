"""What leaves the process over the network: the one HTTP client and the delivery loop."""
