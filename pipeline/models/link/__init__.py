"""Whether an alert belongs to an open incident nearby: learned from what people merge and split."""
