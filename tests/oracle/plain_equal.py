"""Oracle: exit code, streams and files of a miss and of a hit are those of the plain compiler, wherever that agrees with
itself. And the second run is a hit: the right bytes by a second compile would hide a dead cache."""
from ground import Ground, Report


def check(ground: Ground, command, argv: list[str], report: Report, must_hit: bool = True) -> None:
    plain = ground.plain(argv)
    before = ground.cache.count("cache_hits")
    miss = ground.ours(argv)
    hit = ground.ours(argv)
    problems = [f"miss: {d}" for d in plain.differences(miss)] + [f"hit: {d}" for d in plain.differences(hit)]
    if problems:
        again = ground.plain(argv).differences(plain)
        if again:
            report.count("not equal to themselves")
            problems = [f"miss and hit: {d}" for d in miss.differences(hit)]
    hits = ground.cache.count("cache_hits") - before
    if must_hit and plain.code == 0 and hits < 1:
        problems.append(f"no hit; not cached: {ground.cache.statistics()['not_cached']}")
    report.count("hits", hits)
    report.check(f"{command.project} {command.name}: {' '.join(argv)}", problems)


def run(ground: Ground, commands, report: Report, **_) -> None:
    for command in commands:
        check(ground, command, command.to("out.o"), report)
