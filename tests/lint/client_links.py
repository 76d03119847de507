#!/usr/bin/env python3
"""What the local programs link, and what they must not.

The client starts once per compiler call: with nothing linked it starts in a sixth of a millisecond, with libc alone in half
a one, with libstdc++ as a shared library in a whole one, with every library of this project in nine. Built without libc it
must be a position-independent program without a loader, so that nothing can be linked into it by chance. The engine has no network code, so that one-shot mode
stays quick and a hole in a TLS library is no hole in every build.
"""
import re
import subprocess
import sys

LIBC = re.compile(r"^(libc\.so\.6|ld-linux[\w.-]*\.so\.\d+|ld64\.so\.\d)$")
NETWORK = re.compile(r"^lib(ssl|crypto|gnutls|curl|nghttp2|archive|hiredis|systemd|boost_(?!program_options)\w+|spdlog|xml2|z3|resolv)\b")
RESOLVER = re.compile(r"\b(getaddrinfo|gethostbyname\w*|res_query\w*|res_search\w*)\b")


def readelf(option: str, program: str) -> str:
    return subprocess.run(["readelf", "-W", option, program], check=True, capture_output=True, text=True).stdout


def needed(program: str) -> list[str]:
    return re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("-d", program))


def hardening(program: str) -> list[str]:
    dynamic, segments = readelf("-d", program), readelf("-l", program)
    missing = []
    if "GNU_RELRO" not in segments or not re.search(r"BIND_NOW|FLAGS.*NOW", dynamic):
        missing.append("full RELRO")
    if not re.search(r"FLAGS_1.*PIE", dynamic):
        missing.append("PIE")
    if re.search(r"GNU_STACK.*RWE", segments):
        missing.append("a stack that is not executable")
    return missing


def check(client: str, others: list[str]) -> list[str]:
    bare = not needed(client)
    bad = [f"{client}: asks for a loader, though it needs no library"] if bare and "INTERP" in readelf("-l", client) else []
    bad += [f"{client}: needs {lib}; the client links libc alone" for lib in needed(client) if not LIBC.match(lib)]
    bad += [f"{client}: lacks {what}" for what in hardening(client)]
    for program in others:
        bad += [f"{program}: needs {lib}; the engine carries no network code" for lib in needed(program) if NETWORK.match(lib)]
        asks = sorted(set(RESOLVER.findall(readelf("--dyn-syms", program))))
        bad += [f"{program}: resolves host names ({name}); that belongs to sccache-remote" for name in asks]
    return bad


if __name__ == "__main__":
    problems = check(sys.argv[1], sys.argv[2:])
    print("\n".join(problems) or f"links: {sys.argv[1]} needs {' '.join(needed(sys.argv[1])) or 'nothing'}")
    sys.exit(bool(problems))
