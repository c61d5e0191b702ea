"""Options of the test run."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tools.catalogs import compile_catalogs

# How long an example takes says how busy the machine is, not whether it is right. In CI the
# examples are always the same, as in Hypothesis's own profile for it: a red run is about a change.
settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("any machine")
# On most servers local time is UTC: there a confusion of the two would not show. The programs that
# tests start inherit it.
os.environ["TZ"] = "Australia/Adelaide"  # 9 h 30 min ahead, 10 h 30 min in summer
time.tzset()
# Daemons and what administrators use: a normal user's PATH leaves these folders out.
os.environ["PATH"] += ":/usr/sbin:/sbin"
# Many tests run the programs from the clone, without a build.
compile_catalogs(Path(__file__).parent.parent)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--freeze",
        action="store_true",
        help="freeze a satellite of Icinga, and wait until its master tells: two minutes",
    )
    parser.addoption(
        "--all-zones",
        action="store_true",
        help="replay a year of schedules in every zone, not only in three",
    )
    parser.addoption(
        "--bounds",
        action="store_true",
        help="run the core tests with the oldest and the newest dependencies: minutes each",
    )
    parser.addoption(
        "--ansible",
        action="store_true",
        help="install by the role of examples/ansible on a fresh Debian, and lint it: 4 minutes",
    )
    parser.addoption(
        "--debian",
        action="store_true",
        help="build, install, upgrade and purge the Debian package on Debian 12 and 13: 6 minutes",
    )
    parser.addoption(
        "--director",
        action="store_true",
        help="try icinga/director-*.json with a real Icinga Director and MariaDB",
    )
    parser.addoption(
        "--fuzz",
        type=int,
        default=100_000,
        metavar="N",
        help="N mutated inputs of all parsers together (with -s: of each; 10000000 take an hour)",
    )
    parser.addoption(
        "--guided",
        type=int,
        default=0,
        metavar="N",
        help="N inputs of all parsers that atheris chooses by the branches that they reach",
    )
    parser.addoption(
        "--hostile",
        type=int,
        default=20,
        metavar="N",
        help="N hostile homes and entries (a thousand take half an hour)",
    )
    parser.addoption(
        "--hooks",
        type=int,
        default=60,
        metavar="N",
        help="call N hooks at once (with -s: how long that takes); 1000 take a minute",
    )
    parser.addoption(
        "--icinga-accounts",
        type=int,
        default=100,
        metavar="N",
        help="load the objects of N accounts into Icinga 2, and print time and memory (with -s); "
        "10000 take minutes",
    )
    parser.addoption(
        "--simulation-days",
        type=int,
        default=0,
        metavar="N",
        help="simulate N account-days of all kinds, and print the table (with -s)",
    )
    parser.addoption(
        "--year",
        type=int,
        nargs="?",
        const=1000,
        default=0,
        metavar="COMPUTERS",
        help="simulate a year of COMPUTERS (1000) with their mails, and print the table (with -s)",
    )
    parser.addoption(
        "--kills",
        type=int,
        default=12,
        metavar="N",
        help="kill hook, scan and delivery at N of their steps each (with -s: of how many); 100000 "
        "are all of them and take twenty minutes",
    )
    parser.addoption(
        "--injections",
        type=int,
        default=2,
        metavar="N",
        help="let at most N calls of each system call of a program fail, and print how it ended "
        "(with -s); 100000 takes half an hour",
    )
