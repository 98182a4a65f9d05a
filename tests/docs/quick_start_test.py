#!/usr/bin/env python3
"""The console blocks of README.md print what they say.

Every line that begins with "$ " is typed into a shell, in an empty folder with configs/ in it and
kifa in PATH. Numbers may differ (times, sizes), nothing else may; a line "..." stands for any
lines.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS_MAX = 60


def steps(document):
    """(command, expected output) of every console block, in order."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", document, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def masked(lines):
    """The lines with numbers, identifiers and runs of spaces made equal."""
    text = "\n".join(line.rstrip() for line in lines).strip()
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r"\d[\d,.]*", "N", text)
    text = re.sub(r"N [KMGT]?i?B\b", "N B", text)
    return re.sub(r" +", " ", text)


def says(expected, output):
    """Whether `output` is what `expected` promises."""
    parts = [re.escape(part) for part in masked(expected).split("\n...")]
    return re.fullmatch("(?:\n.*)*".join(parts), masked(output)) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kifa", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--show", action="store_true", help="print what really comes out")
    arguments = parser.parse_args()

    found = steps((ROOT / "README.md").read_text(encoding="utf-8"))
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("KIFA_")}
    environment["PATH"] = f"{arguments.kifa.resolve().parent}:{environment.get('PATH', '')}"
    failures = 0
    # In the build folder: /tmp may be memory, which kifa warns about.
    with tempfile.TemporaryDirectory(dir=arguments.build) as folder:
        shutil.copytree(ROOT / "configs", pathlib.Path(folder) / "configs")
        for command, expected in found:
            run = subprocess.run(["/bin/sh", "-c", command], cwd=folder, env=environment,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX,
                                 check=False)
            output = run.stdout.replace(str(arguments.kifa.resolve().parents[1]),
                                        "/opt/kifa").splitlines()
            if arguments.show:
                print(f"$ {command}")
                print("\n".join(output))
            elif run.returncode != 0 or not says(expected, output):
                failures += 1
                print(f"$ {command}\nexit code {run.returncode}, printed:\n" + "\n".join(output))
                print("README.md says:\n" + "\n".join(expected) + "\n")
    print(f"{len(found)} commands, {failures} differ")
    return 1 if failures or not found else 0


if __name__ == "__main__":
    sys.exit(main())
