"""Oracle: exit code, streams and files of a miss and of a hit are those of the plain compiler, wherever that agrees with
itself. And the second run is a hit, or the statistics say why not: the right bytes by a second compile would hide a dead
cache. Nine in ten must be hits."""
from ground import Ground, Report


def check(ground: Ground, command, argv: list[str], report: Report) -> None:
    plain = ground.plain(argv)
    before, reasons_before = ground.cache.count("cache_hits"), ground.cache.statistics()["not_cached"]
    miss = ground.ours(argv)
    hit = ground.ours(argv)
    problems = [f"miss: {d}" for d in plain.differences(miss)] + [f"hit: {d}" for d in plain.differences(hit)]
    if problems:
        if not ground.agrees_with_itself(argv, plain):
            report.count("not equal to themselves")
            problems = [f"miss and hit: {d}" for d in miss.differences(hit)]
    hits = ground.cache.count("cache_hits") - before
    reasons = ground.cache.statistics()["not_cached"]
    if hits < 1 and plain.code == 0:
        if reasons == reasons_before:
            problems.append("no hit, and no reason given")
        report.count("not cached (" + ", ".join(sorted(set(reasons) - set(reasons_before)) or sorted(reasons)) + ")")
    report.count("hits", hits)
    report.check(f"{command.project} {command.name}: {' '.join(argv)}", problems)


def run(ground: Ground, commands, report: Report, **_) -> None:
    for command in commands:
        check(ground, command, command.to("out.o"), report)
    if len(commands) >= 10:
        hits = ground.cache.count("cache_hits")
        report.check("hits", [] if hits * 10 >= len(commands) * 9 else [f"only {hits} of {len(commands)} are hits"])
