#!/usr/bin/env python3
"""What describes the packages is right in itself: the spec file has no unknown macro, its version is the project's, every
file of obs/ fits its schema, the project configuration for Debian has the stand-in macros, a Debian name for each
BuildRequires, and the Open Build Service's own parser reads the same names as rpm's.

  tests/rpm/descriptions.py ROOT
A check whose program is missing is named, and the exit code is 77 then, so that a partial run is counted as one.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True)


def check_spec(root: pathlib.Path) -> list[str] | None:
    if not shutil.which("rpmspec"):
        return None
    bad = []
    load = [] if run("rpm", "--eval", "%cmake").stdout.strip() != "%cmake" else ["--load", str(root / "rpm/macros.standin")]
    said = run("rpmspec", "-P", *load, str(root / "rpm/sccache.spec"))
    if said.returncode:
        return [f"rpm/sccache.spec: {said.stderr.strip()}"]
    known = "description|package|prep|build|install|check|pre|post|preun|postun|files|changelog|license|doc|dir|config|attr"
    for word in sorted(set(re.findall(r"%\{?[?!]*([a-z_]\w*)", said.stdout)) - set(known.split("|"))):
        bad.append(f"rpm/sccache.spec: nobody knows the macro %{word}")
    version = re.search(r"project\(sccache VERSION ([\d.]+)", (root / "CMakeLists.txt").read_text())[1]
    if not re.search(rf"^Version: +{re.escape(version)}$", said.stdout, re.M):
        bad.append(f"rpm/sccache.spec: its version is not the project's, {version}")
    newest = re.search(r"Version ([\d.]+)", (root / "rpm/sccache.changes").read_text())
    if not newest or newest[1] != version:
        bad.append(f"rpm/sccache.changes: the first entry does not name version {version}")
    return bad


def check_changes(root: pathlib.Path) -> list[str]:
    said = run(sys.executable, "-B", str(root / "rpm/changelog.py"), str(root / "rpm/sccache.changes"))
    return [said.stderr.strip()] if said.returncode else []


def check_xml(root: pathlib.Path) -> list[str] | None:
    if not shutil.which("xmllint"):
        return None
    bad = []
    for name, schema in (("_service", "service.rng"), ("_constraints", "constraints.rng")):
        said = run("xmllint", "--noout", "--relaxng", str(HERE / "schema" / schema), str(root / "obs" / name))
        if said.returncode:
            bad.append(f"obs/{name}: {said.stderr.strip()}")
    # The schema can say no.
    with tempfile.TemporaryDirectory() as directory:
        wrong = pathlib.Path(directory) / "_service"
        wrong.write_text((root / "obs/_service").read_text().replace('mode="manual"', 'mode="sometimes"', 1))
        if run("xmllint", "--noout", "--relaxng", str(HERE / "schema/service.rng"), str(wrong)).returncode == 0:
            bad.append("tests/rpm/schema/service.rng accepts a mode that does not exist")
    for file in (root / "rpm/firewalld").glob("*.xml"):
        if run("xmllint", "--noout", str(file)).returncode:
            bad.append(f"rpm/firewalld/{file.name} is not well-formed")
    bad += check_filled(root)
    return bad


def check_filled(root: pathlib.Path) -> list[str]:
    """obs/fill makes a package out of it, with and without services."""
    if not (root / ".git").exists() or not shutil.which("xz"):
        return []
    bad = []
    for url in ("", "https://192.0.2.1/a.git?b&c"):
        with tempfile.TemporaryDirectory() as directory:
            said = run(str(root / "obs/fill"), directory, *([url] if url else []))
            names = {file.name for file in pathlib.Path(directory).iterdir()}
            if said.returncode or not {"sccache.spec", "sccache.changes", "sccache-rpmlintrc", "_constraints"} <= names:
                bad.append(f"obs/fill makes {sorted(names)} and says: {said.stderr}")
            elif url:
                schema = run("xmllint", "--noout", "--relaxng", str(HERE / "schema/service.rng"), f"{directory}/_service")
                if schema.returncode or f'"url">{url.replace("&", "&amp;")}<' not in (pathlib.Path(directory) / "_service").read_text():
                    bad.append(f"obs/fill writes a _service without {url}: {schema.stderr}")
            elif not [name for name in names if name.endswith(".tar.xz")] or "_service" in names:
                bad.append(f"obs/fill without an address makes {sorted(names)}")
    return bad


def check_workflows(root: pathlib.Path) -> list[str] | None:
    try:
        import jsonschema
        import yaml
    except ImportError:
        return None
    schema = json.loads((HERE / "schema/workflows.json").read_text())
    workflows = yaml.safe_load((root / "obs/workflows.yml").read_text())
    bad = [f"obs/workflows.yml: {e.message}" for e in jsonschema.Draft7Validator(schema).iter_errors(workflows)]
    workflows[next(iter(workflows))]["steps"].append({"branch_pakage": {}})
    if not list(jsonschema.Draft7Validator(schema).iter_errors(workflows)):
        bad.append("tests/rpm/schema/workflows.json accepts a step that does not exist")
    return bad


def macros_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def check_project(root: pathlib.Path) -> list[str]:
    bad = []
    project = (root / "obs/prjconf.debian12").read_text()
    theirs = macros_of(project.partition("Macros:\n")[2].partition("\n:Macros")[0])
    # There flags are the configuration's own, not a macro.
    ours = [line for line in macros_of((root / "rpm/macros.standin").read_text()) if not line.startswith("%optflags")]
    for line in ours:
        if line not in theirs:
            bad.append(f"obs/prjconf.debian12: this line of rpm/macros.standin is missing: {line}")
    offered = set(re.findall(r"^Substitute: (\S+)", project, re.M)) | {"cmake"}
    for name in re.findall(r"^BuildRequires: +(\S+)", (root / "rpm/sccache.spec").read_text(), re.M):
        if name not in offered:
            bad.append(f"obs/prjconf.debian12: no Debian package is named for {name}")
    return bad


def check_obs_parser(root: pathlib.Path) -> list[str] | None:
    if not pathlib.Path("/usr/lib/obs-build/Build.pm").exists() or not shutil.which("perl"):
        return None
    program = ('my $c = Build::read_config("x86_64", $ARGV[0]); my $d = Build::parse($c, $ARGV[1]); '
               'print "$d->{name} $d->{version}\\n@{$d->{deps}}\\n@{$d->{subpacks}}\\n";')
    said = run("perl", "-I/usr/lib/obs-build", "-MBuild", "-e", program, str(root / "obs/prjconf.debian12"), str(root / "rpm/sccache.spec"))
    if said.returncode:
        return [f"the Open Build Service's parser: {said.stderr.strip()}"]
    lines = said.stdout.splitlines()
    bad = []
    version = re.search(r"^Version: +(\S+)", (root / "rpm/sccache.spec").read_text(), re.M)[1]
    if lines[0] != f"sccache {version}":
        bad.append(f"the Open Build Service's parser reads name and version as: {lines[0]}")
    if lines[2].split() != ["sccache", "sccache-dist"]:
        bad.append(f"the Open Build Service's parser reads the packages as: {lines[2]}")
    if "pkgconfig(libblake3)" not in lines[1] or "firewall-macros" not in lines[1]:
        bad.append(f"the Open Build Service's parser reads the dependencies as: {lines[1]}")
    # It takes a line for the head of an entry only if there is an @ in it.
    log = run("perl", "-I/usr/lib/obs-build", "/usr/lib/obs-build/changelog2spec", "--target", "rpm", "--file", str(root / "rpm/sccache.changes"))
    if log.returncode or "- Version" not in log.stdout:
        bad.append(f"the Open Build Service cannot read rpm/sccache.changes: {log.stderr.strip()}")
    return bad


if __name__ == "__main__":
    top = pathlib.Path(sys.argv[1]).resolve()
    problems, absent = [], []
    for check in (check_spec, check_changes, check_xml, check_workflows, check_project, check_obs_parser):
        found = check(top)
        if found is None:
            absent.append(check.__name__.removeprefix("check_"))
        else:
            problems += found
    print("\n".join(problems) or "descriptions: good")
    if absent:
        print("SKIP: not checked here for want of a program: " + ", ".join(absent))
    sys.exit(1 if problems else 77 if absent else 0)
