"""Know what your model's data is doing."""

__version__ = "0.1.0"

__all__ = ["__version__"]
