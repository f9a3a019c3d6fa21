"""Which calls are captured: a percentage of all, or rules, decided by a hash of the id.

The hash makes a number in [0, 1) of the inference id, or of the event id where there is none; the call is kept when
the number is below its percentage. So one id is judged alike by every process and variant, and raising a percentage
only ever adds calls. Each call's inclusion probability is known before the draw, so weights of one over it make
unbiased estimates (Horvitz and Thompson 1952, JASA 47(260), 663-685).
"""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from watchpost.capture.fields import Field
from watchpost.errors import Misconfigured

PROBABILITY_ATTRIBUTE = "watchpost-inclusion-probability"
"""Begins the custom attribute that holds a record's inclusion probability: `watchpost-inclusion-probability=0.1`."""

_COMPARE: dict[str, Callable[[object, object], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]  # both sides are numbers or both are texts: see Condition.holds
    "<=": operator.le,  # type: ignore[dict-item]  # as above
    ">": operator.gt,  # type: ignore[dict-item]  # as above
    ">=": operator.ge,  # type: ignore[dict-item]  # as above
}
_PERCENT = r"\s*(?P<percent>[0-9]+(?:\.[0-9]+)?)\s*%?\s*"
_CLAUSE = re.compile(rf"{_PERCENT}(?:otherwise|of all|where\s+(?P<where>.+))?\s*", re.DOTALL)
_CONDITION = re.compile(r"\s*(?P<field>[^\s=!<>]+)\s*(?P<op>==|!=|<=|>=|=|<|>)\s*(?P<value>'[^']*'|\"[^\"]*\"|\S+)\s*")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of a field: with a number as numbers, with a text as texts, in the order of characters."""

    field: Field
    operator: str
    value: float | str

    def holds(self, cell: str | None) -> bool:
        """Whether a cell passes. A missing cell, and a text where a number is asked for, does not.

        >>> Condition(Field.parse("amount"), ">", 1000.0).holds("1200.5")
        True
        """
        if cell is None:
            return False
        if isinstance(self.value, str):
            return _COMPARE[self.operator](cell, self.value)
        return bool(_NUMBER.fullmatch(cell.strip())) and _COMPARE[self.operator](float(cell), self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """percentage: in [0, 100], of the calls in which every condition holds for some row."""

    percentage: float
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """The first rule whose conditions hold says the percentage; where none does, `percentage` holds. In [0, 100]."""

    percentage: float = 100.0
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        for percentage in (self.percentage, *(rule.percentage for rule in self.rules)):
            if not 0 <= percentage <= 100:
                raise Misconfigured("A sampling percentage", percentage, "a number from 0 to 100")

    @classmethod
    def parse(cls, text: str) -> "Sampling":
        """From words, clauses parted by commas; what no clause says is 0. Raises: Misconfigured.

        >>> Sampling.parse("100 % where amount > 1000, 10 % otherwise").percentage
        10.0
        """
        rules: list[Rule] = []
        otherwise = 0.0
        clauses = re.split(r",(?=(?:[^']*'[^']*')*[^']*$)", text)
        for position, clause in enumerate(clauses):
            found = _CLAUSE.fullmatch(clause)
            if found is None or (not found["where"] and position + 1 < len(clauses)):
                raise Misconfigured("Sampling", text, "words like '100 % where amount > 1000, 10 % otherwise'")
            if found["where"]:
                conditions = tuple(_condition(part, text) for part in re.split(r"\s+and\s+", found["where"]))
                rules.append(Rule(float(found["percent"]), conditions))
            else:
                otherwise = float(found["percent"])
        return cls(otherwise, tuple(rules))

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest inclusion probability a call can have, in [0, 1]."""
        percentages = [self.percentage, *(rule.percentage for rule in self.rules)]
        return min(percentages) / 100, max(percentages) / 100

    @property
    def unequal(self) -> bool:
        """Whether captured calls can have different inclusion probabilities."""
        return len({self.percentage, *(rule.percentage for rule in self.rules)} - {0.0}) > 1

    def probability(self, cells: Callable[[Field], Iterable[str | None]]) -> float:
        """The inclusion probability of a call, in [0, 1]. cells: the field's cells in all rows of the call."""
        for rule in self.rules:
            if all(any(map(condition.holds, cells(condition.field))) for condition in rule.conditions):
                return rule.percentage / 100
        return self.percentage / 100


def place_of(identifier: bytes) -> float:
    """Where an id falls in [0, 1): uniform over ids, the same in every process and version.

    >>> place_of(b"order-1")
    0.1925553...
    """
    return (int.from_bytes(blake2b(identifier, digest_size=8, person=b"wp-capture").digest()) >> 11) * 2.0**-53


def inclusion_probability(custom_attributes: Sequence[str]) -> float:
    """The inclusion probability of a captured record, in (0, 1]; 1.0 where its attributes name none.

    A record's weight in estimates is one over this.

    >>> inclusion_probability(["session=7", "watchpost-inclusion-probability=0.1"])
    0.1
    """
    for attribute in reversed(custom_attributes):
        name, _, value = attribute.partition("=")
        if name == PROBABILITY_ATTRIBUTE and _NUMBER.fullmatch(value) and 0 < float(value) <= 1:
            return float(value)
    return 1.0


def _condition(text: str, whole: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise Misconfigured("Sampling", whole, "conditions like amount > 1000 or country = 'NO', joined by `and`")
    value = found["value"]
    number = float(value) if _NUMBER.fullmatch(value) else value.strip("'\"")
    return Condition(Field.parse(found["field"]), found["op"], number)
