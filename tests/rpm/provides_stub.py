#!/usr/bin/env python3
"""Writes an RPM without files that tells rpm, in its own words, what this Debian system has: so that rpmbuild really checks
BuildRequires, and zypper really resolves Requires, instead of being told to look away.

  provides_stub.py build OUT [ROOT]   libraries one can build with: pkgconfig(...), cmake(...), a few names of openSUSE; with
                                      ROOT those of the system there, and the names of its packages, which a project
                                      configuration puts in the place of openSUSE's
  provides_stub.py runtime OUT ROOT   what programs link to in the system ROOT: its libraries' names and symbol versions
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# Name in openSUSE: package here.
BUILD_NAMES = {
    "cmake": "cmake", "gcc-c++": "g++", "pkgconfig": "pkgconf", "systemd-rpm-macros": "systemd", "firewall-macros": "systemd",
    "openssl": "openssl", "python3-base": "python3", "libboost_headers-devel": "libboost-dev",
    "libboost_program_options-devel": "libboost-program-options-dev",
}
RUNTIME_NAMES = {"coreutils": "coreutils", "systemd": "systemd", "bubblewrap": "bubblewrap"}


def output(*command: str, text: str | None = None) -> str:
    return subprocess.run(command, input=text, capture_output=True, text=True).stdout


def deb_packages(root: pathlib.Path) -> dict[str, str]:
    """Installed packages and the versions of what is in them."""
    listed = output("dpkg-query", f"--admindir={root / 'var/lib/dpkg'}", "-W", "-f", "${Package} ${Version}\n")
    return {name: re.sub(r"^\d+:", "", version).split("-")[0].split("+")[0] for name, version in (line.split() for line in listed.splitlines())}


def version_in(file: pathlib.Path, pattern: str) -> str:
    found = re.search(pattern, file.read_text(errors="replace"), re.M)
    return f" = {found[1]}" if found else ""


def build_provides(root: pathlib.Path, names_too: bool) -> set[str]:
    found = set()
    libraries = [d for d in (root / "usr/lib", root / "usr/share", *(root / "usr/lib").glob("*-linux-gnu")) if d.is_dir()]
    for directory in libraries:
        for file in (directory / "pkgconfig").glob("*.pc"):
            found.add(f"pkgconfig({file.stem})" + version_in(file, r"^Version:\s*([0-9][\w.]*)"))
        for file in (directory / "cmake").glob("*/*onfig.cmake"):
            version = next(iter(file.parent.glob("*ersion.cmake")), file)
            name = re.sub(r"(Config|-config)$", "", file.stem)
            found.add(f"cmake({name})" + version_in(version, r'set *\( *PACKAGE_VERSION "?([0-9][\w.]*)'))
    # Debian has the sources of BLAKE3 in another package, and cmake/FindBLAKE3.cmake knows where.
    if list((root / "usr/share/cargo/registry").glob("blake3-*/c/blake3.h")):
        found.add("pkgconfig(libblake3)")
    packages = deb_packages(root)
    for name, package in BUILD_NAMES.items():
        if package in packages:
            found.add(f"{name} = {packages[package]}")
    if names_too:
        found |= {f"{name} = {version}" for name, version in packages.items() if name not in BUILD_NAMES}
    return found


def runtime_provides(root: pathlib.Path) -> set[str]:
    libraries = set()
    for directory in ("lib64", "usr/lib64", *(str(d.relative_to(root)) for d in root.glob("usr/lib/*-linux-gnu"))):
        for file in (root / directory).glob("*.so*"):
            if file.is_file() and file.open("rb").read(4) == b"\x7fELF":
                libraries.add(str(file.resolve()))
    elfdeps = "/usr/lib/rpm/elfdeps"
    found = set(output(elfdeps, "--provides", text="\n".join(sorted(libraries)) + "\n").split("\n")) - {""}
    found |= {"/bin/sh", "/bin/bash", "rtld(GNU_HASH)"}
    for name, package in RUNTIME_NAMES.items():
        if package in deb_packages(root):
            found.add(name)
    return found


def write(kind: str, directory: pathlib.Path, provides: set[str]) -> pathlib.Path:
    name = f"debian-{kind}-stub"
    lines = [f"Name: {name}", "Version: 1", "Release: 0", "Summary: What this Debian system offers", "License: Apache-2.0",
             "BuildArch: noarch", "AutoReqProv: no", *(f"Provides: {p}" for p in sorted(provides)), "%description", "No files.", "%files", ""]
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as top:
        spec = pathlib.Path(top) / "stub.spec"
        spec.write_text("\n".join(lines))
        subprocess.run(["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}", "--define", f"_rpmdir {directory}",
                        "--define", "_rpmfilename %%{NAME}.rpm", str(spec)], check=True, stdout=subprocess.DEVNULL)
    return directory / f"{name}.rpm"


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4 or sys.argv[1] not in ("build", "runtime") or sys.argv[1] == "runtime" and len(sys.argv) != 4:
        sys.exit(__doc__)
    system = pathlib.Path(sys.argv[3] if len(sys.argv) == 4 else "/").resolve()
    offers = build_provides(system, len(sys.argv) == 4) if sys.argv[1] == "build" else runtime_provides(system)
    print(write(sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), offers), len(offers), "provides")
