"""Made-up sales of flats, and what a careless change upstream makes of them: the demo's data."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

SEED = 20240229
"""Any number: the demo shows the same figures to everybody."""

_FIRST_YEAR = 2021
_SQUARE_FEET = 10.7639  # in a square metre
# The market as it moves: level until month 24, then up to 1.35 times that within a year, and on from there unchanged.
_RISE_FROM, _RISE_MONTHS, _RISE = 24, 12, 0.35
_NEW_MODEL_FROM = 36  # the first month in which a flat model occurs that nobody had seen

_TOWNS = {  # share of the sales, and price against the average
    "SENGKANG": (0.10, 1.00), "WOODLANDS": (0.09, 0.87), "JURONG WEST": (0.09, 0.88), "TAMPINES": (0.09, 1.03),
    "YISHUN": (0.09, 0.86), "PUNGGOL": (0.09, 1.03), "BEDOK": (0.08, 0.97), "HOUGANG": (0.07, 0.97),
    "CHOA CHU KANG": (0.06, 0.87), "ANG MO KIO": (0.06, 1.02), "BUKIT MERAH": (0.06, 1.28), "TOA PAYOH": (0.04, 1.20),
    "QUEENSTOWN": (0.04, 1.31), "BISHAN": (0.02, 1.27), "CENTRAL AREA": (0.02, 1.38),
}  # fmt: skip
_FLAT_TYPES = {  # share of the sales, mean and standard deviation of the floor area in square metres
    "2 ROOM": (0.03, 46.0, 4.0), "3 ROOM": (0.24, 68.0, 6.0), "4 ROOM": (0.42, 95.0, 7.0),
    "5 ROOM": (0.24, 117.0, 8.0), "EXECUTIVE": (0.07, 144.0, 10.0),
}  # fmt: skip
_FLAT_MODELS = {  # share of the sales
    "Model A": 0.35, "Improved": 0.25, "New Generation": 0.14, "Premium Apartment": 0.12, "Simplified": 0.06,
    "Apartment": 0.04, "Maisonette": 0.03, "DBSS": 0.01,
}  # fmt: skip
_STOREYS = {  # share of the sales
    "01 TO 03": 0.18, "04 TO 06": 0.23, "07 TO 09": 0.21, "10 TO 12": 0.18, "13 TO 15": 0.10, "16 TO 18": 0.05,
    "19 TO 21": 0.03, "22 TO 24": 0.02,
}  # fmt: skip


def resale_prices(rng: np.random.Generator, months: int = 48, sales_per_month: int = 1250) -> pl.DataFrame:
    """Made-up sales of public-housing flats, in order of their month (`yyyy-mm`, text), from January 2021 on.

    Nine columns as in Singapore's public record: floor_area_sqm in square metres, lease_commence_date a year,
    remaining_lease in years (of 99), resale_price in dollars. The market moves by itself: from the third year on prices
    rise by 35 % within twelve months, and from the fourth year on there is a flat model `3Gen`.
    """
    n = months * sales_per_month
    month = np.repeat(np.arange(months), sales_per_month)
    town, kind = _pick(rng, [share for share, _ in _TOWNS.values()], n), _pick(rng, _first(_FLAT_TYPES), n)
    storey, model = _pick(rng, list(_STOREYS.values()), n), _pick(rng, list(_FLAT_MODELS.values()), n)
    _, mean_area, spread = (np.array(column) for column in zip(*_FLAT_TYPES.values(), strict=True))
    area = np.round(rng.normal(mean_area[kind], spread[kind]))
    # The oldest blocks are pulled down year by year, so that flats on the market stay between 1 and 53 years old.
    oldest, newest = 1968 + month // 12, _FIRST_YEAR - 1
    started = oldest + (rng.beta(2.2, 1.6, n) * (newest - oldest + 1)).astype(np.int64)
    lease = np.round(99 - (_FIRST_YEAR + month // 12 - started) - month % 12 / 12, 1)
    level = 1 + _RISE * np.clip((month - _RISE_FROM) / _RISE_MONTHS, 0, 1)
    place = np.array([factor for _, factor in _TOWNS.values()])[town]
    price = 4900 * area * place * level * (0.45 + 0.55 * lease / 99) * (1 + 0.018 * storey) * rng.lognormal(0, 0.09, n)
    models = np.array([*_FLAT_MODELS, "3Gen"])
    model[(month >= _NEW_MODEL_FROM) & (kind == 3) & (rng.random(n) < 0.15)] = len(_FLAT_MODELS)
    return pl.DataFrame(
        {
            "month": [f"{_FIRST_YEAR + m // 12}-{m % 12 + 1:02d}" for m in month.tolist()],
            "town": np.array(list(_TOWNS))[town],
            "flat_type": np.array(list(_FLAT_TYPES))[kind],
            "storey_range": np.array(list(_STOREYS))[storey],
            "floor_area_sqm": area,
            "flat_model": models[model],
            "lease_commence_date": started,
            "remaining_lease": lease,
            "resale_price": np.round(price, -2),
        }
    )


def mishandle(sales: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """What a careless change upstream makes of the same sales: three faults that no price model would survive.

    floor_area_sqm holds square feet under its old name, storey_range is now called storey, and eight in a hundred
    records have no remaining_lease.
    """
    lost = pl.Series(rng.random(sales.height) < 0.08)
    return sales.with_columns(
        (pl.col("floor_area_sqm") * _SQUARE_FEET).round(0),
        remaining_lease=pl.when(lost).then(None).otherwise(pl.col("remaining_lease")),
    ).rename({"storey_range": "storey"})


def _pick(rng: np.random.Generator, shares: list[float], n: int) -> NDArray[np.int64]:
    weights = np.array(shares)
    return rng.choice(len(weights), n, p=weights / weights.sum())


def _first(table: dict[str, tuple[float, float, float]]) -> list[float]:
    return [row[0] for row in table.values()]
