"""The revisions, each with one function `upgrade`."""
