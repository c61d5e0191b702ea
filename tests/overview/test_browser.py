"""The page in a real chromium, from files and without a web server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from backup_monitoring.model.file_names import encode_name
from overview.browser import Watched, launch
from overview.pages import EVIL_UIDS, PAGE, write
from overview.pictures import IMAGES, SHOWN_ACCOUNT, make_fleet, take_pictures
from programs.daemons import until
from store.fleet import Fleet

SHOWN = "2026-11-22T12:07:00+01:00"
# The rectangles of an element's text: one per line.
_LINES = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return [...range.getClientRects()];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as browser:
        yield browser


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    watched = Watched(browser)
    yield watched
    watched.close()
    assert not watched.complaints


def show(watched: Watched, fleet: Fleet, name: str = "index.html", now: str = SHOWN) -> Page:
    watched.page.clock.set_fixed_time(now)
    watched.page.goto((fleet.folder / "page").as_uri() + f"/{name}")
    return watched.page


def field(page: Page, name: str) -> Locator:
    return page.locator(f"[name={name}]")


def count(page: Page) -> int:
    return page.locator("#accounts tbody").count()


def names(page: Page) -> list[str]:
    return page.locator("#accounts tbody th a").all_inner_texts()


def shown(page: Page) -> str:
    return page.locator("#shown").inner_text()


# --- filters, order and the address ---


def test_all_accounts_are_shown_by_and_by(watched: Watched, many: Fleet) -> None:
    page = show(watched, many)
    assert (count(page), shown(page)) == (200, "200 of 303 accounts")
    page.get_by_role("button", name="Show 200 more").click()
    assert (count(page), shown(page)) == (303, "303 accounts")
    assert page.url.endswith("#n=400")
    assert page.evaluate("document.activeElement.closest('tbody').rowIndex") is None
    assert not page.locator("#more").is_visible()


@pytest.mark.parametrize(
    ("name", "value", "accounts", "address"),
    [
        ("state", "CRITICAL", 9, "state=CRITICAL"),
        ("state", "OK", 147, "state=OK"),
        ("state", "all", 450, "state=all"),
        ("task", "quota", 300, "task=quota"),
        ("task", "schedule", 9, "task=schedule"),
        ("server", "backup-02", 150, "server=backup-02"),
        ("reseller", "4800001", 150, "reseller=4800001"),
        (
            "client",
            "Online Backup Perl Script 2.0.11",
            9,
            "client=Online+Backup+Perl+Script+2.0.11",
        ),
    ],
)
def test_a_filter_is_in_the_address_and_the_address_sets_it(
    watched: Watched, many: Fleet, name: str, value: str, accounts: int, address: str
) -> None:
    page = show(watched, many)
    field(page, name).select_option(value)
    number = re.search(r"(\d+) accounts", shown(page))
    assert number is not None
    assert int(number[1]) == accounts
    assert page.url.endswith(f"#{address}")

    other = show(watched, many, f"index.html#{address}")
    other.reload()
    assert field(other, name).input_value() == value
    assert shown(other) == number.string


def test_words_narrow_the_search(watched: Watched, many: Fleet) -> None:
    page = show(watched, many)
    field(page, "q").fill("example 144 BACKUP-01 ")
    assert (names(page), shown(page)) == (["4000245"], "1 account")
    field(page, "q").fill("no such thing")
    assert (count(page), shown(page)) == (0, "0 accounts")
    page.get_by_role("button", name="Reset").click()
    until(lambda: len(names(page)) == 200)  # the page's policy permits no function to wait for
    assert "#" not in page.url.removesuffix("#")


def test_a_customer_is_chosen_by_typing(watched: Watched, many: Fleet) -> None:
    page = show(watched, many)
    field(page, "customer").fill("4900007")
    failing = [f"{4000171 + number}" for number in (0, 2, 3, 5, 6, 8, 9)]
    assert sorted(names(page)) == failing


def test_a_count_is_a_filter(watched: Watched, many: Fleet) -> None:
    page = show(watched, many)
    page.locator("a.n.WARNING").first.click()
    assert field(page, "task").input_value() == "quota"
    assert field(page, "state").input_value() == "WARNING"


def test_rows_are_sorted(watched: Watched, many: Fleet) -> None:
    page = show(watched, many)
    worst = page.locator("#accounts tbody tr:first-child .s").all_inner_texts()
    assert worst == sorted(worst, key=["CRITICAL", "WARNING", "UNKNOWN"].index)
    page.get_by_role("columnheader", name="Account").get_by_role("button").click()
    assert names(page) == sorted(names(page))
    assert page.url.endswith("#sort=account")
    assert page.locator("th[aria-sort]").inner_text().startswith("Account")


def test_the_rows_of_the_script_are_those_of_the_html(browser: Browser, many: Fleet) -> None:
    texts = []
    for script in (False, True):
        watched = Watched(browser, java_script_enabled=script)
        watched.page.goto((many.folder / "page" / "index.html").as_uri())
        rows = watched.page.locator("#accounts tbody").all_inner_texts()
        links = [
            each.get_attribute("href")
            for each in watched.page.locator("#accounts tbody a").all()[:90]
        ]
        # The script adds how long ago a time is.
        rows = [re.sub(r"\d+ (d|h|min) ago\s+", "", row) for row in rows]
        texts.append(([re.sub(r"\s+", " ", row).strip() for row in rows], links))
        assert not watched.complaints
        watched.close()
    assert texts[0] == texts[1]


# --- people ---


def test_everything_is_within_reach_of_the_keyboard(watched: Watched, many: Fleet) -> None:
    page = show(watched, many)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(e => e.name || e.dataset.sort || e.textContent.trim())(document.activeElement)"
            )
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
    for name in ("Retired?", "q", "state", "task", "server", "sort", "Reset", "4000101"):
        assert name in reached, reached
    field(page, "q").focus()
    page.keyboard.type("example 44")
    assert page.url.endswith("#q=example+44")
    assert page.evaluate("document.activeElement.name") == "q"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, mixed: Fleet, scheme: str) -> None:
    watched = Watched(browser, color_scheme=scheme)
    page = show(watched, mixed)
    assert watched.find_violations() == []
    field(page, "state").select_option("UNKNOWN")
    assert watched.find_violations() == []
    show(watched, mixed, "index.html#q=many", now="2026-11-25T12:00:00+01:00").reload()
    assert watched.find_violations() == []
    show(watched, mixed, "many.html")
    assert watched.find_violations() == []
    watched.close()
    assert not watched.complaints


@pytest.mark.parametrize("width", [375, 1400])
def test_no_word_of_ours_is_broken(browser: Browser, mixed: Fleet, width: int) -> None:
    watched = Watched(browser, viewport={"width": width, "height": 812})
    for name in ("what-to-do", "clients", "resellers"):
        page = show(watched, mixed, f"lists/{name}.html")
        for cell in page.locator(".check, thead th").all():
            assert " " in cell.inner_text() or len(cell.evaluate(_LINES)) == 1, cell.inner_text()
    watched.close()


@pytest.mark.parametrize("name", ["retired", "clients", "findings", "resellers", "what-to-do"])
def test_axe_finds_nothing_in_lists(watched: Watched, mixed: Fleet, name: str) -> None:
    show(watched, mixed, f"lists/{name}.html")
    assert watched.find_violations() == []


def test_a_phone_needs_no_scrolling_to_the_side(
    browser: Browser, many: Fleet, mixed: Fleet
) -> None:
    watched = Watched(browser, viewport={"width": 375, "height": 812})
    for fleet, name in (
        (many, "index.html"),
        (mixed, "many.html"),
        (mixed, "lists/clients.html"),
        (many, "lists/resellers.html"),
        (mixed, "lists/what-to-do.html"),
    ):
        page = show(watched, fleet, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, name
    page = show(watched, many)
    box = page.locator("#accounts tbody th").first.bounding_box()
    assert box is not None
    assert box["width"] > 300  # the name of an account has the whole width
    watched.close()


def test_colours_are_those_of_the_night(browser: Browser, many: Fleet) -> None:
    backs = []
    for scheme in ("light", "dark"):
        watched = Watched(browser, color_scheme=scheme)
        page = show(watched, many)
        backs.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        watched.close()
    light, dark = (sum(map(int, re.findall(r"\d+", back))) for back in backs)
    assert light > 600 > 150 > dark


def test_paper_has_no_controls(watched: Watched, many: Fleet) -> None:
    page = show(watched, many)
    page.emulate_media(media="print")
    assert not page.locator("form").is_visible()
    assert not page.locator("nav").is_visible()
    assert page.locator("#accounts").is_visible()
    assert len(page.pdf()) > 10_000


def test_without_script_the_worst_accounts_are_there(browser: Browser, many: Fleet) -> None:
    watched = Watched(browser, java_script_enabled=False)
    watched.page.goto((many.folder / "page" / "index.html").as_uri())
    assert count(watched.page) == 200
    assert not watched.page.locator("form").is_visible()
    assert shown(watched.page).startswith("The worst 200 of 303")
    watched.close()


# --- time ---


def test_times_are_relative_and_absolute(watched: Watched, many: Fleet) -> None:
    page = show(watched, many)
    assert page.locator("#age strong").inner_text() == "Data 7 min ago 2026-11-22 12:00 +01:00"
    assert not page.locator("#age.old").count()


def test_old_data_are_loud(watched: Watched, many: Fleet) -> None:
    page = show(watched, many, now="2026-11-22T15:00:00+01:00")
    assert page.locator("#age.old strong").inner_text().startswith("Too old: data 3 h ago")
    box = page.locator("#age").bounding_box()
    assert box is not None
    assert box["width"] >= 1500


@pytest.mark.parametrize("name", ["many.html", "lists/findings.html"])
def test_other_pages_say_so_only_of_old_data(watched: Watched, mixed: Fleet, name: str) -> None:
    assert not show(watched, mixed, name).locator(".age").count()
    page = show(watched, mixed, name, now="2026-11-22T15:00:00+01:00")
    assert page.locator(".age.old").inner_text() == "Too old: data 3 h ago 2026-11-22 12:00 +01:00"
    assert watched.find_violations() == []


def test_a_zone_that_the_browser_does_not_know_hides_nothing(
    watched: Watched, fleet: Fleet
) -> None:
    fleet.settings_text(PAGE)
    fleet.file.write_text(fleet.file.read_text().replace("Europe/Zurich", "Factory"))
    fleet.collect("2026-11-22T12:00+01:00")
    write(fleet)
    page = show(watched, fleet, "index.html#state=all", now="2026-11-22T15:00:00+01:00")
    assert page.locator("#age.old strong").inner_text().startswith("Too old: data 3 h ago")
    assert page.locator("#accounts tbody").count() == 2
    assert "2025-03-01 10:15 +00:00" in page.locator("#accounts").inner_text()


def test_an_open_page_loads_itself_again(watched: Watched, many: Fleet) -> None:
    watched.page.clock.install(time=SHOWN)
    watched.page.goto((many.folder / "page").as_uri() + "/index.html#task=quota")
    page = watched.page
    page.evaluate("window.before = true")
    field(page, "q").focus()
    page.clock.run_for(61_000)
    assert page.evaluate("window.before") is True  # somebody types
    page.evaluate("document.activeElement.blur()")
    with page.expect_navigation():
        page.clock.run_for(61_000)
    assert page.evaluate("window.before") is None
    assert field(page, "task").input_value() == "quota"
    page.evaluate("window.before = true")
    page.locator("#live").uncheck()
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(200_000)
    assert page.evaluate("window.before") is True


# --- hostile names ---


def test_names_do_nothing(watched: Watched, hostile: Fleet) -> None:
    page = show(watched, hostile, "index.html#state=all")
    assert page.title() == "Overview – Backups"
    assert page.locator("#accounts script, #accounts img, #accounts style").count() == 0
    assert "<script>alert(1)</script>" in page.locator("#accounts").inner_text()
    for name in page.locator("#accounts .why b, #accounts th a").all():
        assert name.evaluate("e => getComputedStyle(e).unicodeBidi") == "isolate"
    for link in page.locator("a").all():
        assert not (link.get_attribute("href") or "").startswith("javascript:")
    field(page, "q").fill("<img src=x onerror=alert(1)>")
    assert count(page) > 0
    for uid in EVIL_UIDS:
        show(watched, hostile, f"{encode_name(uid)}.html")
        assert page.title().endswith(" – Backups")
        assert page.locator("main script, main img, main style").count() == 0


def test_a_hostile_address_does_nothing(watched: Watched, many: Fleet) -> None:
    evil = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    page = show(watched, many, f"index.html#q={evil}&state={evil}&sort={evil}&n=1e99&server={evil}")
    assert page.locator("img").count() == 0
    assert count(page) == 0


# --- the pictures of the documents ---


def test_pictures_for_people_are_small() -> None:
    for file in IMAGES.glob("*.png"):
        assert file.stat().st_size < 150_000


def test_pictures_can_be_made_anew(browser: Browser, tmp_path: Path) -> None:
    take_pictures(browser, make_fleet(tmp_path / "fleet", SHOWN_ACCOUNT + 1, 2), tmp_path)

    sizes, made = (
        {file.name: file.read_bytes()[16:24] for file in folder.glob("*.png")}
        for folder in (IMAGES, tmp_path)
    )
    assert made == sizes
