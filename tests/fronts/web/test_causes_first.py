"""The cause stands before the figures: what monitors found, in the order in which it helps."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.constraints.violations_json import write_violations
from watchpost.fronts.web.violations_told import in_a_sentence, of_most_use
from watchpost.verdicts import Violation

from .house import House

CHECKS = ("unit_change_check", "baseline_drift_check", "completeness_check", "extra_column_check", "a_new_check")
FOUND = st.lists(
    st.builds(Violation, st.sampled_from(["age", "income", "a b", ""]), st.sampled_from(CHECKS), st.just("Seen.")),
    max_size=8,
)
DRIFTED = Violation("income", "baseline_drift_check", "Distance 0.9 exceeds 0.1")
GAPS = Violation("age", "completeness_check", "Only 90 % of rows have one.")


@given(FOUND)
def test_a_sentence_says_how_many_and_names_each_column_once(found: list[Violation]) -> None:
    told = in_a_sentence(found)
    assert told.startswith(f"{len(found)} violation") if found else told == ""
    assert told.count("income") <= 1


@given(FOUND, st.lists(st.sampled_from(["feature_baseline_drift_age", "feature_non_null_income", "Latency"])))
def test_the_order_of_use_loses_nothing_and_begins_with_what_is_watched(
    found: list[Violation], metrics: list[str]
) -> None:
    ordered = of_most_use(found, metrics)
    assert sorted(map(repr, ordered)) == sorted(map(repr, found))
    meant = [bool(v.feature_name) and any(m.endswith(f"_{v.feature_name}") for m in metrics) for v in ordered]
    assert meant == sorted(meant, reverse=True)


def test_columns_with_the_same_trouble_share_a_clause() -> None:
    found = [Violation(name, "completeness_check", "Gaps.") for name in ("a", "b", "c", "d", "e")]
    assert in_a_sentence([*found, DRIFTED]) == (
        "6 violations: income drifted; a, b, c and 2 more have more missing values."
    )


def test_the_first_page_says_what_the_monitors_found(house: House) -> None:
    files = {"constraint_violations.json": write_violations([GAPS, DRIFTED]).encode()}
    message = "CompletedWithViolations: Job completed successfully with 2 violations."
    house.monitor("hourly", "CompletedWithViolations", files, message)
    assert "2 violations: income drifted; age has more missing values." in house.page("/")
    for path in ("/", "/monitors", "/monitors/hourly"):
        assert "successfully" not in house.page(path)


def test_an_alarm_of_a_column_shows_what_was_found_of_that_column_first(house: House) -> None:
    files = {"constraint_violations.json": write_violations([DRIFTED, GAPS]).encode()}
    house.monitor("hourly", "CompletedWithViolations", files)
    house.alarm("gaps", MetricName="feature_non_null_age",
                Dimensions=[{"Name": "MonitoringSchedule", "Value": "hourly"}])  # fmt: skip
    page = house.page("/alarms/gaps")
    assert page.index(GAPS.description) < page.index(DRIFTED.description)


def test_an_alarm_says_that_what_its_monitor_found_cannot_be_read(house: House) -> None:
    house.monitor("hourly", "CompletedWithViolations", {"constraint_violations.json": b"{"})
    house.alarm("gaps", MetricName="feature_non_null_age",
                Dimensions=[{"Name": "MonitoringSchedule", "Value": "hourly"}])  # fmt: skip
    assert "cannot be read" in house.page("/alarms/gaps")


def test_a_run_that_could_judge_nothing_is_no_good_news(house: House) -> None:
    told = {"figures": [{"judged": "not_enough_data"}, {"judged": "not_judged"}], "notes": ["15 of 300 have a label."]}
    report = msgspec.json.encode(told)
    house.monitor("quality", "Completed", {"report.json": report}, "Completed: Job completed successfully.")
    page = house.page("/monitors/quality")
    assert "No verdict yet" in page
    assert "15 of 300 have a label." in page
    assert "No violations" not in page
    told["figures"].append({"judged": "kept"})
    house.server.objects.put("lake", "reports/quality/report.json", msgspec.json.encode(told))
    assert "No violations." in house.page("/monitors/quality")


def test_lists_say_of_a_run_that_could_judge_nothing_that_there_is_no_verdict(house: House) -> None:
    house.server.start()
    told = {"figures": [{"judged": "not_enough_data"}], "notes": ["15 of 300 have a label."]}
    files = {"report.json": msgspec.json.encode(told)}
    house.monitor("quality", "Completed", files, "Completed: Job completed successfully.", unjudged=True)
    house.monitor("hourly", "Completed", {}, "Completed: Job completed successfully with no violations.")
    home, monitors, page = (house.page(path) for path in ("/", "/monitors", "/monitors/quality"))
    assert "Nothing is known to be wrong, 1 monitor has no verdict yet" in home
    assert "All is well" not in home
    assert "1 without a verdict" in monitors
    for text in (home, monitors, page):
        assert "No verdict yet, for want of data." in text
        assert ">no verdict</span>" in text
    assert "2 monitors" in monitors
    assert monitors.count("no violations") == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"figures": 3}'])
def test_a_report_of_another_kind_does_not_disturb_the_page(house: House, body: bytes) -> None:
    house.monitor("quality", "Completed", {"report.json": body})
    assert "No violations." in house.page("/monitors/quality")
