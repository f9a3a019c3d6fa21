"""The pages in a real browser: from the letter's link over the sign-in to the alarm."""

import pytest
from playwright.sync_api import Page

from watchpost.fronts.web.rendering import alarm_path

from .house import House

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
NAME = 'a/b <b>"ü"'


@pytest.fixture
def breached(house: House) -> House:
    house.server.start()
    house.server.topics.catalogue.create("pager", {}, {}, "me")
    house.alarm(NAME, EvaluationPeriods=2, DatapointsToAlarm=1)
    house.past(*[100.0 + i % 7 for i in range(50)])
    house.minutes(150.0, 300.0, None, 320.0)
    house.server.alarms.changes.put_composite_alarm(
        {"AlarmName": "both", "AlarmRule": 'ALARM("' + NAME.replace('"', '\\"') + '")', "ActionsEnabled": True}
    )
    files = {"constraint_violations.json": b'{"violations": []}', "report.html": b"<!doctype html><title>r</title>r"}
    house.monitor("hourly", "CompletedWithViolations", files)
    return house


@pytest.fixture
def opened(browser):
    """Pages that note whatever the browser complains of, and every host they ask."""
    contexts = []

    def open_page(**options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.noted = []
        page.on("console", lambda m: page.noted.append(m.text))
        page.on("pageerror", lambda e: page.noted.append(str(e)))
        page.on("dialog", lambda d: (page.noted.append(d.message), d.dismiss()))
        return page

    yield open_page
    for context in contexts:
        context.close()


def signed_in(page: Page, house: House, url: str, path: str) -> None:
    page.goto(url + path)
    page.noted.clear()  # the browser notes every 401
    page.goto(house.link().replace(house.configuration.base_url, url))


def test_a_letters_link_leads_through_the_sign_in_to_the_alarm(breached: House, listening, opened) -> None:
    page = opened(viewport=PHONE, java_script_enabled=False)
    with listening(breached) as url:
        page.goto(url + alarm_path(NAME))
        assert page.get_by_role("heading", level=1).inner_text() == "Sign in to see this page"
        page.get_by_label("Or paste the link here").fill(breached.link())
        page.get_by_role("button", name="Sign in").click()
        assert page.get_by_role("heading", level=1).inner_text() == f"{NAME} is in ALARM"
        assert page.url == url + alarm_path(NAME)
        assert page.get_by_role("img", name="Average of latency").is_visible()
        page.reload()
        assert page.get_by_role("heading", level=1).inner_text() == f"{NAME} is in ALARM"
        page.get_by_role("link", name="Now").click()
        page.get_by_role("link", name=NAME).click()
        assert page.url == url + alarm_path(NAME)
        page.get_by_role("button", name="Sign out").click()
        page.goto(url)
        assert page.get_by_role("heading", level=1).inner_text() == "Sign in to see this page"


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", PHONE)])
def test_pages_fit_their_screen_pass_axe_and_ask_nobody_else(breached: House, listening, opened, scheme, size) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    # Our own policy would keep axe itself out; that it is sent is tested elsewhere.
    page = opened(viewport=size, color_scheme=scheme, bypass_csp=True)
    with listening(breached) as url:
        page.on("request", lambda r: None if r.url.startswith((url, "data:")) else page.noted.append(r.url))
        signed_in(page, breached, url, "/")
        for path in ("/", "/alarms", alarm_path(NAME), "/alarms/both", "/monitors", "/monitors/hourly", "/sign-in"):
            page.goto(url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
            found = axe.Axe().run(page).response["violations"]
            bad = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in {"serious", "critical"}]
            assert bad == [], path
    assert page.noted == []


def test_under_the_policy_pages_are_styled_and_nothing_is_blocked(breached: House, listening, opened) -> None:
    page = opened()
    with listening(breached) as url:
        signed_in(page, breached, url, "/")
        for path in (alarm_path(NAME), "/monitors/hourly"):
            page.goto(url + path)
            assert page.evaluate("getComputedStyle(document.querySelector('header')).display") == "flex"
    assert page.noted == []


def test_a_report_in_the_store_can_neither_run_nor_read_nor_send(breached: House, listening, opened) -> None:
    evil = b"<!doctype html><title>x</title><script>document.title='ran'</script><img src='http://evil.example/'>"
    at = breached.monitor("evil", "Completed", {"report.html": evil})
    page, failed = opened(), []
    page.on("requestfailed", lambda r: failed.append((r.url, r.failure)))
    with listening(breached) as url:
        signed_in(page, breached, url, "/")
        page.goto(f"{url}/monitors/evil/executions/{at:%Y-%m-%dT%H:%M:%SZ}/report")
        assert page.title() == "x"
    # The browser's own word for a request that it did not send because of the policy.
    assert failed == [("http://evil.example/", "csp")]
