"""From the text of an Insights query to its commands."""

import re

from watchpost.logs.insights.functions import AGGREGATES, ARITY, check_expression
from watchpost.logs.insights.scanner import Scanner, malformed, text_value
from watchpost.logs.insights.syntax import (
    Binary,
    Call,
    Command,
    Constant,
    Dedup,
    Expression,
    Field,
    Fields,
    Filter,
    Limit,
    Match,
    Membership,
    Named,
    Parse,
    PatternOf,
    Period,
    Query,
    Sort,
    Stats,
    Unary,
    Unnest,
    parts,
)

LONGEST = 10_000
"""Characters of a query."""
LARGEST_LIMIT = 100_000
_DEEPEST = 50
# Expressions may nest this deep: more than anybody writes, less than Python's stack holds.

_REFUSED = (
    "addtotals", "anomaly", "diff", "filterindex", "join", "logcompare", "lookup", "source", "subquery", "unmask",
)  # fmt: skip
_COMPARISONS = ("=", "==", "!=", "<", "<=", ">", ">=")
_UNITS = {
    "sec": "s", "min": "m", "hr": "h", "day": "d", "days": "d", "week": "w", "weeks": "w", "mon": "mo", "month": "mo",
    "months": "mo", "qtr": "q", "yr": "y", "year": "y",
}  # fmt: skip


def parse(text: str) -> Query:
    """The query of this text.

    Raises: Refused MalformedQueryException: it breaks the grammar, or uses a command or function that is not
    supported, by name; with the place in the text.
    """
    if len(text) > LONGEST:
        raise malformed(f"the query is longer than {LONGEST} characters")
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self.scanner, self.depth = Scanner(text), 0

    # --- commands ---------------------------------------------------------------------------------------------------

    def query(self) -> Query:
        scanner, commands = self.scanner, list[Command]()
        while True:
            if not scanner.done:
                commands.append(self.command())
            if scanner.done:
                break
            scanner.expect("|")
        if sum(isinstance(command, Stats) for command in commands) > 2:
            raise malformed("a query may have at most two stats commands")
        return Query(tuple(commands))

    def command(self) -> Command:  # noqa: PLR0911  one for each command
        start = self.scanner.at
        word = self.scanner.next("a command")
        name = (word["word"] or "").lower()
        match name:
            case "fields" | "display":
                return Fields(self.named_list(), only=name == "display")
            case "filter":
                return Filter(self.expression())
            case "parse":
                return self.parse()
            case "unnest":
                return self.unnest()
            case "pattern":
                return PatternOf(self.expression())
            case "stats":
                return self.stats()
            case "sort":
                return self.sort()
            case "limit" | "head":
                return self.limit()
            case "dedup":
                return Dedup(self.named_list())
            case _ if name in _REFUSED:
                raise malformed(f"the command {name} is not supported here", start, start + len(name))
            case _:
                raise malformed(f"unexpected symbol found {word[0]} at position {start}: a command expected", start)

    def named_list(self) -> tuple[Named, ...]:
        items = [self.named()]
        while self.scanner.sign(","):
            items.append(self.named())
        return tuple(items)

    def named(self) -> Named:
        expression = self.expression()
        name = self.alias() if self.scanner.keyword("as") else ""
        default = expression.name if isinstance(expression, Field) else expression.source
        return Named(expression, name or default)

    def alias(self) -> str:
        word = self.scanner.next("a name")
        name = word["word"] or word["quoted"]
        if name is None:
            raise malformed(f"a name was expected at position {word.start()}", word.start(), word.end())
        return name

    def parse(self) -> Parse:
        scanner = self.scanner
        found = scanner.peek()
        bare = found is not None and found["text"] is not None
        operand: Expression = Field("@message", "@message") if bare else self.primary()
        start, regex = scanner.at, scanner.regex()
        if regex is not None:
            names = tuple(re.findall(r"\(\?P?<([A-Za-z_]\w*)>", regex))
            if not names:
                raise malformed("a parse expression needs named groups: (?<name>…)", start, scanner.end)
            # Only named groups count: others are made to group and not to capture.
            expression = re.sub(r"(\\.|\[(?:[^\]\\]|\\.)+\])|\((?!\?)", lambda m: m[1] or "(?:", regex)
            check_expression(expression, start, scanner.end)
            return Parse(operand, expression, names)
        token = scanner.next("a text or /expression/")
        if token["text"] is None:
            raise malformed("parse needs a text in quotes or /expression/", token.start(), token.end())
        if not scanner.keyword("as"):
            raise scanner.unexpected("as")
        aliases = [self.alias()]
        while scanner.sign(","):
            aliases.append(self.alias())
        glob = text_value(token["text"])
        if glob.count("*") != len(aliases):
            raise malformed(
                f"parse has {glob.count('*')} wildcards and {len(aliases)} names", token.start(), token.end()
            )
        return Parse(operand, glob_expression(glob), tuple(aliases))

    def unnest(self) -> Unnest:
        start, operand = self.scanner.at, self.primary()
        if not isinstance(operand, Field):
            raise malformed("unnest needs a field, as in: unnest js.items into item", start, self.scanner.end)
        if not self.scanner.keyword("into"):
            raise self.scanner.unexpected("into")
        return Unnest(operand, self.alias())

    def stats(self) -> Stats:
        aggregates = self.named_list()
        by = self.named_list() if self.scanner.keyword("by") else ()
        for item in aggregates:
            _check_aggregate(item.expression, inside=False)
        for item in by:
            _check_plain(item.expression)
        return Stats(aggregates, by)

    def sort(self) -> Sort:
        keys: list[tuple[Expression, bool]] = []
        while True:
            keys.append((self.expression(), self.scanner.keyword("desc", "asc") == "desc"))
            if not self.scanner.sign(","):
                return Sort(tuple(keys))

    def limit(self) -> Limit:
        token = self.scanner.next("a number")
        if token["number"] is None or not token["number"].isdigit():
            raise malformed("limit needs a whole number", token.start(), token.end())
        count = int(token["number"])
        if not 1 <= count <= LARGEST_LIMIT:
            raise malformed(f"limit must be from 1 to {LARGEST_LIMIT}, not {count}", token.start(), token.end())
        return Limit(count)

    # --- expressions, loosest binding first -------------------------------------------------------------------------

    def expression(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise malformed(f"the expression nests deeper than {_DEEPEST}", self.scanner.at)
        start, left = self.scanner.at, self.both()
        while self.scanner.keyword("or"):
            right = self.both()
            left = Binary("or", left, right, self.scanner.source(start))
        self.depth -= 1
        return left

    def both(self) -> Expression:
        start, left = self.scanner.at, self.negation()
        while self.scanner.keyword("and"):
            right = self.negation()
            left = Binary("and", left, right, self.scanner.source(start))
        return left

    def negation(self) -> Expression:
        start, nots = self.scanner.at, 0
        while self.scanner.keyword("not"):
            nots += 1
        inner = self.comparison()
        return Unary("not", inner, self.scanner.source(start)) if nots % 2 else inner

    def comparison(self) -> Expression:
        scanner = self.scanner
        start, left = scanner.at, self.sum()
        if operator := scanner.sign(*_COMPARISONS):
            right = self.sum()
            return Binary("=" if operator == "==" else operator, left, right, scanner.source(start))
        negated = bool(scanner.keyword("not"))
        found: Expression
        if scanner.keyword("in"):
            found = self.membership(left, start)
        elif scanner.keyword("like") or (not negated and scanner.sign("=~")):
            found = self.match(left, start)
        elif negated:
            raise scanner.unexpected("in or like")
        else:
            return left
        return Unary("not", found, found.source) if negated else found

    def membership(self, operand: Expression, start: int) -> Membership:
        close = "]" if self.scanner.sign("[") else ")"
        if close == ")":
            self.scanner.expect("(")
        items = [self.sum()]
        while self.scanner.sign(","):
            items.append(self.sum())
        self.scanner.expect(close)
        return Membership(operand, tuple(items), self.scanner.source(start))

    def match(self, operand: Expression, start: int) -> Match:
        at, regex = self.scanner.at, self.scanner.regex()
        if regex is not None:
            check_expression(regex, at, self.scanner.end)
            return Match(operand, regex, True, self.scanner.source(start))
        token = self.scanner.next("a text or /expression/")
        if token["text"] is None:
            raise malformed("like needs a text in quotes or /expression/", token.start(), token.end())
        return Match(operand, text_value(token["text"]), False, self.scanner.source(start))

    def sum(self) -> Expression:
        start, left = self.scanner.at, self.product()
        while operator := self.scanner.sign("+", "-"):
            right = self.product()
            left = Binary(operator, left, right, self.scanner.source(start))
        return left

    def product(self) -> Expression:
        start, left = self.scanner.at, self.power()
        while operator := self.scanner.sign("*", "/", "%"):
            right = self.power()
            left = Binary(operator, left, right, self.scanner.source(start))
        return left

    def power(self) -> Expression:
        start = self.scanner.at
        if self.scanner.sign("-"):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise malformed(f"the expression nests deeper than {_DEEPEST}", start)
            inner = self.power()
            self.depth -= 1
            return Unary("-", inner, self.scanner.source(start))
        left = self.primary()
        if self.scanner.sign("^"):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise malformed(f"the expression nests deeper than {_DEEPEST}", start)
            right = self.power()
            self.depth -= 1
            return Binary("^", left, right, self.scanner.source(start))
        return left

    def primary(self) -> Expression:  # noqa: PLR0911  one for each kind of word
        scanner, start = self.scanner, self.scanner.at
        if scanner.sign("("):
            inner = self.expression()
            scanner.expect(")")
            return inner
        token = scanner.next("an expression")
        if token["number"] is not None:
            return Constant(float(token["number"]), token[0])
        if token["text"] is not None:
            return Constant(text_value(token["text"]), token[0])
        if token["quoted"] is not None:
            return Field(token["quoted"], token[0])
        if token["period"] is not None:
            return _period(token["period"])
        if token["word"] is None:
            raise malformed(f"unexpected symbol found {token[0]} at position {start}", start, token.end())
        if scanner.sign("("):
            return self.call(token["word"], start)
        if token["word"].lower() in {"true", "false"}:
            return Constant(float(token["word"].lower() == "true"), token[0])
        return Field(token["word"].replace("`", ""), token["word"])

    def call(self, word: str, start: int) -> Call:
        scanner = self.scanner
        names = {name.lower(): name for name in (*ARITY, *AGGREGATES)}
        if word.lower() not in names:
            raise malformed(f"unknown function {word} at position {start}", start, start + len(word))
        name, arguments, star = names[word.lower()], list[Expression](), False
        if scanner.sign(")"):
            star = name == "count"
        else:
            while True:
                if name == "count" and not arguments and scanner.sign("*"):
                    star = True
                    break
                arguments.append(self.expression())
                if not scanner.sign(","):
                    break
            scanner.expect(")")
        least, most = ARITY.get(name) or AGGREGATES[name]
        if not star and not least <= len(arguments) <= most:
            raise malformed(f"{word} does not take {len(arguments)} arguments", start, scanner.end)
        return Call(name, tuple(arguments), scanner.source(start), star)


def glob_expression(glob: str) -> str:
    """The expression of a parse text: `*` takes as little as it can; one that ends the text takes all that is left.

    >>> glob_expression("user=*, [*]")
    '(?s)user=(.*?), \\\\[(.*?)\\\\]'
    """
    pieces = glob.split("*")
    body = "(.*?)".join(re.escape(piece).replace("\\ ", " ") for piece in pieces)
    if glob.endswith("*"):
        body = body.removesuffix("(.*?)") + "(.*)"
    return ("(?s)^" if glob.startswith("*") else "(?s)") + body


def _period(text: str) -> Period:
    unit = text.lstrip("0123456789").strip()
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return Period(max(int(digits), 1), _UNITS.get(unit, unit), text)


def _check_aggregate(expression: Expression, *, inside: bool) -> None:
    """A stats item must aggregate all that it reads, and nothing twice."""
    aggregate = isinstance(expression, Call) and expression.function in AGGREGATES
    if aggregate and inside:
        raise malformed(f"{expression.source}: an aggregate inside an aggregate")
    if isinstance(expression, Field) and not inside:
        raise malformed(f"{expression.source} is neither aggregated nor grouped by")
    for part in parts(expression):
        _check_aggregate(part, inside=inside or aggregate)


def _check_plain(expression: Expression) -> None:
    if isinstance(expression, Call) and expression.function in AGGREGATES:
        raise malformed(f"{expression.source}: an aggregate cannot be grouped by")
    for part in parts(expression):
        _check_plain(part)
