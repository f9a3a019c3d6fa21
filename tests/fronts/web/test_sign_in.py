"""How a browser is let in, kept in, and kept out."""

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from urllib.parse import quote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.fronts.web.gate import is_from_us, is_our_host, is_own_path
from watchpost.service.clock import ManualClock
from watchpost.service.sign_in import MOST_FAILURES, NotSignedIn, SignedIn, SignIn, end_all_sessions, new_link

from .house import HOST, House, cookies_set

PAGES = ("/", "/alarms", "/alarms/x", "/monitors", "/monitors/x", "/monitors/x/executions/y/report", "/nothing/here")


def token_of(link: str) -> str:
    return link.partition("token=")[2]


def test_a_link_signs_in_once(house: House) -> None:
    link = house.link()
    first, second = house.ask(link), house.ask(link)
    assert (first.status, first.headers["location"]) == (303, "/")
    assert house.ask("/", cookies_set(first)).status == 200
    assert (second.status, "set-cookie" in second.headers) == (403, False)


def test_of_many_who_use_a_link_at_once_one_is_let_in(house: House) -> None:
    token, start = token_of(house.link()), Barrier(8)

    def use(_: int) -> bool:
        start.wait(30)
        return isinstance(house.server.sign_in.redeem(token, "a"), SignedIn)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(8))) == 1


def test_a_link_ends_after_a_quarter_of_an_hour(house: House) -> None:
    early, late = house.link(), house.link()
    house.clock.advance(15 * 60 - 1)
    assert house.ask(early).status == 303
    house.clock.advance(1)
    assert house.ask(late).status == 403


def test_a_session_ends_after_thirty_days(house: House) -> None:
    cookies = house.signed_in()
    house.clock.advance(timedelta(days=30).total_seconds() - 1)
    assert house.ask("/", cookies).status == 200
    house.clock.advance(1)
    assert house.ask("/", cookies).status == 401


def test_a_restart_keeps_sessions_and_links(house: House, clock: ManualClock) -> None:
    before = House(house.home / "other", clock, database=None)
    cookies, link = before.signed_in(), before.link()
    before.close()
    again = House(before.home, clock, database=None)
    try:
        assert again.ask("/", cookies).status == 200
        assert again.ask(link).status == 303
    finally:
        again.close()


def test_signing_out_ends_the_session_for_good(house: House) -> None:
    cookies = house.signed_in()
    out = house.ask("/sign-out", cookies, "POST", origin=f"http://{HOST}")
    assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (303, True)
    assert house.ask("/", cookies).status == 401


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}]
)
def test_nobody_is_signed_out_by_another_site(house: House, headers: dict[str, str]) -> None:
    cookies = house.signed_in()
    assert house.ask("/sign-out", cookies, "POST", **headers).status == 403
    assert house.ask("/", cookies).status == 200


def test_signing_out_everywhere_ends_sessions_and_links_at_once(house: House) -> None:
    cookies, link = house.signed_in(), house.link()
    end_all_sessions(house.home)
    assert [house.ask("/", cookies).status, house.ask(link).status] == [401, 403]
    assert house.ask("/", house.signed_in()).status == 200


def test_no_token_or_session_can_be_read_from_what_is_kept(tmp_path: Path, clock: ManualClock) -> None:
    house = House(tmp_path / "home", clock, database=None)
    token, cookies = token_of(house.link()), house.signed_in()
    [cookie] = cookies.values()
    secrets = [token, cookie, cookie.partition(".")[0]]
    house.close()
    files = [path for path in house.home.rglob("*") if path.is_file()]
    kept = b"".join(path.name.encode() + path.read_bytes() for path in files)
    assert [secret for secret in secrets if secret.encode() in kept] == []
    private = [p for p in files if p.parent.name == "sign-in" or p.name == "session-secret"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_sessions_are_in_the_journal(house: House) -> None:
    cookies = house.signed_in()
    house.ask("/sign-out", cookies, "POST", origin=f"http://{HOST}")
    lines = house.server.store.read(lambda tx: tx.journal(kinds=("session.begin", "session.end")))
    assert [line.entry.kind for line in lines] == ["session.end", "session.begin"]
    assert lines[1].entry.data["address"] == "192.0.2.7"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SignIn, str]]:
    """Sign-in that all examples share, and a cookie of its."""
    house = House(tmp_path_factory.mktemp("known") / "home", ManualClock(datetime(2026, 7, 1, tzinfo=UTC)))
    yield house.server.sign_in, next(iter(house.signed_in().values()))
    house.close()


@given(noise=st.text(max_size=60))
def test_no_other_cookie_is_a_session(known: tuple[SignIn, str], noise: str) -> None:
    sign_in, cookie = known
    identity, _, signature = cookie.partition(".")
    for forged in (noise, f"{identity}.{noise}", f"{noise}.{signature}", f"{cookie}{noise}", f"{cookie[:-1]}{noise}"):
        assert forged == cookie or sign_in.session(forged) is None
    assert sign_in.session(cookie) is not None


def test_wrong_tokens_are_told_to_wait_and_the_right_one_still_works(house: House) -> None:
    link = house.link()
    answers = [house.ask(f"/sign-in?token=wrong{i}").status for i in range(MOST_FAILURES + 3)]
    assert answers == [403] * MOST_FAILURES + [429] * 3
    assert house.ask(link).status == 303
    house.clock.advance(61)
    assert house.ask("/sign-in?token=wrong").status == 403


def test_addresses_are_told_to_wait_one_by_one_and_few_are_remembered(house: House) -> None:
    sign_in = house.server.sign_in
    for i in range(3000):
        assert sign_in.redeem("wrong", f"address {i}") == NotSignedIn("unknown")
    assert len(sign_in._failures) <= 1000


@pytest.mark.parametrize("headers", [{"sec_purpose": "prefetch;prerender"}, {"purpose": "prefetch"}])
def test_a_browser_that_looks_ahead_does_not_use_the_link_up(house: House, headers: dict[str, str]) -> None:
    link = house.link()
    assert house.ask(link, **headers).status == 403
    assert house.ask(link, method="HEAD").status == 403
    assert house.ask(link).status == 303


def test_a_pasted_link_signs_in_as_a_token_does(house: House) -> None:
    assert house.ask(f"/sign-in?token={quote(' ' + house.link())}%0a").status == 303


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_signed_in_is_told_how_on_every_page(house: House, path: str) -> None:
    house.alarm("x")
    response = house.ask(path)
    assert response.status == 401
    assert "watchpost sign-in" in response.body.decode()
    # Nothing of what is watched, nor of where the server keeps it.
    assert "latency" not in response.body.decode()
    assert str(house.home) not in response.body.decode()


def test_after_signing_in_a_browser_is_where_it_wanted_to_be(house: House) -> None:
    stranger = house.ask("/alarms/a%2Fb?span=1d")
    answer = house.ask(house.link(), cookies_set(stranger))
    assert answer.headers["location"] == "/alarms/a%2Fb?span=1d"


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "/\\evil.example", "https://evil", "/\t/evil.example", "/a\r\nx: y", "/sign-out"],
)
def test_a_cookie_cannot_lead_to_another_host(house: House, wanted: str) -> None:
    answer = house.ask(house.link(), {"watchpost-next": quote(wanted, safe="")})
    assert answer.headers["location"] == "/"


@given(path=st.text(max_size=40))
def test_only_paths_of_ours_count_as_ours(path: str) -> None:
    if is_own_path(path):
        assert urljoin("http://here.example/", path).startswith("http://here.example/")
        assert path.isprintable()
        assert path.isascii()


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        (HOST, True), ("localhost:9000", True), ("[::1]:8790", True), ("192.168.1.5", True), ("w.example", True),
        ("W.EXAMPLE:443", True), ("evil.example", False), ("127.0.0.1.evil.example", False), ("", False),
        ("w.example.evil.example", False), ("w.example@evil.example", False),
    ],
)  # fmt: skip
def test_only_hosts_of_ours_are_answered(tmp_path: Path, clock: ManualClock, host: str, answered: bool) -> None:
    house = House(tmp_path / "home", clock, "https://w.example")
    try:
        cookies = house.signed_in()
        assert house.ask("/", cookies, host=host).status == (200 if answered else 421)
        assert is_our_host(host, "https://w.example", "127.0.0.1") == answered
    finally:
        house.close()


def test_behind_tls_cookies_go_over_tls_only(tmp_path: Path, clock: ManualClock) -> None:
    house = House(tmp_path / "home", clock, "https://w.example")
    try:
        link = new_link("https://w.example", house.home, clock.now())
        assert link.startswith("https://w.example/sign-in?token=")
        cookie = house.ask(link, host="w.example").headers["set-cookie"]
    finally:
        house.close()
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_a_proxy_may_end_tls_and_rename_the_host() -> None:
    told = {"origin": "https://w.example", "host": "127.0.0.1:8790"}
    assert is_from_us(told, "https://w.example")
    assert not is_from_us({**told, "origin": "https://evil.example"}, "https://w.example")


def test_every_answer_forbids_scripts_frames_and_sniffing(house: House) -> None:
    cookies = house.signed_in()
    for path in ("/", "/sign-in", "/nothing", "/static/style.css"):
        headers = house.ask(path, cookies).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert headers["cache-control"] == ("no-cache" if path.endswith("css") else "no-store")
