"""Stores: where everything is kept. `store` holds what the service asks for; one backend a file or folder."""
