"""Feature attribution: explainers, global attributions, and how far their order moved."""
