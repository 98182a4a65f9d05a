#!/usr/bin/env python3
"""Runs clang-tidy over every C++ source of a build, several at once, and only where needed.

A source that was found clean gets a stamp: the hash of clang-tidy's version, of every .clang-tidy
that applies, of the compile command, of the source and of all project headers that it includes,
directly or not. While the hash stays the same the source is not looked at again.

The tests are left out: they are half of the sources and would double the time. The compilers'
warnings, the format and the house rules hold for them too.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(rb'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
# What CMake adds for a precompiled header: a source has to include what it uses without it.
PRECOMPILED = re.compile(r" -Winvalid-pch| -Xclang (?:-include-pch|-include|\S*cmake_pch\S*)")
INCLUDE_FOLDERS = [ROOT, ROOT / "sdk" / "include"]
SECONDS_PER_SOURCE_MAX = 900


def includes_of(path, cache):
    """The project's files that `path` includes directly."""
    if path not in cache:
        found = []
        for name in INCLUDE.findall(path.read_bytes()):
            for folder in [path.parent, *INCLUDE_FOLDERS]:
                candidate = folder / name.decode("utf-8", "replace")
                if candidate.is_file():
                    found.append(candidate.resolve())
                    break
        cache[path] = found
    return cache[path]


def all_includes(path, cache):
    """`path` and every project file below it, sorted."""
    seen = {path}
    waiting = [path]
    while waiting:
        for include in includes_of(waiting.pop(), cache):
            if include not in seen:
                seen.add(include)
                waiting.append(include)
    return sorted(seen)


def configs_of(path):
    """The .clang-tidy files that apply to `path`, from the root down."""
    folders = [folder for folder in path.parents if folder == ROOT or ROOT in folder.parents]
    return [f / ".clang-tidy" for f in reversed(folders) if (f / ".clang-tidy").is_file()]


def digest_of(entry, version, cache):
    digest = hashlib.sha256()
    path = pathlib.Path(entry["file"]).resolve()
    parts = [version, entry["command"]]
    for part in parts:
        digest.update(part.encode() + b"\0")
    for file in configs_of(path) + all_includes(path, cache):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def check(arguments, source):
    """clang-tidy on one source: (clean, what it printed)."""
    # The compiler's own warnings are errors in the build; here they would come once more, also from
    # system headers.
    try:
        run = subprocess.run(
            [arguments.clang_tidy, "-p", str(arguments.stamps), "--quiet",
             "--extra-arg=-Wno-error", str(source)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=SECONDS_PER_SOURCE_MAX, check=False, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return False, f"{source}: clang-tidy took longer than {SECONDS_PER_SOURCE_MAX} s"
    output = run.stdout.decode("utf-8", "replace")
    if run.returncode != 0:
        output += run.stderr.decode("utf-8", "replace")
    return run.returncode == 0, output.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clang-tidy", default="clang-tidy-19")
    parser.add_argument("--build", type=pathlib.Path, required=True,
                        help="folder with compile_commands.json, made for clang")
    parser.add_argument("--stamps", type=pathlib.Path, required=True,
                        help="folder for the stamps and for the commands that clang-tidy reads")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("only", nargs="*",
                        help="check only sources whose path contains one of these")
    arguments = parser.parse_args()

    version = subprocess.run([arguments.clang_tidy, "--version"], check=True,
                             capture_output=True, text=True).stdout
    entries = json.loads((arguments.build / "compile_commands.json").read_text())
    arguments.stamps.mkdir(parents=True, exist_ok=True)

    # clang-tidy looks at a source once for each command that it finds for it; many are compiled
    # twice, for a plugin and for its tests.
    entries = list({entry["file"]: entry for entry in reversed(entries)}.values())
    for entry in entries:
        entry["command"] = PRECOMPILED.sub("", entry["command"])
    (arguments.stamps / "compile_commands.json").write_text(json.dumps(entries))

    cache = {}
    todo = {}
    for entry in entries:
        path = pathlib.Path(entry["file"]).resolve()
        if path.suffix != ".cpp" or not path.is_relative_to(ROOT):
            continue
        if path.is_relative_to(ROOT / "build"):
            continue
        name = str(path.relative_to(ROOT))
        if arguments.only:
            if not any(part in name for part in arguments.only):
                continue
        elif name.startswith("tests/"):
            continue
        stamp = arguments.stamps / name.replace("/", "__")
        digest = digest_of(entry, version, cache)
        if not stamp.is_file() or stamp.read_text() != digest:
            todo[name] = (path, stamp, digest)

    print(f"{len(todo)} sources to check", flush=True)
    failed = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=arguments.jobs) as pool:
        runs = {pool.submit(check, arguments, path): (name, stamp, digest)
                for name, (path, stamp, digest) in sorted(todo.items())}
        for run in concurrent.futures.as_completed(runs):
            name, stamp, digest = runs[run]
            clean, output = run.result()
            print(f"{'clean' if clean else 'FAILED'}: {name}", flush=True)
            if clean:
                stamp.write_text(digest)
            else:
                failed.append((name, output))
    for name, output in failed:
        print(f"\n{name}:\n{output}")
    if failed:
        print(f"\n{len(failed)} of {len(todo)} sources are not clean.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
