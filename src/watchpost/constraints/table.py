"""Checks (ours) of the table as a whole: rows at all, readable records, ids that occur once."""

from watchpost.constraints.finding import NOT_RUN, PASSED, Finding, percent, plural, violated
from watchpost.constraints.sampling import ALPHA, excess_by_chance
from watchpost.profiles.statistics import Statistics
from watchpost.verdicts import QuarantineSummary


def check_rows(current: Statistics) -> Finding:
    """There is at least one row."""
    if current.item_count:
        return PASSED
    return violated("Rows", "empty_window_check", "The current dataset holds no rows: nothing was recorded, or read.")


def check_readable(quarantine: QuarantineSummary) -> Finding:
    """Every record could be read."""
    if not quarantine.total:
        return PASSED
    first = ""
    if quarantine.first:
        record = quarantine.first[0]
        place = record.source if record.line is None else f"{record.source}, line {record.line}"
        first = f" The first: {place}: {record.reason}."
    return violated(
        "Records",
        "unreadable_records_check",
        f"{plural(quarantine.total, 'record')} could not be read and {'was' if quarantine.total == 1 else 'were'} left "
        f"out of every other figure.{first}",
    )


def check_identifiers(baseline: Statistics | None, current: Statistics) -> Finding:
    """No inference id occurs twice, unless the baseline's did as often."""
    ids = current.identifiers
    if ids is None or not ids.records:
        return NOT_RUN
    if not ids.repeated:
        return PASSED
    before = baseline.identifiers if baseline is not None else None
    if before is not None and before.repeated:
        if excess_by_chance(ids.repeated, ids.records, before.repeated, before.records) >= ALPHA:
            return PASSED
        known = f"; the baseline had {before.repeated} of {before.records}"
    else:
        known = ""
    about = "" if ids.exact else "About "
    return violated(
        "Inference ids",
        "duplicate_id_check",
        f"{about}{plural(ids.repeated, 'record')} of {ids.records} ({percent(ids.repeated / ids.records)}) carry an "
        f"inference id that an earlier record carried{known}.",
    )
