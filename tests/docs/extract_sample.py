#!/usr/bin/env python3
"""Takes a code block out of a document: the one below <!-- sample: NAME -->."""

import pathlib
import re
import sys


def sample(document, name):
    found = re.search(r"<!-- sample: " + re.escape(name) + r" -->\n```\w+\n(.*?)\n```\n", document,
                      re.DOTALL)
    if found is None:
        raise SystemExit(f"there is no sample {name}")
    return found.group(1) + "\n"


def main():
    document, name, folder = sys.argv[1:]
    text = sample(pathlib.Path(document).read_text(encoding="utf-8"), name)
    target = pathlib.Path(folder) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
