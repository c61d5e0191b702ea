"""Runs commands one after the other, and prints what each has used, as JSON.

A process of its own: the peak of a program that a large process starts would be the large one's,
since the kernel counts what was there before the program.
"""

import json
import os
import sys
import time


def used(command: list[str]) -> tuple[float, float, float, int]:
    """Return seconds, those of the processor, and mebibytes of *command*, and its exit code."""
    silent = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
    began = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=silent)
    _, status, usage = os.wait4(process, 0)
    took = time.perf_counter() - began
    cpu = usage.ru_utime + usage.ru_stime
    return took, cpu, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    print(json.dumps([used(command) for command in json.load(sys.stdin)]))
