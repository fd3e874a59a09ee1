"""Which services are about to have an incident: counted, scored and learned online (design §8)."""
