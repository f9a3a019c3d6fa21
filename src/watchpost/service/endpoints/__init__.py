"""Endpoints: models behind a gateway that routes, measures and captures requests."""
