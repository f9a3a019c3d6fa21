"""The model package registry, and tags of everything SageMaker's."""
