"""Processing jobs: their inputs laid out, their programs run within limits, their outputs put away."""
