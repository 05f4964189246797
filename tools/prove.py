#!/usr/bin/env python3
"""Runs every check of the project in its full form, one after the other, and prints a table of results and times.

CI runs shorter forms of the same checks (.ci/run). A failed step does not stop the others.
"""

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    purpose: str
    command: list[str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


FULL = {"DBAAS_TEST_FULL": "1"}

STEPS = [
    Step("lint", "clang-tidy on every file", ["./dev", "lint", "--all"]),
    Step("live", "all tests, with real engines and outages of a minute", ["./dev", "test", "--live"], FULL),
    Step("conformance", "every test against a real API server", ["./dev", "conformance"], FULL),
    Step("apifuzz", "the API fuzzer for ten minutes", ["./dev", "apifuzz", "600"]),
    Step("clients", "generated clients", ["./dev", "clients"]),
    Step("collector", "traces through a real OpenTelemetry Collector", ["./dev", "collector"]),
    Step("fuzz", "each fuzz target for five minutes", ["./dev", "fuzz", "--minutes", "5"]),
    Step("asan", "all tests under ASan and UBSan", ["./dev", "test", "--preset", "asan"], FULL),
    Step("tsan", "all tests under TSan", ["./dev", "test", "--preset", "tsan"], FULL),
    Step("bench", "every benchmark in its full size", ["./dev", "bench"]),
]


def run_step(step: Step) -> tuple[bool, float]:
    """Returns whether the step succeeded, and its time in seconds."""
    print(f"\n== {step.name}: {step.purpose}", flush=True)
    started = time.monotonic()
    result = subprocess.run(step.command, cwd=ROOT, env={**os.environ, **step.environment}, check=False)
    return result.returncode == 0, time.monotonic() - started


def duration_text(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def table(results: list[tuple[Step, bool, float]]) -> str:
    lines = [f"{'step':<12} {'result':<7} {'min:s':>7}  purpose"]
    lines += [f"{step.name:<12} {'passed' if passed else 'FAILED':<7} {duration_text(seconds):>7}  {step.purpose}"
              for step, passed, seconds in results]
    return "\n".join(lines)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    names = [step.name for step in STEPS]
    parser = argparse.ArgumentParser(prog="./dev prove", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="steps:\n" + "\n".join(f"  {step.name:<12} {step.purpose}" for step in STEPS))
    parser.add_argument("steps", nargs="*", metavar="STEP", help="run these steps alone; default: all")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for name in options.steps:
        if name not in names:
            parser.error(f"unknown step '{name}'; the steps are {', '.join(names)}")
    return options


def main() -> int:
    options = parse_arguments(sys.argv[1:])
    if options.check:
        return 0
    chosen = [step for step in STEPS if not options.steps or step.name in options.steps]
    results = []
    for step in chosen:
        results.append((step, *run_step(step)))
    print("\n" + table(results), flush=True)
    return 0 if all(passed for _, passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
