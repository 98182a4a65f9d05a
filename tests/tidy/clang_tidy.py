#!/usr/bin/env python3
"""Runs clang-tidy over every C++ source of a build, several at once, and only where needed.

A source that was found clean gets a stamp: the hash of clang-tidy's version, of every .clang-tidy
that applies, of the compile command, of the source and of all project headers that it includes,
directly or not. While the hash stays the same the source is not looked at again.

The sources that are to be looked at are put into groups that clang-tidy reads as one file; see
source_groups.py. What it finds in a group counts only when it finds it in a source alone too: those
that a finding points at, or all when the group does not compile, are looked at once more, one by
one. So what is reported are always findings in real files. Where a folder asks for
the static analyzer, that looks at each source alone.

The tests are left out: they are half of the sources and would double the time. The compilers'
warnings, the format and the house rules hold for them too.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import source_groups

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(rb'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
# What CMake adds for a precompiled header: a source has to include what it uses without it.
PRECOMPILED = re.compile(r" -Winvalid-pch| -Xclang (?:-include-pch|-include|\S*cmake_pch\S*)")
SECONDS_PER_SOURCE_MAX = 900


@dataclass(frozen=True)
class Found:
    """What clang-tidy says about one source."""
    source: source_groups.Source
    clean: bool
    output: str


class Includes:
    """Which of the project's files a file includes."""

    def __init__(self, root):
        self._folders = [root, root / "sdk" / "include"]
        self._direct = {}

    def all_of(self, path):
        """`path` and every project file below it, sorted."""
        seen = {path}
        waiting = [path]
        while waiting:
            for include in self._direct_of(waiting.pop()):
                if include not in seen:
                    seen.add(include)
                    waiting.append(include)
        return tuple(sorted(seen))

    def _direct_of(self, path):
        if path not in self._direct:
            found = []
            for name in INCLUDE.findall(path.read_bytes()):
                for folder in [path.parent, *self._folders]:
                    candidate = folder / name.decode("utf-8", "replace")
                    if candidate.is_file():
                        found.append(candidate.resolve())
                        break
            self._direct[path] = found
        return self._direct[path]


def configs_of(path, root):
    """The .clang-tidy files that apply to `path`, from the root down."""
    folders = [folder for folder in path.parents if folder == root or root in folder.parents]
    return tuple(f / ".clang-tidy" for f in reversed(folders) if (f / ".clang-tidy").is_file())


def digest_of(source, version, root):
    digest = hashlib.sha256()
    for part in [version, source.entry["command"]]:
        digest.update(part.encode() + b"\0")
    for file in [*source.configs, *source.files]:
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def run_on(arguments, path, seconds_max, checks=""):
    """clang-tidy on one file, `checks` added to the configured: (clean, what it printed)."""
    # The compiler's own warnings are errors in the build; here they would come once more, also from
    # system headers.
    try:
        run = subprocess.run(
            [arguments.clang_tidy, "-p", str(arguments.stamps), "--quiet",
             "--extra-arg=-Wno-error", f"--checks={checks}", str(path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=seconds_max, check=False, cwd=arguments.root)
    except subprocess.TimeoutExpired:
        return False, f"{path}: clang-tidy took longer than {seconds_max} s"
    output = run.stdout.decode("utf-8", "replace")
    if run.returncode != 0:
        output += run.stderr.decode("utf-8", "replace")
    return run.returncode == 0, output.strip()


def check_alone(arguments, source, checks=""):
    return Found(source, *run_on(arguments, source.path, SECONDS_PER_SOURCE_MAX, checks))


def check(arguments, group):
    """What clang-tidy finds in the sources of `group`."""
    if len(group.sources) == 1:
        return [check_alone(arguments, group.sources[0])]
    analyzer_checks = group.sources[0].analyzer_checks()
    clean, output = run_on(arguments, group.path, SECONDS_PER_SOURCE_MAX * len(group.sources),
                           "-clang-analyzer-*" if analyzer_checks else "")
    suspects = [] if clean else group.sources_of(output)
    if source_groups.DOES_NOT_COMPILE in output:
        print(f"{len(suspects)} sources of {suspects[0].path.parent.name} do not compile "
              "together and are checked one by one:\n"
              + source_groups.first_finding(output), flush=True)
    found = []
    for source in group.sources:
        if source in suspects:
            found.append(check_alone(arguments, source))
        elif analyzer_checks:
            # The analyzer does not look by itself at a function that it has seen as part of its
            # caller: the call of another source could hide a fault.
            only = ",".join(["-*", *analyzer_checks])
            found.append(check_alone(arguments, source, only))
        else:
            found.append(Found(source, True, ""))
    return found


def sources_of(arguments):
    """The sources of the build that are asked for."""
    root = arguments.root
    entries = json.loads((arguments.build / "compile_commands.json").read_text())
    # clang-tidy looks at a source once for each command that it finds for it; many are compiled
    # twice, for a plugin and for its tests.
    entries = {entry["file"]: entry for entry in reversed(entries)}.values()
    includes = Includes(root)
    sources = []
    for entry in entries:
        entry["command"] = PRECOMPILED.sub("", entry["command"])
        path = pathlib.Path(entry["file"]).resolve()
        if path.suffix != ".cpp" or not path.is_relative_to(root):
            continue
        if path.is_relative_to(root / "build"):
            continue
        name = str(path.relative_to(root))
        if arguments.only:
            if not any(part in name for part in arguments.only):
                continue
        elif name.startswith("tests/"):
            continue
        sources.append(source_groups.Source(name, path, entry, configs_of(path, root),
                                            includes.all_of(path)))
    return sources


def groups_of(arguments, sources):
    """`sources` in groups, the largest first, and all of them made known to clang-tidy."""
    # As many groups as run at once, also where few sources are left.
    count_max = min(source_groups.SOURCES_PER_GROUP_MAX, -(-len(sources) // arguments.jobs))
    folder = arguments.stamps / "groups"
    shutil.rmtree(folder, ignore_errors=True)
    groups = source_groups.write_groups(sources, folder, arguments.root, count_max)
    entries = [source.entry for source in sources]
    entries += [group.entry() for group in groups if len(group.sources) > 1]
    (arguments.stamps / "compile_commands.json").write_text(json.dumps(entries))
    return sorted(groups, key=lambda group: -len(group.sources))


def arguments_from(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clang-tidy", default="clang-tidy-19")
    parser.add_argument("--build", type=pathlib.Path, required=True,
                        help="folder with compile_commands.json, made for clang")
    parser.add_argument("--stamps", type=pathlib.Path, required=True,
                        help="folder for the stamps and for the commands that clang-tidy reads")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="folder of the project")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("only", nargs="*",
                        help="check only sources whose path contains one of these")
    arguments = parser.parse_args(words)
    arguments.stamps = arguments.stamps.resolve()
    arguments.root = arguments.root.resolve()
    return arguments


def main(words=None):
    arguments = arguments_from(words)
    version = subprocess.run([arguments.clang_tidy, "--version"], check=True,
                             capture_output=True, text=True).stdout
    arguments.stamps.mkdir(parents=True, exist_ok=True)

    todo = {}
    for source in sources_of(arguments):
        stamp = arguments.stamps / source.name.replace("/", "__")
        digest = digest_of(source, version, arguments.root)
        if not stamp.is_file() or stamp.read_text() != digest:
            todo[source.name] = (source, stamp, digest)

    print(f"{len(todo)} sources to check", flush=True)
    groups = groups_of(arguments, [source for source, _, _ in todo.values()])
    failed = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=arguments.jobs) as pool:
        runs = [pool.submit(check, arguments, group) for group in groups]
        for run in concurrent.futures.as_completed(runs):
            for found in run.result():
                name = found.source.name
                print(f"{'clean' if found.clean else 'FAILED'}: {name}", flush=True)
                if found.clean:
                    _, stamp, digest = todo[name]
                    stamp.write_text(digest)
                else:
                    failed.append((name, found.output))
    for name, output in sorted(failed):
        print(f"\n{name}:\n{output}")
    if failed:
        print(f"\n{len(failed)} of {len(todo)} sources are not clean.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
