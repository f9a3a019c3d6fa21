"""The AWS side: wire protocols once.

Then one file a service that turns modelled input into calls of the service layer.
"""
