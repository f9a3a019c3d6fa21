"""The rule of a composite alarm: a Boolean expression over the states of other alarms.

```
rule := or ;  or := and ("OR" and)* ;  and := not ("AND" not)* ;  not := "NOT" not | atom
atom := "TRUE" | "FALSE" | "(" rule ")" | STATE "(" name ")"
      | "AT_LEAST" "(" (int | int "%") "," ["NOT"] STATE "," "(" name ("," name)* ")" ")"
```
STATE is ALARM, OK or INSUFFICIENT_DATA. A name is an alarm's name or ARN, bare (no blank, parenthesis, comma) or in
double quotes with `\\"` inside.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from watchpost.alarms.records import ALARM, OK, State, alarm_name
from watchpost.errors import Refused

MOST_CHILDREN, MOST_ELEMENTS, MOST_PARENTS = 100, 500, 150

_TOKEN = re.compile(r'\s*(?:([(),])|"((?:[^"\\]|\\.)*)"|([^\s(),"]+))')
_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
_RANKS = {"NOT": 3, "AND": 2, "OR": 1}


@dataclass(frozen=True, slots=True)
class Is:
    """Whether an alarm is in a state."""

    state: str
    name: str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Whether so many of the alarms (a count, or percent of them) are in a state, or not in it when `negated`."""

    count: int
    percent: bool
    negated: bool
    state: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE or FALSE."""

    value: bool


Step = Is | AtLeast | Constant | str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in postfix order: tests push a truth, `NOT`, `AND`, `OR` combine what was pushed."""

    steps: tuple[Step, ...]

    @property
    def children(self) -> tuple[str, ...]:
        """Names of the alarms it looks at, each once, in the order of the text."""
        names: dict[str, None] = {}
        for step in self.steps:
            match step:
                case Is(_, name):
                    names[name] = None
                case AtLeast():
                    names.update(dict.fromkeys(step.names))
        return tuple(names)

    def state(self, state_of: Callable[[str], State | None]) -> State:
        """ALARM if the rule is true, else OK. `state_of` a name answers None for an alarm that is not there."""
        truths: list[bool] = []
        for step in self.steps:
            match step:
                case "NOT":
                    truths.append(not truths.pop())
                case "AND" | "OR":
                    right, left = truths.pop(), truths.pop()
                    truths.append((left and right) if step == "AND" else (left or right))
                case Is(state, name):
                    truths.append(state_of(name) == state)
                case Constant(value):
                    truths.append(value)
                case AtLeast():
                    truths.append(_at_least(step, state_of))
        return ALARM if truths.pop() else OK


def _at_least(test: AtLeast, state_of: Callable[[str], State | None]) -> bool:
    found = sum((state_of(name) == test.state) != test.negated for name in test.names)
    return found * 100 >= test.count * len(test.names) if test.percent else found >= test.count


def parse_rule(text: str) -> Rule:
    """The rule that a text writes.

    Raises: Refused (ValidationError): it is no rule, or exceeds 100 alarms or 500 elements.
    """
    rule = _Reader(text).rule()
    elements = sum(len(step.names) if isinstance(step, AtLeast) else 1 for step in rule.steps)
    if len(rule.children) > MOST_CHILDREN:
        raise Refused("ValidationError", f"AlarmRule must not reference more than {MOST_CHILDREN} alarms")
    if elements > MOST_ELEMENTS:
        raise Refused("ValidationError", f"AlarmRule must not contain more than {MOST_ELEMENTS} elements")
    return rule


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    quoted: bool = False


class _Reader:
    """Reads a rule by operator precedence with stacks of its own, so that depth costs no recursion."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._tokens = self._split()

    def _split(self) -> list[_Token]:
        tokens, at, end = [], 0, len(self._text.rstrip())
        while at < end:
            found = _TOKEN.match(self._text, at)
            if found is None:
                raise self._wrong("an unfinished quotation", at)
            mark, quoted, word = found.groups()
            start = found.end() - len(found[0].lstrip())
            if quoted is not None:
                tokens.append(_Token(re.sub(r"\\(.)", r"\1", quoted), start, quoted=True))
            else:
                tokens.append(_Token(mark or word, start))
            at = found.end()
        return tokens

    def rule(self) -> Rule:
        out: list[Step] = []
        waiting: list[_Token] = []
        wants_test = True
        while self._at < len(self._tokens):
            token = self._next()
            operator = None if token.quoted else token.text
            if wants_test and operator in {"NOT", "("}:
                waiting.append(token)
            elif wants_test:
                out.append(self._test(token))
                wants_test = False
            elif operator in {"AND", "OR"}:
                while waiting and _RANKS.get(waiting[-1].text, 0) >= _RANKS[operator]:
                    out.append(waiting.pop().text)
                waiting.append(token)
                wants_test = True
            elif operator == ")":
                self._close(token, waiting, out)
            else:
                raise self._wrong(f"{token.text!r} where AND, OR or ) should stand", token.at)
        if wants_test:
            raise self._wrong("the end where a condition should stand", len(self._text))
        while waiting:
            token = waiting.pop()
            if token.text == "(":
                raise self._wrong("a parenthesis that is not closed", token.at)
            out.append(token.text)
        return Rule(tuple(out))

    def _close(self, token: _Token, waiting: list[_Token], out: list[Step]) -> None:
        while waiting and waiting[-1].text != "(":
            out.append(waiting.pop().text)
        if not waiting:
            raise self._wrong("a parenthesis that was not opened", token.at)
        waiting.pop()

    def _test(self, token: _Token) -> Step:
        match token.text:
            # The guide itself writes them in lower case where it tells how to break a cycle.
            case "TRUE" | "FALSE" | "true" | "false" if not token.quoted:
                return Constant(token.text.upper() == "TRUE")
            case "ALARM" | "OK" | "INSUFFICIENT_DATA" if not token.quoted:
                self._expect("(")
                name = self._name()
                self._expect(")")
                return Is(token.text, name)
            case "AT_LEAST" if not token.quoted:
                return self._at_least()
        raise self._wrong(f"{token.text!r} where a condition should stand", token.at)

    def _at_least(self) -> AtLeast:
        self._expect("(")
        count = self._next()
        number, percent = count.text.removesuffix("%"), count.text.endswith("%")
        if count.quoted or not (number.isascii() and number.isdigit()) or len(number) > 5:
            raise self._wrong(f"{count.text!r} where a count or a percentage should stand", count.at)
        self._expect(",")
        state = self._next()
        negated = state.text == "NOT" and not state.quoted
        if negated:
            state = self._next()
        if state.quoted or state.text not in _STATES:
            raise self._wrong(f"{state.text!r} where a state should stand", state.at)
        self._expect(",")
        self._expect("(")
        names = [self._name()]
        while (token := self._next()).text == "," and not token.quoted:
            names.append(self._name())
        if token.text != ")" or token.quoted:
            raise self._wrong(f"{token.text!r} where , or ) should stand", token.at)
        self._expect(")")
        value = int(number)
        if value < 1 or value > (100 if percent else len(names)):
            raise self._wrong(f"a threshold of {count.text} over {len(names)} alarms", count.at)
        return AtLeast(value, percent, negated, state.text, tuple(names))

    def _name(self) -> str:
        token = self._next()
        if not token.text or (not token.quoted and token.text in {"(", ")", ","}):
            raise self._wrong(f"{token.text!r} where the name of an alarm should stand", token.at)
        return alarm_name(token.text)

    def _expect(self, mark: str) -> None:
        token = self._next()
        if token.text != mark or token.quoted:
            raise self._wrong(f"{token.text!r} where {mark} should stand", token.at)

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise self._wrong("the end of a rule that is not complete", len(self._text))
        self._at += 1
        return self._tokens[self._at - 1]

    def _wrong(self, found: str, at: int) -> Refused:
        return Refused("ValidationError", f"AlarmRule syntax error at position {at}: found {found}")
