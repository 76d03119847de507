"""Oracle: eight random options of the compiler's own list. Exit code, streams, files and bytes of a miss and of a hit must
be those of the plain compiler. The seed is printed; the same seed gives the same options."""
import random
import re
import subprocess

from ground import HUNG, Ground, Report

LIMIT_S = 20  # some combinations let a compiler run for ever

# Options that start something else, ask a question, or read the terminal; each run would say nothing.
LEFT_OUT = re.compile(r"^(-wrapper|--?help|--?target-help|--?version|-print-|--print|-pass-exit|-###|-v$|-fuse-ld|-o$|-x$|-E$|-S$|-c$|-M|-pipe|-B|-U$|-D$|"
                      r"-fplugin|-iplugindir|-specs|-cc1|-fdebug-dump|-fmodule|-emit|-ccc|-Xclang|-mllvm|-T$|-gen-cdb|--analyze|-interface|"
                      r"-ivfsoverlay|-working-directory|-fdump-go|-include|-imacros|-foffload|-iquote$|-fself-test|-quiet|-auxbase|--config)")
PLAIN_OPTION = re.compile(r"^  ?(--?[A-Za-z0-9+_][A-Za-z0-9+_.=,-]*)\s", re.M)
CLASSES = ("optimizers", "warnings", "target", "common", "c", "c++", "params", "undocumented")


def options(compiler: str, family: str) -> list[str]:
    asked = [[compiler, f"--help={c}"] for c in CLASSES] if family == "gcc" else [[compiler, "--help-hidden"]]
    found = set()
    for argv in asked:
        text = subprocess.run(argv, capture_output=True, text=True, errors="replace").stdout
        found |= set(PLAIN_OPTION.findall(text))
    values = []
    for option in sorted(found):
        if LEFT_OUT.match(option):
            continue
        values.append(option.rstrip("=,") + ("=1" if option.endswith("=") else ""))
    return values


def run(ground: Ground, commands, report: Report, family: str = "gcc", seed: int = 0, rounds: int = 12, **_) -> None:
    dice = random.Random(seed)
    compiler = commands[0].argv[0]
    pool = options(compiler, family)
    print(f"random flags: seed {seed}, {len(pool)} options of {compiler}", flush=True)
    for _ in range(rounds):
        command = dice.choice(commands)
        flags = dice.sample(pool, 8)
        # Two thirds of random options make the compiler refuse: keep those in one round of four, drop the offenders else.
        if dice.random() < 0.75:
            flags = [f for f in flags if ground.plain(command.to("out.o", f), limit=LIMIT_S).code == 0]
        argv = command.to("out.o", *flags)
        plain = ground.plain(argv, limit=LIMIT_S)
        if plain.code == HUNG or plain.code < 0 or plain.code >= 128 or b"internal compiler error" in plain.err or b"PLEASE submit a bug" in plain.err:
            report.count("too much for the compiler")
            continue
        miss, hit = ground.ours(argv), ground.ours(argv)
        problems = [f"miss: {d}" for d in plain.differences(miss)] + [f"hit: {d}" for d in plain.differences(hit)]
        if problems:
            if not ground.agrees_with_itself(argv, plain):
                report.count("not equal to themselves")
                problems = []
        report.count("accepted", plain.code == 0)
        report.check(f"seed {seed}: {command.project} {command.name}: {' '.join(argv)}", problems)
