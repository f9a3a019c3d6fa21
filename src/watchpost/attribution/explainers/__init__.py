"""Explainers: one way each to attribute a model's output to its features, one file each, found by its name.

Every member offers the same record (`Explainer`): what it can open, and `explain`, a Task and a random generator in and
an Explanation out. `choose` finds the member for a model: an exact one where there is one, else Kernel SHAP.
"""

from watchpost.attribution.explainers._explainer import EXPLAINERS, Explainer, Task, choose

__all__ = ["EXPLAINERS", "Explainer", "Task", "choose"]
