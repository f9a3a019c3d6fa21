"""Values of many events at once.

A value is a text or missing. It is also a number when its whole text reads as one, so that `200` in JSON and "200" cut
out of a line are equal. Numbers that were computed stay numbers until somebody wants their text; instants are epoch
milliseconds that read as `2026-11-21 05:00:00.000`.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from watchpost.logs.insights.fields import item_value, scalar_text

NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
"""What reads as a number."""

Form = Literal["text", "number", "instant", "truth", "json", "item"]


@dataclass(frozen=True, slots=True)
class Column:
    """One value for each event.

    `series` is String for text and json, Float64 for number and instant, Boolean for truth; missing values are null.
    An item is an element of a list as JSON; unlike parsed JSON it reads as the text that a text or number in it means.
    """

    form: Form
    series: pl.Series

    def __len__(self) -> int:
        return len(self.series)

    @property
    def text(self) -> pl.Series:
        """The texts (String)."""
        if self.form in {"text", "json"}:
            return self.series
        if self.form == "item":
            return pl.Series([None if each is None else _item_text(each) for each in self.series], dtype=pl.String)
        if self.form == "instant":
            return instant_text(self.series)
        if self.form == "truth":
            return self.series.cast(pl.Int8).cast(pl.String)
        return number_text(self.series)

    @property
    def number(self) -> pl.Series:
        """The numbers (Float64), null where the text is none."""
        if self.form in {"number", "instant"}:
            return self.series
        if self.form == "truth":
            return self.series.cast(pl.Float64)
        texts = self.text
        numbers = pl.select(pl.when(texts.str.contains(NUMBER)).then(texts)).to_series()
        parsed = numbers.cast(pl.Float64, strict=False)
        return pl.select(pl.when(parsed.is_finite()).then(parsed)).to_series()

    @property
    def truth(self) -> pl.Series:
        """Whether each counts as true (Boolean, never null): numbers other than 0; other texts do not."""
        if self.form == "truth":
            return self.series.fill_null(value=False)
        return (self.number != 0).fill_null(value=False)

    def take(self, mask: pl.Series) -> "Column":
        """The values where the mask is true."""
        return Column(self.form, self.series.filter(mask))


def constant(value: float | str | None, length: int) -> Column:
    """The same value so many times."""
    if isinstance(value, str) or value is None:
        return Column("text", pl.repeat(value, length, dtype=pl.String, eager=True))
    return Column("number", pl.repeat(value, length, dtype=pl.Float64, eager=True))


def _item_text(item: str) -> str | None:
    value = item_value(item)
    return item if isinstance(value, (dict, list)) else scalar_text(value)


def number_text(numbers: pl.Series) -> pl.Series:
    """Whole numbers without a point, others as short as they read back exactly.

    >>> number_text(pl.Series([3.0, 0.1, None])).to_list()
    ['3', '0.1', None]
    """
    return pl.Series([None if each is None else one_number_text(each) for each in numbers], dtype=pl.String)


def one_number_text(number: float) -> str:
    """The text of one finite number."""
    return str(int(number)) if number == int(number) and abs(number) < 1e17 else repr(number)


def instant_text(milliseconds: pl.Series) -> pl.Series:
    """`2026-11-21 05:00:00.000` for epoch milliseconds; null where no calendar has a name for them."""
    whole = milliseconds.cast(pl.Int64, strict=False)
    # The years 0 to 9999.
    known = pl.select(pl.when((whole > -62_167_219_200_000) & (whole < 253_402_300_800_000)).then(whole)).to_series()
    return known.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d %H:%M:%S%.3f")
