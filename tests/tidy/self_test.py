#!/usr/bin/env python3
"""Shows for every rule of tidy.py a sample that breaks it and one that does not."""

import sys
import unittest

import tidy


def found(rule, files, compiled=()):
    """The violations as "path:line"."""
    tree = tidy.Tree(dict(files), set(compiled))
    return [f"{violation.path}:{violation.line}" for violation in rule(tree)]


def body(lines):
    return "\n".join(f"  call({number});" for number in range(lines))


class Rules(unittest.TestCase):
    def test_every_rule_has_a_sample(self):
        for rule in tidy.RULES:
            self.assertTrue(hasattr(self, "test_" + rule.__name__), rule.__name__)

    def test_lines_fit_the_page(self):
        rule = tidy.lines_fit_the_page
        self.assertEqual(found(rule, {"core/a.cpp": "int a;\n" + "x" * 101}), ["core/a.cpp:2"])
        self.assertEqual(found(rule, {"core/a.cpp": "x" * 100, "README.md": "x" * 300}), [])

    def test_functions_fit_a_screen(self):
        rule = tidy.functions_fit_a_screen
        too_long = [
            "void f() {\n" + body(69) + "\n}\n",
            "A::A(int x) : a_{x}, b_(x) {\n" + body(69) + "\n}\n",
            "A::A() : A(Options{.a = 1}) {\n" + body(69) + "\n}\n",
            "auto f() -> std::vector<int> {\n" + body(69) + "\n}\n",
            'TEST_CASE("a {", "[b]") {\n' + body(69) + "\n}\n",
            "namespace n {\nclass C {\n void f() const {\n" + body(69) + "\n}\n};\n}\n",
            'extern "C" {\nvoid f(void) {\n' + body(69) + "\n}\n}\n",
            "const auto f = [](int a) {\n" + body(69) + "\n};\n",
            "void f() {\n if (a) {\n" + body(68) + "\n}}\n",
        ]
        for text in too_long:
            self.assertEqual(len(found(rule, {"core/a.cpp": text})), 1, text[:60])
        short_enough = [
            "void f() {\n" + body(68) + "\n}\n",
            "struct Long {\n" + "  int a;\n" * 90 + "};\n",
            "class Long : public B<int> {\n" + "  void f() { a(); }\n" * 90 + "};\n",
            'class KIFA_CAPABILITY("m") Long {\n' + "  void f() { a(); }\n" * 90 + "};\n",
            "const int table[] = {\n" + "  1,\n" * 90 + "};\n",
            "namespace a {\n" + "void f() { g(); }\n" * 90 + "}\n",
            "enum class E : int {\n" + "  a,\n" * 90 + "};\n",
            "#define M(a) do { \\\n" + body(69) + "\nvoid f() {}\n",
            "void f() {\n" + "// }\n" * 5 + "}\n" + "void g() { h('{', \"{\", R\"(})\"); }\n" * 90,
            "constexpr std::uint64_t kA = 1'000'000;\nvoid g() { h('{'); }\n" * 80,
        ]
        for text in short_enough:
            self.assertEqual(found(rule, {"core/a.cpp": text}), [], text[:60])

    def test_includes_keep_their_direction(self):
        rule = tidy.includes_keep_their_direction
        bad = {
            "core/base/a.cpp": '#include "core/io/file_system.hpp"\n',
            "core/store/a.cpp": "#include <kifa/plugin.h>\n",
            "core/pipeline/a.cpp": '\n#include "core/store/store.hpp"\n',
            "core/config/a.hpp": '#  include "core/plugin/registry.hpp"\n',
            "plugins/sources/stdin/a.cpp": '#include "core/base/status.hpp"\n',
            "plugins/sinks/kifa/a.cpp": '#include "core/config/options.hpp"\n',
            "plugins/sinks/console/a.cpp": '#include "plugins/sinks/kifa/a.hpp"\n',
            "plugins/formatters/shared/a.hpp": '#include "core/base/status.hpp"\n',
            "sdk/include/kifa/a.hpp": '#include "core/base/types.hpp"\n',
            "examples/gen/a.cpp": '#include "core/base/types.hpp"\n',
        }
        for path, text in bad.items():
            self.assertEqual(len(found(rule, {path: text})), 1, path)
        self.assertEqual(found(rule, {"core/unheard_of/a.cpp": "int a;\n"}),
                         ["core/unheard_of/a.cpp:1"])
        good = {
            "core/store/a.cpp": '#include <vector>\n#include "core/io/file_system.hpp"\n',
            "core/cli/a.cpp": '#include "core/store/store.hpp"\n#include <kifa/plugin.h>\n',
            "plugins/sinks/kifa/a.cpp": '#include "core/store/store.hpp"\n#include "a.hpp"\n',
            "plugins/sinks/kifa/a.hpp": "#include <kifa/sdk.hpp>\n",
            "plugins/formatters/text/a.cpp": '#include "plugins/formatters/shared/a.hpp"\n',
            "plugins/formatters/shared/a.hpp": "#include <kifa/sdk.hpp>\n",
            "tests/unit/a.cpp": '#include "core/store/store.hpp"\n',
        }
        self.assertEqual(found(rule, good), [])

    def test_third_party_stays_home(self):
        rule = tidy.third_party_stays_home
        bad = {
            "core/store/a.cpp": "#include <spdlog/spdlog.h>\n",
            "core/cli/a.cpp": "#include <yaml-cpp/yaml.h>\n",
            "core/pipeline/a.cpp": "#include <boost/dll.hpp>\n",
            "plugins/sources/stdin/a.cpp": "#include <re2/re2.h>\n",
            "core/io/a.cpp": "#include <CLI/CLI.hpp>\n",
            "core/base/a.cpp": "#include <catch2/catch.hpp>\n",
        }
        for path, text in bad.items():
            self.assertEqual(found(rule, {path: text}), [path + ":1"])
        exposed = {"core/pipeline/a.hpp": "#include <re2/re2.h>\n",
                   "core/cli/a.cpp": '#include "core/pipeline/a.hpp"\n'}
        self.assertEqual(found(rule, exposed), ["core/pipeline/a.hpp:1"])
        good = {
            "core/pipeline/a.hpp": "#include <re2/re2.h>\n",
            "core/pipeline/a.cpp": '#include "core/pipeline/a.hpp"\n',
            "core/base/a.hpp": "#include <fmt/format.h>\n",
            "core/store/a.cpp": '#include <fmt/format.h>\n#include "core/base/a.hpp"\n',
            "tests/support/a.hpp": "#include <catch2/catch.hpp>\n",
        }
        self.assertEqual(found(rule, good), [])

    def test_what_is_precompiled_is_included(self):
        rule = tidy.what_is_precompiled_is_included
        bad = {
            "core/a.cpp": "#include <vector>\n\nstd::vector<std::optional<int>> a;\n",
            "core/b.hpp": "fmt::format(text);\n",
            "plugins/c.cpp": '#include "core/a.hpp"\nvoid f() { std::ranges::sort(a); }\n',
        }
        self.assertEqual(found(rule, bad), ["core/a.cpp:3", "core/b.hpp:1", "plugins/c.cpp:2"])
        good = {
            "core/a.hpp": '#include <optional>\n#include "core/b.hpp"\nstd::optional<A> a;\n',
            "core/b.hpp": "#include <vector>\n",
            "core/c.cpp": '#include "core/a.hpp"\nstd::vector<int> c;  // std::map<int, int>\n',
            "tests/d.cpp": "std::string d;\n",
        }
        self.assertEqual(found(rule, good), [])
        listed = "set(kifa_common_headers <vector>\n  {})\n"
        place = "cmake/KifaPrecompile.cmake"
        self.assertEqual(found(rule, {place: listed.format("<regex>")}), [place + ":1"])
        self.assertEqual(found(rule, {place: listed.format("<fmt/format.h>")}), [])

    def test_streams_stay_in_the_cli(self):
        rule = tidy.streams_stay_in_the_cli
        self.assertEqual(found(rule, {"core/store/a.cpp": "\nvoid f() { std::cout << 1; }"}),
                         ["core/store/a.cpp:2"])
        self.assertEqual(found(rule, {"core/cli/a.cpp": "std::cout << 1;",
                                      "core/store/a.cpp": '// std::cout\nf("std::cout");'}), [])

    def test_unit_tests_do_not_sleep(self):
        rule = tidy.unit_tests_do_not_sleep
        for call in ["std::this_thread::sleep_for(1s);", "usleep(5);", "::sleep(1);"]:
            self.assertEqual(found(rule, {"tests/unit/io/a.cpp": call}), ["tests/unit/io/a.cpp:1"])
        self.assertEqual(found(rule, {"tests/integration/a.cpp": "usleep(5);",
                                      "tests/unit/a.cpp": "clock.sleep(1);"}), [])

    def test_headers_are_guarded(self):
        rule = tidy.headers_are_guarded
        self.assertEqual(found(rule, {"core/a.hpp": "int a;\n"}), ["core/a.hpp:1"])
        self.assertEqual(found(rule, {"core/a.hpp": "#pragma once\n", "core/a.cpp": ""}), [])

    def test_no_markers_are_left(self):
        rule = tidy.no_markers_are_left
        for word in ["TO" + "DO", "FIX" + "ME", "X" * 3]:
            self.assertEqual(found(rule, {"dev": f"a\n# {word}: later\n"}), ["dev:2"])
        self.assertEqual(found(rule, {"dev": "mktemp kifa.XXXXXX\n"}), [])

    def test_no_paths_of_one_machine(self):
        rule = tidy.no_paths_of_one_machine
        for place in ["/wo" + "rk/kifa", "../sha" + "red", "/ro" + "ot/.ccache"]:
            self.assertEqual(found(rule, {"docs/a.md": f"see {place}\n"}), ["docs/a.md:1"])
        self.assertEqual(found(rule, {"docs/a.md": "/var/lib/kifa and core/root.hpp\n"}), [])

    def test_every_source_is_compiled(self):
        rule = tidy.every_source_is_compiled
        files = {"core/a.cpp": "", "core/b.cpp": "", "core/c.hpp": "", "tests/d.c": ""}
        self.assertEqual(found(rule, files, {"core/a.cpp"}), ["core/b.cpp:1", "tests/d.c:1"])
        self.assertEqual(found(rule, files, {"core/a.cpp", "core/b.cpp", "tests/d.c"}), [])

    def test_links_lead_somewhere(self):
        rule = tidy.links_lead_somewhere
        files = {"docs/a.md": "[b](b.md)\n[r](../README.md#x)\n[f](formats)",
                 "docs/formats/w.md": "",
                 "README.md": "[web](https://example.com) [here](#top) [a](docs/a.md)"}
        self.assertEqual(found(rule, files), ["docs/a.md:1"])
        self.assertEqual(found(rule, {**files, "docs/b.md": ""}), [])

    def test_faults_have_tests(self):
        rule = tidy.faults_have_tests
        files = {"docs/faults.md": "| number |\n| W1 | a |\n| W2 | b |\n",
                 "tests/unit/a.cpp": 'TEST_CASE("x", "[W1]")\nTEST_CASE("y", "[a][W3]")\n'}
        self.assertEqual(found(rule, files), ["tests/unit/a.cpp:2", "docs/faults.md:3"])
        files["tests/deliveries/a_test.py"] = "def test_y(self):  # [W2]\n"
        files["tests/unit/a.cpp"] = 'TEST_CASE("x", "[W1]")\n'
        self.assertEqual(found(rule, files), [])

    def test_mutants_have_tests(self):
        rule = tidy.mutants_have_tests
        files = {
            "core/store/mutants.hpp": "enum class Mutant : int {\n  none,\n  a,  // x\n  b,\n};\n",
            "tests/crash/mutants_test.cpp": "const Active mutant(Mutant::a);\n",
        }
        self.assertEqual(found(rule, files), ["core/store/mutants.hpp:4"])
        files["tests/crash/mutants_test.cpp"] += "const Active mutant(Mutant::b);\n"
        self.assertEqual(found(rule, files), [])


if __name__ == "__main__":
    sys.exit(unittest.main())
