"""Small populations, and a second rendering of every formula: plain loops over rows, from the contract alone."""

import math
from dataclasses import dataclass

import polars as pl
from hypothesis import strategies as st

from watchpost.bias import EachValue, FacetRule, Grouping, OneOf


@dataclass(frozen=True)
class Person:
    facet: bool
    label: bool
    predicted: bool
    group: str = "g"
    weight: int = 1


people = st.builds(Person, st.booleans(), st.booleans(), st.booleans(), st.sampled_from("ghi"), st.integers(1, 4))
populations = st.lists(people, min_size=1, max_size=40)

WHO = Grouping("label", OneOf((1,)), (FacetRule(("facet",), (OneOf((1,)),)),), "predicted", OneOf((1,)), "group")


def frame(population, *, weighted=False):
    columns = {
        "facet": [int(p.facet) for p in population],
        "label": [int(p.label) for p in population],
        "predicted": [int(p.predicted) for p in population],
        "group": [p.group for p in population],
    }
    weights = {"weight": [p.weight for p in population]} if weighted else {}
    schema = {name: pl.String if name == "group" else pl.Int64 for name in columns | weights}
    return pl.DataFrame(columns | weights, schema=schema)


def each_value(who=WHO):
    return Grouping(who.label, who.positive_label, (FacetRule(("group",), (EachValue(),)),), who.predicted)


def divide(above, below):
    if below:
        return above / below
    return 0.0 if not above else math.inf


def minus(left, right):
    return 0.0 if left == right else left - right


class Counted:
    """The counts of contract 7.2 for some people, n1 for n¹ and p1 for its hat."""

    def __init__(self, some):
        self.n = self.n1 = self.n0 = self.p1 = self.p0 = self.tp = self.tn = self.fp = self.fn = 0
        for p in some:
            self.n += 1
            self.n1 += p.label
            self.n0 += not p.label
            self.p1 += p.predicted
            self.p0 += not p.predicted
            self.tp += p.label and p.predicted
            self.tn += not p.label and not p.predicted
            self.fp += not p.label and p.predicted
            self.fn += p.label and not p.predicted


def reference(population):
    """Every metric but FT by name; None where the contract has an error instead of a value."""
    a = Counted(p for p in population if not p.facet)
    d = Counted(p for p in population if p.facet)
    values = dict.fromkeys(
        ("AD", "CI", "DAR", "DCA", "DCR", "DI", "DPL", "DPPL", "DRR", "JS", "KL", "KS", "LP", "RD", "SD", "TE", "TVD")
    )
    if a.n and d.n:
        values |= {
            "CI": (a.n - d.n) / (a.n + d.n),
            "DPL": a.n1 / a.n - d.n1 / d.n,
            "DPPL": a.p1 / a.n - d.p1 / d.n,
            "DI": divide(d.p1 / d.n, a.p1 / a.n),
            "DCA": minus(divide(a.n1, a.p1), divide(d.n1, d.p1)),
            "DCR": minus(divide(d.n0, d.p0), divide(a.n0, a.p0)),
            "RD": divide(a.tp, a.n1) - divide(d.tp, d.n1),
            "SD": divide(d.tn, d.n0) - divide(a.tn, a.n0),
            "DAR": divide(a.tp, a.p1) - divide(d.tp, d.p1),
            "DRR": divide(d.tn, d.p0) - divide(a.tn, a.p0),
            "AD": (a.tp + a.tn) / a.n - (d.tp + d.tn) / d.n,
            "TE": minus(divide(d.fn, d.fp), divide(a.fn, a.fp)),
            **distances(a, d),
        }
    values["CDDL"] = disparity(population, lambda p: p.label)
    values["CDDPL"] = disparity(population, lambda p: p.predicted)
    values["GE"] = entropy(population)
    return values


def distances(a, d):
    shares = [(a.n1 / a.n, d.n1 / d.n), (a.n0 / a.n, d.n0 / d.n)]
    common = [(p, q) for p, q in shares if p and q]
    if not common:
        return {}
    return {
        "KL": sum(p * math.log(p / q) for p, q in common),
        "JS": sum(p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q)) for p, q in common) / 2,
        "LP": math.sqrt(sum((p - q) ** 2 for p, q in common)),
        "TVD": sum(abs(p - q) for p, q in common) / 2,
        "KS": max(abs(p - q) for p, q in common),
    }


def disparity(population, favoured):
    if len({favoured(p) for p in population}) < 2:
        return None
    total = 0.0
    for group in {p.group for p in population}:
        inside = [p for p in population if p.group == group]
        yes, no = [p for p in inside if favoured(p)], [p for p in inside if not favoured(p)]
        refused = sum(p.facet for p in no) / len(no) if no else 0.0
        accepted = sum(p.facet for p in yes) / len(yes) if yes else 0.0
        total += len(inside) * (refused - accepted)
    return total / len(population)


def entropy(population):
    benefits = [p.predicted - p.label + 1 for p in population]
    mean = sum(benefits) / len(benefits)
    return sum((b / mean) ** 2 - 1 for b in benefits) / (2 * len(benefits)) if mean else None
