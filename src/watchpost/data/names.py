"""Column names as a reader may offer them: each once, none empty."""

from collections.abc import Sequence


def positional_names(width: int) -> list[str]:
    """The names of columns nobody named: `_c0`, `_c1` and so on."""
    return [f"_c{i}" for i in range(width)]


def distinct_names(names: Sequence[str]) -> list[str]:
    """The same names with every repeat told apart, and empty ones filled by position.

    A repeated name keeps its first column; the next is `name#2`. So a duplicate shows up as an extra column, and the
    first one is judged as if it stood alone.

    >>> distinct_names(["age", "", "age", "age"])
    ['age', '_c1', 'age#2', 'age#3']
    """
    filled = [name or positional for name, positional in zip(names, positional_names(len(names)), strict=True)]
    taken, result, seen = set(filled), [], dict[str, int]()
    for name in filled:
        count = seen.get(name, 0) + 1
        unique = name
        while count > 1 and (unique := f"{name}#{count}") in taken:
            count += 1
        seen[name] = count
        taken.add(unique)
        result.append(unique)
    return result
