#!/usr/bin/env python3
"""Checks the house rules that neither compiler nor clang-tidy checks.

Each rule is a function that takes a Tree and yields violations. Each has samples in
self_test.py: one that breaks it and one that does not, so that a rule that can no longer fail is
noticed.
"""

import argparse
import json
import pathlib
import re
import sys
from dataclasses import dataclass, field

import precompiled

COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = {".cpp", ".hpp", ".c", ".h"}
SCRIPTS = {"dev", ".ci/run"}
TEXT = CODE | {"", ".py", ".sh", ".md", ".txt", ".cmake", ".json", ".yaml", ".yml", ".in"}
FOLDERS_LEFT_OUT = {".git", "build", "__pycache__"}


@dataclass
class Tree:
    """The files of the project by path from the root, and what the build compiles of them."""
    files: dict
    compiled: set = field(default_factory=set)
    _bare: dict = field(default_factory=dict)

    def code(self):
        return [path for path in self.files if pathlib.PurePath(path).suffix in CODE]

    def bare(self, path):
        """The text of a C or C++ file with comments and literals blanked, line breaks kept."""
        if path not in self._bare:
            self._bare[path] = without_comments_and_literals(self.files[path])
        return self._bare[path]


@dataclass(frozen=True)
class Violation:
    path: str
    line: int
    text: str


TOKENS = re.compile(
    r"""(?P<comment>//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/)
      |(?P<raw>R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)")
      |(?P<string>"(?:[^"\\\n]|\\.)*")
      |(?P<number>\b[0-9][0-9a-zA-Z_.']*)
      |(?P<char>'(?:[^'\\\n]|\\.)+')""",
    re.DOTALL | re.VERBOSE)


def without_comments_and_literals(text):
    def blank(match):
        if match.lastgroup == "number" or match.group("number"):
            return match.group(0)
        kept = "".join(c if c == "\n" else " " for c in match.group(0))
        if match.group("comment") is not None:
            return kept
        return '"' + kept[1:-1] + '"'
    return TOKENS.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


# ------------------------------------------------------------------------------------- layout

def lines_fit_the_page(tree):
    """No line of code is longer than 100 columns."""
    for path, text in tree.files.items():
        if pathlib.PurePath(path).suffix not in CODE | {".py", ".sh"} and path not in SCRIPTS:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > COLUMNS_MAX:
                yield Violation(path, number, f"{len(line)} columns; at most {COLUMNS_MAX}")


NOT_A_FUNCTION = re.compile(
    r"^\s*(?:(?:inline\s+)?namespace\b|(?:export\s+)?extern\s*\"|enum\b|union\b)")
TYPE_HEAD = re.compile(
    r"^\s*(?:template\s*<.*>\s*)?(?:typedef\s+)?(?:class|struct)\s[^()=]*"
    r"(?:\([^()]*\)[^()=]*)?$", re.DOTALL)
INITIALISER_BRACE = re.compile(r"\)[^;{}]*(?<!:):(?!:)[^;]*[\w>]\s*$", re.DOTALL)


def block_kind(head):
    """What a brace opens, judged by the text between it and the end of the statement before."""
    if NOT_A_FUNCTION.match(head) or TYPE_HEAD.match(head):
        return "scope"
    if ")" not in head:
        return "other"
    if INITIALISER_BRACE.search(head):
        return "initialiser"
    return "function"


def functions_of(bare):
    """(first line, last line) of every outermost function body."""
    # Preprocessor lines may hold half a block; macros are not functions.
    bare = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: "\n" * m.group(0).count("\n"),
                  bare, flags=re.MULTILINE)
    stack = []
    head_start = 0
    line = 1
    for offset, char in enumerate(bare):
        if char == "\n":
            line += 1
        elif char == "{":
            inside = any(kind == "function" for kind, _ in stack)
            kind = "other" if inside else block_kind(bare[head_start:offset])
            stack.append((kind, line))
            if kind != "initialiser":
                head_start = offset + 1
        elif char == "}" and stack:
            kind, first = stack.pop()
            if kind == "function":
                yield first, line
            if kind != "initialiser":
                head_start = offset + 1
        elif char == ";":
            head_start = offset + 1


def functions_fit_a_screen(tree):
    """No function body is longer than 70 lines."""
    for path in tree.code():
        for first, last in functions_of(tree.bare(path)):
            lines = last - first + 1
            if lines > FUNCTION_LINES_MAX:
                yield Violation(path, first,
                                f"a function of {lines} lines; at most {FUNCTION_LINES_MAX}")


# --------------------------------------------------------------------- who may depend on whom

MAY_INCLUDE = {  # docs/ARCHITECTURE.md says the same to people
    "core/base": {"core/base"},
    "core/io": {"core/io", "core/base"},
    "core/store": {"core/store", "core/io", "core/base"},
    "core/config": {"core/config", "core/io", "core/base"},
    "core/observability": {"core/observability", "core/io", "core/base"},
    "core/plugin": {"core/plugin", "core/config", "core/observability", "core/io", "core/base",
                    "sdk"},
    "core/pipeline": {"core/pipeline", "core/plugin", "core/config", "core/observability",
                      "core/io", "core/base", "sdk"},
    "core/cli": {"core/cli", "core/pipeline", "core/plugin", "core/config", "core/observability",
                 "core/store", "core/io", "core/base", "sdk"},
    "sdk": {"sdk"},
    "plugins": {"sdk"},
    "plugins/formatters/shared": {"sdk"},  # headers that formatters have in common
    "plugins/formatters/csv": {"sdk", "plugins/formatters/shared"},
    "plugins/formatters/hex": {"sdk", "plugins/formatters/shared"},
    "plugins/formatters/json": {"sdk", "plugins/formatters/shared"},
    "plugins/formatters/text": {"sdk", "plugins/formatters/shared"},
    "plugins/framings/shared": {"sdk"},
    "plugins/framings/delimiter": {"sdk", "plugins/framings/shared"},
    "plugins/framings/stx_etx": {"sdk", "plugins/framings/shared"},
    "plugins/sources/shared": {"sdk"},
    "plugins/sources/file": {"sdk", "plugins/sources/shared"},
    "plugins/sources/serial": {"sdk", "plugins/sources/shared"},
    "plugins/sources/tcp": {"sdk", "plugins/sources/shared"},
    "plugins/sources/udp": {"sdk", "plugins/sources/shared"},
    "plugins/sinks/kifa": {"sdk", "core/store", "core/io", "core/base"},
    "examples": {"sdk"},
}

THIRD_PARTY_HOMES = {  # header prefix: modules that may include it
    "fmt/": {"core", "plugins/sinks/kifa", "tests"},
    "boost/": {"core/plugin"},
    "yaml-cpp/": {"core/config"},
    "spdlog/": {"core/observability"},
    "CLI/": {"core/cli", "examples"},
    "liburing": {"core/io"},
    "re2/": {"core/pipeline", "plugins/framings/regex"},
    "openssl/": {"core/store", "core/cli", "plugins/sources/tcp", "tests"},
    "lz4": {"core/store"},
    "zstd": {"core/store", "core/cli"},
    "zlib.h": {"core/cli", "plugins/sources/file", "tests"},
    "nlohmann/": {"core/cli"},
    "catch2/": {"tests"},
    "benchmark/": {"tests"},
}
# Modules whose own headers may show a library's types to everybody.
THIRD_PARTY_EXPOSED = {"fmt/": {"core/base"}, "catch2/": {"tests"}, "benchmark/": {"tests"}}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)


def module_of(path):
    parts = path.split("/")
    if parts[0] == "core":
        return "/".join(parts[:2])
    if parts[0] == "plugins":
        return "/".join(parts[:2 if parts[1] == "support" else 3])
    return parts[0]


def includes_of(tree, path):
    """(line, name as written, path in the project or None) of every include."""
    text = tree.files[path]
    for match in INCLUDE.finditer(text):
        name = match.group(2)
        beside = str(pathlib.PurePosixPath(path).parent / name)
        if name in tree.files:
            target = name
        elif f"sdk/include/{name}" in tree.files or name.startswith("kifa/"):
            target = f"sdk/include/{name}"
        elif match.group(1) == '"' and beside in tree.files:
            target = beside
        elif re.match(r"(core|plugins|sdk|tests|examples)/", name):
            target = name
        else:
            target = None
        yield line_of(text, match.start()), name, target


def is_within(module, homes):
    return any(module == home or module.startswith(home + "/") for home in homes)


def includes_keep_their_direction(tree):
    """A module includes only the modules below it."""
    for path in tree.code():
        module = module_of(path)
        if module == "tests":
            continue
        allowed = MAY_INCLUDE.get(module)
        if allowed is None:
            allowed = MAY_INCLUDE.get(module.split("/")[0])
        if allowed is None:
            yield Violation(path, 1, f"the module {module} is not known; add it to tidy.py and "
                            "docs/ARCHITECTURE.md")
            continue
        for line, name, target in includes_of(tree, path):
            if target is None:
                continue
            other = module_of(target)
            if other != module and other not in allowed:
                yield Violation(path, line, f"{module} may not include {name}")


def third_party_stays_home(tree):
    """A library's headers are included only in the modules that it belongs to."""
    shared = headers_included_elsewhere(tree)
    for path in tree.code():
        module = module_of(path)
        for line, name, target in includes_of(tree, path):
            if target is not None:
                continue
            for prefix, homes in THIRD_PARTY_HOMES.items():
                if not name.startswith(prefix):
                    continue
                if not is_within(module, homes):
                    yield Violation(path, line, f"{name} belongs to {', '.join(sorted(homes))}")
                elif path in shared and not is_within(
                        module, THIRD_PARTY_EXPOSED.get(prefix, set())):
                    yield Violation(path, line, f"{name} in a header that other modules include")


def headers_included_elsewhere(tree):
    found = set()
    for path in tree.code():
        for _, _, target in includes_of(tree, path):
            if target in tree.files and module_of(target) != module_of(path):
                found.add(target)
    return found


PRECOMPILED = "cmake/KifaPrecompile.cmake"
PRECOMPILED_LIST = re.compile(r"set\(kifa_common_headers ([^)]*)\)")


def what_is_precompiled_is_included(tree):
    """A file includes, itself or through the project's headers, what is precompiled for it."""
    listed = PRECOMPILED_LIST.search(tree.files.get(PRECOMPILED, ""))
    for header in re.findall(r"<([^>]+)>", listed.group(1)) if listed else []:
        if header not in precompiled.NAMES:
            yield Violation(PRECOMPILED, line_of(listed.string, listed.start()),
                            f"tests/tidy/precompiled.py does not know what <{header}> declares")
    included = {}
    for path in tree.code():
        if not path.endswith((".cpp", ".hpp")) or path.startswith("tests/"):
            continue
        reached = headers_reached(tree, path, included)
        for offset, name, header in precompiled.names_without_header(tree.bare(path), reached):
            yield Violation(path, line_of(tree.bare(path), offset), f"{name} without <{header}>")


def headers_reached(tree, path, included):
    """The headers outside the project that `path` includes, directly or through the project's."""
    reached = set()
    seen = {path}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in included:
            included[file] = [(name, target) for _, name, target in includes_of(tree, file)]
        for name, target in included[file]:
            if target not in tree.files:
                reached.add(name)
            elif target not in seen:
                seen.add(target)
                waiting.append(target)
    return reached


# ------------------------------------------------------------------------------ words and calls

def code_pattern(pattern, folders, message, spare=()):
    """A rule: `pattern` does not occur in code below `folders`, but below `spare`."""
    expression = re.compile(pattern)

    def rule(tree):
        for path in tree.code():
            if not path.startswith(tuple(folders)) or path.startswith(tuple(spare)):
                continue
            for match in expression.finditer(tree.bare(path)):
                yield Violation(path, line_of(tree.bare(path), match.start()), message)
    return rule


def streams_stay_in_the_cli(tree):
    """std::cout and std::cerr are used only by the command line, examples and tests."""
    yield from code_pattern(r"\bstd::(?:cout|cerr|clog)\b", ("core/", "plugins/", "sdk/"),
                            "standard streams belong to core/cli and examples/",
                            spare=("core/cli/",))(tree)


def unit_tests_do_not_sleep(tree):
    """Unit tests wait for conditions on a fake clock, never for time to pass."""
    yield from code_pattern(
        r"\b(?:sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep)\s*\(|::sleep\s*\(",
        ("tests/unit/",), "a unit test that sleeps")(tree)


def headers_are_guarded(tree):
    """Every C++ header begins with #pragma once."""
    for path in tree.code():
        if path.endswith(".hpp") and not re.search(r"^#pragma once$", tree.files[path],
                                                   re.MULTILINE):
            yield Violation(path, 1, "#pragma once is missing")


# Written in pieces, so that this file does not find itself.
MARKERS = re.compile(r"\b(?:TO" "DO|FIX" "ME|XX" "X|HA" r"CK)\b")
MACHINE_PATHS = re.compile(r"/wo" r"rk/|\.\./sha" r"red|sha" r"red/design|(?<![\w.])/ro" r"ot/")


def text_pattern(tree, expression, message):
    for path, text in tree.files.items():
        for match in expression.finditer(text):
            yield Violation(path, line_of(text, match.start()),
                            message.format(match.group(0)))


def no_markers_are_left(tree):
    """Work to do is not a comment."""
    yield from text_pattern(tree, MARKERS, "{}: work to do does not belong into a file")


def no_paths_of_one_machine(tree):
    """Nothing names a place that exists on one machine only."""
    yield from text_pattern(tree, MACHINE_PATHS, "{}: a path of somebody's machine")


# ----------------------------------------------------------------------------- build and documents

# Sources that are deliberately built by somebody else than this build tree, with the reason.
BUILT_ELSEWHERE = {
    "examples/vendor-": "vendor plugins build out of tree, against the installed SDK",
    "sdk/template/": "the template is built after it was copied",
}


def every_source_is_compiled(tree):
    """Every .cpp and .c file is part of a target."""
    for path in tree.code():
        if pathlib.PurePath(path).suffix not in {".cpp", ".c"}:
            continue
        if path not in tree.compiled and not path.startswith(tuple(BUILT_ELSEWHERE)):
            yield Violation(path, 1, "no target compiles this file")


LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def links_lead_somewhere(tree):
    """Every relative link of a document leads to a file of the project."""
    folders = {str(parent) for path in tree.files
               for parent in pathlib.PurePosixPath(path).parents}
    for path, text in tree.files.items():
        if not path.endswith(".md"):
            continue
        for match in LINK.finditer(text):
            link = match.group(1).split("#")[0]
            if not link or "://" in link or link.startswith("mailto:"):
                continue
            target = normalised(pathlib.PurePosixPath(path).parent / link)
            if target not in tree.files and target not in folders:
                yield Violation(path, line_of(text, match.start()), f"{link} is not there")


def normalised(path):
    parts = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts) or "."


FAULT_TAG = re.compile(r"\[W(\d+)\]")
FAULT_ROW = re.compile(r"^\| W(\d+) \|", re.MULTILINE)
FAULTS = "docs/faults.md"


def faults_have_tests(tree):
    """Every fault of docs/faults.md has a test with its tag, and every tag a line there."""
    text = tree.files.get(FAULTS, "")
    rows = {match.group(1): match.start() for match in FAULT_ROW.finditer(text)}
    tested = set()
    for path in tree.files:
        is_test = pathlib.PurePath(path).suffix in CODE | {".py"} and path.startswith("tests/")
        if not is_test or path.startswith("tests/tidy/"):  # where tags are samples
            continue
        for match in FAULT_TAG.finditer(tree.files[path]):
            tested.add(match.group(1))
            if match.group(1) not in rows:
                yield Violation(path, line_of(tree.files[path], match.start()),
                                f"the tag W{match.group(1)} has no line in {FAULTS}")
    for number, offset in rows.items():
        if number not in tested:
            yield Violation(FAULTS, line_of(text, offset), f"no test has the tag [W{number}]")


MUTANTS = "core/store/mutants.hpp"
MUTANT_TESTS = "tests/crash/mutants_test.cpp"
MUTANT_LIST = re.compile(r"enum class Mutant[^{]*\{(.*?)\}", re.DOTALL)


def mutants_have_tests(tree):
    """Every deliberate fault of the store is switched on by a test, which must notice it."""
    if MUTANTS not in tree.files:
        return
    listed = MUTANT_LIST.search(tree.bare(MUTANTS))
    tests = tree.files.get(MUTANT_TESTS, "")
    for match in re.finditer(r"\w+", listed.group(1)):
        name = match.group()
        if name != "none" and not re.search(rf"Active mutant\(Mutant::{name}\)", tests):
            yield Violation(MUTANTS, line_of(tree.files[MUTANTS], listed.start(1) + match.start()),
                            f"no test of {MUTANT_TESTS} switches {name} on")


RULES = [
    lines_fit_the_page,
    functions_fit_a_screen,
    includes_keep_their_direction,
    third_party_stays_home,
    what_is_precompiled_is_included,
    streams_stay_in_the_cli,
    unit_tests_do_not_sleep,
    headers_are_guarded,
    no_markers_are_left,
    no_paths_of_one_machine,
    every_source_is_compiled,
    links_lead_somewhere,
    faults_have_tests,
    mutants_have_tests,
]


def read_tree(build):
    files = {}
    for path in sorted(ROOT.rglob("*")):
        relative = path.relative_to(ROOT)
        if relative.parts[0] in FOLDERS_LEFT_OUT or "__pycache__" in relative.parts:
            continue
        if path.is_file() and (path.suffix in TEXT or path.name.startswith(".clang")):
            try:
                files[str(relative)] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # test data that is not text
    compiled = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"]).resolve()
        if source.is_relative_to(ROOT):
            compiled.add(str(source.relative_to(ROOT)))
    return Tree(files, compiled)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True,
                        help="folder with compile_commands.json")
    arguments = parser.parse_args()
    tree = read_tree(arguments.build)
    found = 0
    for rule in RULES:
        for violation in rule(tree):
            found += 1
            print(f"{violation.path}:{violation.line}: {violation.text} [{rule.__name__}]")
    print(f"{len(RULES)} rules, {len(tree.files)} files, {found} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
