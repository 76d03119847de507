#!/usr/bin/env python3
"""Turns openSUSE's .changes into rpm's %changelog entries, as the Open Build Service does.

  rpm/changelog.py rpm/sccache.changes >> sccache.spec
"""
import re
import sys

for entry in re.split(r"^-{60,}\n", open(sys.argv[1], encoding="utf-8").read(), flags=re.M):
    if not entry.strip():
        continue
    head, _, body = entry.partition("\n")
    date = re.match(r"(\w{3} \w{3} +\d+) [\d:]+ \w+ (\d{4}) - (.+)", head)
    if not date:
        sys.exit(f"{sys.argv[1]}: not the head of an entry: {head}")
    print(f"* {date[1]} {date[2]} {date[3]}\n{body.strip()}\n")
