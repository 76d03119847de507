"""The files of the project: what git tracks, or in an unpacked tarball everything that is not a build tree."""
import os
import pathlib
import subprocess

SKIP = {".git", "__pycache__"}


def files(root: pathlib.Path) -> list[pathlib.Path]:
    if (root / ".git").exists():
        git = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z"]
        listed = subprocess.run(git, check=True, capture_output=True).stdout
        names = [os.fsdecode(n) for n in listed.split(b"\0") if n]
        return [root / n for n in names if (root / n).is_file()]
    found = []
    for here, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in SKIP and not f.startswith("build")]
        found += [pathlib.Path(here) / n for n in names]
    return sorted(found)


def sources(root: pathlib.Path) -> list[pathlib.Path]:
    ours = ("src", "dist")
    return [f for f in files(root) if f.suffix in (".cpp", ".hpp") and f.relative_to(root).parts[0] in ours]
