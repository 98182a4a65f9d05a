#!/usr/bin/env python3
"""Shows that clang_tidy.py finds in groups of sources what clang-tidy finds in each of them.

The trees are small, the rules are the project's own. KIFA_CLANG_TIDY names the program.
"""

import contextlib
import io
import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

import clang_tidy
import source_groups
import tidy

PROGRAM = os.environ.get("KIFA_CLANG_TIDY", "clang-tidy-19")
COUNTED = '#!/bin/sh\necho "$*" >> "{calls}"\nexec "{program}" "$@"\n'

HEADER = "#pragma once\n\nnamespace kifa {\nint sum(int a, int b);\n}  // namespace kifa\n"


def source(body, above=""):
    return (f'#include "core/shop/sum.hpp"\n{above}\n'
            f"namespace kifa {{\n{body}\n}}  // namespace kifa\n")


def declares(name):
    """A header and a source with one function that is clean."""
    return {f"core/shop/{name}.hpp": f"#pragma once\nnamespace kifa {{\nint {name}(int a);\n}}\n",
            f"core/shop/{name}.cpp": source(f"int {name}(int a) {{ return sum(a, 1); }}",
                                            f'#include "core/shop/{name}.hpp"\n')}


def private_source(name, body):
    """A source with a function of an unnamed namespace that its public one calls."""
    files = declares(name)
    files[f"core/shop/{name}.cpp"] = source(
        f"namespace {{\n\nint once_more(int a) {{\n{body}\n}}\n\n}}  // namespace\n\n"
        f"int {name}(int a) {{ return once_more(a); }}", f'#include "core/shop/{name}.hpp"\n')
    return files


WITHOUT_BRACES = "  if (a > 1) return 0;"


class ClangTidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve() / "tree"
        self.calls = self.root / "calls"
        self.program = self.root / "counted"
        self.write({"core/shop/sum.hpp": HEADER,
                    "counted": COUNTED.format(calls=self.calls, program=shutil.which(PROGRAM))})
        self.program.chmod(0o755)
        for config in [".clang-tidy", "core/io/.clang-tidy"]:
            self.write({config: (tidy.ROOT / config).read_text()})

    def write(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run_on(self, *only):
        """(exit code, lines printed, how often clang-tidy read something)."""
        entries = []
        for path in sorted(self.root.glob("core/**/*.cpp")):
            command = f"clang++-19 -I{self.root} -std=c++2b -o {path.name}.o -c {path}"
            entries.append({"directory": str(self.root), "file": str(path), "command": command})
        self.write({"compile_commands.json": json.dumps(entries), "calls": ""})
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = clang_tidy.main(["--clang-tidy", str(self.program), "--build", str(self.root),
                                    "--stamps", str(self.root / "stamps"), "--jobs", "1",
                                    "--root", str(self.root), *only])
        calls = self.calls.read_text().splitlines()
        return code, printed.getvalue(), len(calls) - 1  # one asks for the version

    def test_sources_that_are_clean_are_read_at_once_and_not_again(self):
        self.write(declares("first") | declares("second") | declares("third"))
        code, printed, reads = self.run_on()
        self.assertEqual((code, reads), (0, 1), printed)
        self.assertEqual(printed.splitlines(),
                         ["3 sources to check", "clean: core/shop/first.cpp",
                          "clean: core/shop/second.cpp", "clean: core/shop/third.cpp"])
        self.assertEqual(self.run_on(), (0, "0 sources to check\n", 0))
        self.write({"core/shop/second.cpp": declares("second")["core/shop/second.cpp"] + "\n"})
        self.assertEqual(self.run_on(),
                         (0, "1 sources to check\nclean: core/shop/second.cpp\n", 1))

    def test_a_fault_in_the_third_of_several_is_told_with_its_file_and_line(self):
        files = declares("first") | declares("second") | private_source("third", WITHOUT_BRACES
                                                                        + "\n  return a;")
        self.write(files | declares("zeroth"))
        code, printed, reads = self.run_on()
        self.assertEqual((code, reads), (1, 2), printed)  # all together, then the third
        self.assertIn("core/shop/third.cpp:8:13: error: ", printed)
        self.assertIn("[readability-braces-around-statements", printed)
        self.assertIn("FAILED: core/shop/third.cpp\n", printed)
        for name in ["first", "second", "zeroth"]:
            self.assertIn(f"clean: core/shop/{name}.cpp\n", printed)
        self.assertNotIn("group-", printed)
        # Only what was not clean is looked at again, and found again.
        code, printed, reads = self.run_on()
        self.assertEqual((code, reads), (1, 1), printed)
        self.assertIn("core/shop/third.cpp:8:13: error: ", printed)

    def test_names_that_collide_do_not_hide_a_fault(self):
        self.write(private_source("first", "  return a;")
                   | private_source("second", WITHOUT_BRACES + "\n  return a;"))
        code, printed, reads = self.run_on()
        self.assertEqual((code, reads), (1, 2), printed)
        self.assertIn("clean: core/shop/first.cpp\n", printed)
        self.assertIn("core/shop/second.cpp:8:13: error: ", printed)
        self.assertNotIn("do not compile together", printed)

    def test_a_group_that_does_not_compile_is_taken_apart(self):
        hidden = "namespace { int once_more(int a) { return a; } }\n"
        for name in ["first", "second"]:
            self.write(declares(name))
            self.write({f"core/shop/{name}.cpp": source(
                f"{hidden}int {name}(int a) {{ return once_more(a); }}",
                f'#include "core/shop/{name}.hpp"\n')})
        self.write(private_source("third", WITHOUT_BRACES + "\n  return 1;"))
        code, printed, reads = self.run_on("first", "second")
        self.assertEqual((code, reads), (0, 3), printed)
        self.assertIn("2 sources of shop do not compile together", printed)
        self.assertIn("clean: core/shop/second.cpp\n", printed)
        code, printed, _ = self.run_on()
        self.assertEqual(code, 1)
        self.assertIn("core/shop/third.cpp:8:13: error: ", printed)

    def test_a_source_that_does_not_compile_is_told_alone(self):
        self.write(declares("first") | declares("second"))
        self.write({"core/shop/second.cpp": "int second() { return nobody_knows; }\n"})
        code, printed, _ = self.run_on()
        self.assertEqual(code, 1)
        self.assertIn("clean: core/shop/first.cpp\n", printed)
        self.assertIn("core/shop/second.cpp:1:23: error: ", printed)

    def test_a_fault_in_a_header_is_told_of_all_that_include_it(self):
        self.write(declares("first") | declares("second"))
        self.write({"core/shop/sum.hpp": HEADER.replace("sum(", "Sum(")
                    + "namespace kifa {\ninline int sum(int a, int b) { return a + b; }\n}\n"})
        code, printed, reads = self.run_on()
        self.assertEqual((code, reads), (1, 3), printed)
        self.assertEqual(printed.count("core/shop/sum.hpp:4:5: error: "), 2)
        self.assertIn("2 of 2 sources are not clean.", printed)

    def test_a_macro_of_one_source_does_not_reach_the_next(self):
        fault = private_source("second", "#ifndef KIFA_QUIET\n" + WITHOUT_BRACES + "\n#endif\n"
                               "  return a;")
        first = declares("first")
        first["core/shop/first.cpp"] += "#define KIFA_QUIET 1\n"
        self.write(first | fault)
        code, printed, _ = self.run_on()
        self.assertEqual(code, 1)
        self.assertIn("core/shop/second.cpp:9:13: error: ", printed)

    def test_an_include_stands_twice_only_within_one_source(self):
        self.write(declares("first") | declares("second"))
        self.write({"core/shop/second.cpp": '#include "core/shop/sum.hpp"\n'
                    + declares("second")["core/shop/second.cpp"]})
        code, printed, _ = self.run_on()
        self.assertEqual(code, 1)
        self.assertIn("clean: core/shop/first.cpp\n", printed)
        self.assertIn("core/shop/second.cpp:2:1: error: duplicate include", printed)

    def test_where_the_static_analyzer_looks_a_caller_hides_no_fault(self):
        header = "#pragma once\nnamespace kifa {\nint tenth(int a);\nint two();\n}\n"
        divides = ('#include "core/io/a.hpp"\nnamespace kifa {\nint tenth(int a) {\n'
                   "  if (a == 0) {\n    return 10 / a;\n  }\n  return 1;\n}\n}\n")
        calls = ('#include "core/io/a.hpp"\nnamespace kifa {\n'
                 "int two() { return tenth(2); }\n}\n")
        self.write({"core/io/a.hpp": header, "core/io/a.cpp": divides, "core/io/b.cpp": calls})
        code, printed, reads = self.run_on()
        self.assertEqual((code, reads), (1, 3), printed)  # together, and each for the analyzer
        self.assertIn("core/io/a.cpp:5:15: error: Division by zero", printed)
        self.assertIn("clean: core/io/b.cpp\n", printed)
        # And the other rules hold there too.
        self.write({"core/io/a.cpp": divides.replace("10 / a", "10"),
                    "core/io/b.cpp": calls.replace("return", "if (tenth(1) > 0) return 1; return")})
        code, printed, _ = self.run_on()
        self.assertEqual(code, 1)
        self.assertIn("core/io/b.cpp:3:30: error: ", printed)
        self.assertIn("clean: core/io/a.cpp\n", printed)


class Names(unittest.TestCase):
    def test_what_is_declared_is_seen_without_compiling(self):
        names = source_groups.names_declared(tidy.without_comments_and_literals("""
#include <map>
using kifa::Elsewhere;
using Table = std::map<int, int>;
namespace kifa {
class Public final : public Base {
  int member;
};
namespace {

constexpr int kLimit = 3;
enum class Kind : int { a };
std::map<int, int> counts(const Table& table) {
  return local(table);
}

}  // namespace

int Public::get() { return 1; }
Status write(const Table& table) {
}
}  // namespace kifa
"""))
        self.assertEqual(names.private, {"kLimit", "Kind", "counts"})
        self.assertEqual(names.public, {"Table", "Public", "write"})


if __name__ == "__main__":
    sys.exit(unittest.main())
