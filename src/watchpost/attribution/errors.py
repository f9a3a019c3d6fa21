"""Everything that can keep a prediction from being explained.

```
AttributionError (WatchpostError)
├── UnsupportedModel              this explainer cannot open that model
├── MissingPackage                the model's library, or `shap`, is not installed
├── UnfitRows                     the rows do not fit the model or the explainer (also an InputError)
├── BudgetTooSmall                num_samples does not pay for the fewest coalitions that identify the attributions
├── ModelUnreachable              the endpoint did not answer
├── ModelFault                    the model answered, but not with one finite score per row
└── Incomparable                  two sides' attributions were made too differently to be compared
```
"""

from watchpost.errors import InputError, WatchpostError


class AttributionError(WatchpostError):
    """A prediction cannot be explained."""

    code = "attribution"


class UnsupportedModel(AttributionError):
    """An explainer was given a model it cannot open."""

    code = "unsupported-model"

    def __init__(self, explainer: str, model: object, expected: str) -> None:
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        super().__init__(
            f"Explainer {explainer!r} cannot explain a {kind}: expected {expected}. "
            f"Hand its prediction function to 'kernel_shap' instead."
        )
        self.explainer, self.kind = explainer, kind


class MissingPackage(AttributionError):
    """A package that the model needs is not installed."""

    code = "missing-package"

    def __init__(self, package: str, needed_for: str) -> None:
        super().__init__(
            f"Package {package!r} is not installed, and {needed_for} needs it. "
            f"Install it with `pip install 'watchpost[explain]'`, or on its own."
        )
        self.package = package


class UnfitRows(AttributionError, InputError):
    """The rows do not fit the model, or the explainer."""

    code = "unfit-rows"

    def __init__(self, why: str, todo: str) -> None:
        super().__init__(f"The rows cannot be explained: {why}. {todo}.")


class BudgetTooSmall(AttributionError):
    """`num_samples` does not pay for the fewest coalitions that identify the attributions; `least` would."""

    code = "budget-too-small"

    def __init__(self, num_samples: int, least: int, features: int, background_rows: int) -> None:
        super().__init__(
            f"num_samples {num_samples} is too small for {features} features and {background_rows} baseline rows: "
            f"at least {least} model rows per explained row are needed. Raise num_samples or give fewer baseline rows."
        )
        self.num_samples, self.least = num_samples, least


class ModelUnreachable(AttributionError):
    """The endpoint did not answer, or answered with an error status (`status`, if there was one)."""

    code = "model-unreachable"

    def __init__(self, where: str, why: str, status: int | None = None) -> None:
        super().__init__(f"The model at {where} did not answer: {why}. Check that it is up and accepts this content.")
        self.where, self.status = where, status


class ModelFault(AttributionError):
    """The model answered, but not with what was asked for."""

    code = "model-fault"

    def __init__(self, why: str, todo: str = "Check the model with one of these rows") -> None:
        super().__init__(f"The model's answer cannot be used: {why}. {todo}.")


class Incomparable(AttributionError):
    """Two sides' attributions were made so differently that comparing them says nothing."""

    code = "incomparable-attributions"

    def __init__(self, why: str, todo: str) -> None:
        super().__init__(f"The attributions cannot be compared: {why}. {todo}.")
