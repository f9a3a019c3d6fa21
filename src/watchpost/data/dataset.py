"""What every reader offers: a table as a stream of batches."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import polars as pl

from watchpost.data.identifiers import RepeatedIds
from watchpost.data.quarantine import Quarantine


class Dataset(Protocol):
    """A table, wherever it lies, read as a stream.

    name: where it came from, for messages and reports.
    """

    @property
    def name(self) -> str:
        """Where the table came from, for messages and reports."""
        ...

    def batches(self, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
        """The rows, in order, a bounded number at a time; may be called again for another pass.

        Every column of a batch has one of the dtypes below, and the dtype says what its cells are:

        | dtype | cells |
        |---|---|
        | Int64, UInt64, Int128 | whole numbers (class Integral) |
        | Float64 | numbers (class Fractional), NaN and infinities as found |
        | Boolean | true or false |
        | String | raw text, each cell to be classified by its content |
        | Null | nothing |

        Batches may differ in columns: an absent column means missing cells. Unreadable records go to `quarantine`.
        Raises: InputError where the source as a whole cannot be read.
        """
        ...


@runtime_checkable
class Identified(Protocol):
    """A dataset whose records carry ids."""

    def counting(self, identifiers: RepeatedIds) -> Dataset:
        """The same dataset, which also counts the id of every readable record as it passes."""
        ...

    def by_event(self) -> Dataset:
        """The same records as predictions to be met with their labels: EVENT_ID, EVENT_ROW, and cells by side.

        Cells are named after the side they came from and their key there, or their place: `endpointOutput_0`,
        `endpointInput_age`; a truth merged into the record becomes `groundTruthData_0` (contract 6.4).
        """
        ...
