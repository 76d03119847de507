#!/usr/bin/env python3
"""Compiles real sources plain, through an empty cache and through the full cache; prints what each took, and whether the
objects are the same bytes. Everything happens in a private temporary directory with a private server."""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "kit"))
from cache import PrivateCache, find_program  # noqa: E402
from commands import Command, fetched, own  # noqa: E402


def compile_all(commands: list[Command], into: pathlib.Path, before: list[str], env: dict[str, str], jobs: int) -> float:
    """Compiles everything, `jobs` at a time; seconds."""
    into.mkdir()

    def one(numbered: tuple[int, Command]) -> None:
        number, command = numbered
        done = subprocess.run(before + command.to(str(into / f"{number}.o")), cwd=command.cwd, env=env, capture_output=True)
        if done.returncode:
            raise SystemExit(f"{command.name}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")

    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, enumerate(commands)))
    return time.monotonic() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build tree with sccache and compile_commands.json")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    program = find_program(options.build)
    commands = own(options.build.resolve()) + fetched()
    projects = list(dict.fromkeys(c.project for c in commands))
    print(f"{len(commands)} files, {options.jobs} at a time, {program}\n")
    print(f"{'sources':<10}{'files':>6}{'plain':>10}{'empty cache':>20}{'full cache':>20}{'hits':>8}{'identical':>11}")
    failed = False
    for project in projects:
        mine = [c for c in commands if c.project == project]
        with PrivateCache(program) as cache:
            cache.start()
            root, env = cache.root, cache.env
            plain = compile_all(mine, root / "plain", [], env, options.jobs)
            cold = compile_all(mine, root / "cold", [str(program)], env, options.jobs)
            before = cache.count("cache_hits")
            warm = compile_all(mine, root / "warm", [str(program)], env, options.jobs)
            hits = cache.count("cache_hits") - before
            reasons = cache.statistics()["not_cached"]
            same = sum((root / "plain" / f"{n}.o").read_bytes() == (root / "cold" / f"{n}.o").read_bytes()
                       == (root / "warm" / f"{n}.o").read_bytes() for n in range(len(mine)))
        print(f"{project:<10}{len(mine):>6}{plain:>8.2f} s{cold:>9.2f} s ({cold / plain:4.2f}x){warm:>9.3f} s ({warm / plain:5.3f}x)"
              f"{hits:>8}{same:>11}", flush=True)
        for reason, times in sorted(reasons.items()):
            print(f"{'':<10}not cached: {reason} ({times} compiles)")
        failed |= same != len(mine) or hits * 10 < len(mine) * 9
    print("\nFAILED: an object differed, or fewer than nine in ten were hits" if failed
          else "\nEvery object equals the plain compiler's.")
    return failed


if __name__ == "__main__":
    sys.exit(main())
