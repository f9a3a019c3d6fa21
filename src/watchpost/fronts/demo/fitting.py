"""Fitting the demo's model: ordinary least squares on the logarithm of the price."""

import json
from pathlib import Path
from shutil import copyfile

import numpy as np
import polars as pl

from watchpost.fronts.demo import price_model

NUMBERS = ("floor_area_sqm", "remaining_lease")
CATEGORIES = ("town", "flat_type", "storey_range", "flat_model")
FEATURES = (*NUMBERS, *CATEGORIES)
"""The features of the model, in the order in which an endpoint is asked for them."""

LABEL = "resale_price"
MODULE = "resale_price"


def fit(sales: pl.DataFrame) -> dict[str, object]:
    """The coefficients, as `price_model` reads them. Effects of categories are differences from the average one."""
    columns, names = [np.ones(sales.height)], list[tuple[str, str]]()
    columns += [np.array([price_model.term(name, value) for value in sales[name].to_list()]) for name in NUMBERS]
    for name in CATEGORIES:
        for level in sorted(sales[name].unique().to_list()):
            column = (sales[name] == level).to_numpy().astype(float)
            columns.append(column - column.mean())
            names.append((name, level))
    weights, *_ = np.linalg.lstsq(np.column_stack(columns), np.log(sales[LABEL].to_numpy()), rcond=None)
    found = [float(weight) for weight in weights]
    effects = dict(zip(names, found[1 + len(NUMBERS) :], strict=True))
    levels: dict[str, dict[str, float]] = {}
    for name in CATEGORIES:
        own = {level: effect for (of, level), effect in effects.items() if of == name}
        average = float(np.mean(sales[name].replace_strict(own, return_dtype=pl.Float64).to_numpy()))
        # Around their average, so that a category nobody has seen weighs as much as an average one: nothing.
        levels[name] = {level: effect - average for level, effect in own.items()}
    averages = [float(np.mean(sales[name].to_numpy())) for name in NUMBERS]
    return {
        "features": list(FEATURES),
        "intercept": found[0],
        "numbers": dict(zip(NUMBERS, map(list, zip(found[1:], averages, strict=False)), strict=True)),
        "levels": levels,
    }


def predicted(sales: pl.DataFrame, fitted: dict[str, object]) -> pl.Series:
    """What the model says of sales, in whole dollars as it answers."""
    rows = sales.select(pl.col(*FEATURES).cast(pl.String).fill_null("")).rows()
    return pl.Series("predicted_price", [round(price_model.price(row, fitted)) for row in rows])


def write_model(folder: Path, fitted: dict[str, object]) -> None:
    """The model as its team leaves it: the code of `price_model` as a module of its own, and its coefficients."""
    folder.mkdir(parents=True, exist_ok=True)
    copyfile(price_model.__file__, folder / f"{MODULE}.py")
    (folder / price_model.COEFFICIENTS).write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
