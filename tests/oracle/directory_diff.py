"""Oracle: the files that are new after a hit are those that are new after a plain compile in the same place: names, modes
and bytes. This finds outputs we forgot, and litter of ours."""
from ground import Ground, Report

# Flags that make the compiler write more than the object. `same` says whether two plain runs give the same bytes.
FLAGS = [
    ("gcc clang", ["-MMD"]),
    ("gcc clang", ["-MD", "-MF", "deps.d", "-MT", "target"]),
    ("gcc clang", ["-MD", "-MP"]),
    ("gcc clang", ["-g", "-gsplit-dwarf"]),
    ("gcc", ["-fstack-usage"]),
    ("gcc", ["-save-temps"]),
    ("clang", ["-save-temps"]),
    ("gcc clang", ["-save-temps=obj"]),
    ("gcc", ["--coverage", "-frandom-seed=1"]),
    ("clang", ["--coverage"]),
    ("gcc", ["-ftest-coverage", "-frandom-seed=1"]),
    ("gcc", ["-fdump-tree-optimized"]),
    ("gcc", ["-fdump-rtl-expand"]),
    ("gcc", ["-fdump-final-insns"]),
    ("gcc", ["-fcallgraph-info"]),
    ("gcc", ["-fdiagnostics-format=json-file"]),
    ("gcc", ["-Wa,-adhln=listing.txt"]),
    ("gcc clang", ["-Wp,-MD,wp.d"]),
    ("gcc clang", ["-Wp,-MMD,wp.d"]),
    ("gcc", ["-fopt-info-all=info.txt", "-O2"]),
    ("gcc clang", ["-fsave-optimization-record", "-O2"]),
    ("clang", ["-ftime-trace"]),
    ("clang", ["-fembed-bitcode-marker"]),
    ("clang", ["-MJ", "fragment.json"]),
    ("clang", ["-serialize-diagnostics", "diags.dia"]),
    ("gcc clang", ["-flto", "-frandom-seed=1"]),
    ("gcc clang", ["-dumpdir", "pre."]),
    ("gcc", ["-dumpbase", "other.c"]),
    ("gcc", ["-aux-info", "protos.txt"]),
    ("gcc", ["-fprofile-generate", "-frandom-seed=1"]),
]


def run(ground: Ground, commands, report: Report, family: str = "gcc", **_) -> None:
    for command in commands:
        for families, flags in FLAGS:
            if family not in families.split():
                continue
            argv = command.to("out.o", *flags)
            first = ground.plain(argv)
            names_only = bool(first.differences(ground.plain(argv)))
            if names_only:
                report.count("not equal to themselves")
            miss, hit = ground.ours(argv), ground.ours(argv)
            problems = [f"miss: {d}" for d in first.differences(miss, names_only)]
            problems += [f"hit: {d}" for d in first.differences(hit, names_only)]
            report.check(f"{command.project} {command.name}: {' '.join(argv)}", problems)
