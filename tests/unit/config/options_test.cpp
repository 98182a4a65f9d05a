#include "core/config/options.hpp"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/config/deployment.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/fake_catalog.hpp"

using kifa::config::bind_options;
using kifa::config::check_option_spec;
using kifa::config::Diagnostics;
using kifa::config::find_setting;
using kifa::config::format_duration_ns;
using kifa::config::format_size_bytes;
using kifa::config::OptionSpec;
using kifa::config::OptionType;
using kifa::config::parse_duration_ns;
using kifa::config::parse_size_bytes;
using kifa::config::parse_yaml;
using kifa::config::render_options;
using kifa::config::Setting;
using kifa::config::testing::option;
using kifa::config::testing::with_default;
using kifa::config::testing::with_range;

namespace {

std::vector<OptionSpec> all_types() {
  OptionSpec color = option("color", OptionType::enumeration, "A color.");
  color.choices = {"red", "green", "blue"};
  OptionSpec pin = option("pin", OptionType::string, "Unlocks.");
  pin.secret = true;
  OptionSpec code = with_range(option("code", OptionType::integer, "Unlocks."), 0, 9);
  code.secret = true;
  OptionSpec count = with_range(option("count", OptionType::integer, "A count."), 1, 1000);
  count.unit = "records";
  OptionSpec least = option("least", OptionType::integer, "At least.");
  least.min = 10;
  OptionSpec most = option("most", OptionType::number, "At most.");
  most.max = 0.5;
  return {option("flag", OptionType::boolean, "A switch."),
          count,
          least,
          most,
          option("any", OptionType::integer, "Any whole number."),
          option("factor", OptionType::number, "A number."),
          option("name", OptionType::string, "A text."),
          color,
          with_range(option("wait", OptionType::duration, "A wait."), 1e6, 6e10),
          with_range(option("room", OptionType::size, "A size."), 1024, 16777216),
          option("file", OptionType::path, "A file."),
          option("words", OptionType::string_list, "Words."),
          pin,
          code};
}

struct Bound {
  std::vector<Setting> settings;
  std::string diagnostics;
};

Bound bind_text(const std::string& text, const std::vector<OptionSpec>& specs = all_types()) {
  Diagnostics diagnostics("/etc/kifa/x.yaml", text);
  const auto environment = [](std::string_view name) {
    return name == "DIR" ? std::optional<std::string>("from/env") : std::nullopt;
  };
  const auto root = parse_yaml(text, environment, diagnostics);
  REQUIRE(root);
  Bound bound;
  bound.settings = bind_options(&*root, specs, {}, "thing", diagnostics);
  bound.diagnostics = diagnostics.render();
  return bound;
}

// What is said about one line, without place and excerpt: "message | hint".
std::string complaint(const std::string& line) {
  std::string all = bind_text(line + "\n").diagnostics;
  const std::size_t begin = all.find("error: ");
  if (begin == std::string::npos) {
    return all;
  }
  std::string out = all.substr(begin + 7, all.find('\n', begin) - begin - 7);
  if (const std::size_t hint = all.find("  hint: "); hint != std::string::npos) {
    out += " | " + all.substr(hint + 8, all.find('\n', hint) - hint - 8);
  }
  return out;
}

Setting one(const std::string& line) {
  const Bound bound = bind_text(line + "\n");
  INFO(line << "\n" << bound.diagnostics);
  REQUIRE(bound.diagnostics.empty());
  REQUIRE(bound.settings.size() == 1);
  return bound.settings[0];
}

}  // namespace

TEST_CASE("values of every type are taken as the declaration says", "[config]") {
  CHECK(one("flag: true").integer == 1);
  CHECK(one("flag: false").integer == 0);
  CHECK(one("flag: \"true\"").integer == 1);
  CHECK(one("count: 1").integer == 1);
  CHECK(one("count: '1000'").integer == 1000);
  CHECK(one("any: -5").integer == -5);
  CHECK(one("any: 0").integer == 0);
  CHECK(one("any: 9223372036854775807").integer == std::numeric_limits<std::int64_t>::max());
  CHECK(one("factor: 1.25").number == 1.25);
  CHECK(one("factor: -1e3").number == -1000);
  CHECK(one("factor: 0.5").number == 0.5);
  CHECK(one("factor: 7").number == 7);
  CHECK(one("name: 010").text == "010");
  CHECK(one("name: true").text == "true");
  CHECK(one("name: ''").text.empty());
  CHECK(one("name: 'null'").text == "null");
  CHECK(one("color: green").text == "green");
  CHECK(one("wait: 250ms").integer == 250'000'000);
  CHECK(one("wait: 250ms").text == "250ms");
  CHECK(one("room: 64KiB").integer == 65536);
  CHECK(one("room: 4096").integer == 4096);
  CHECK(one("words: [a, 'b c']").list == std::vector<std::string>{"a", "b c"});
  CHECK(one("words: [010, true]").list == std::vector<std::string>{"010", "true"});
  CHECK(one("words: a").list == std::vector<std::string>{"a"});
  CHECK(one("words: []").list.empty());
  CHECK(one("pin: 1234").text == "1234");
  CHECK(one("pin: 1234").secret);
  const Setting placed = one("  color: red");
  CHECK(placed.mark.line == 1);
  CHECK(placed.mark.column == 10);
  CHECK_FALSE(placed.defaulted);
}

TEST_CASE("wrong values are refused with what is wanted and what was given", "[config]") {
  CHECK(complaint("flag: yes") == "`flag` takes true or false, not `yes` | write true");
  CHECK(complaint("flag: off") == "`flag` takes true or false, not `off` | write false");
  CHECK(complaint("flag: True") == "`flag` takes true or false, not `True` | write true");
  CHECK(complaint("flag: maybe") == "`flag` takes true or false, not `maybe`");
  CHECK(complaint("flag: [true]") == "`flag` takes true or false, not a list");
  CHECK(complaint("flag:") == "`flag` has no value: it takes true or false");
  CHECK(complaint("any: 010") ==
        "`any` takes a whole number, not `010` | numbers are decimal: write 10");
  CHECK(complaint("any: 000") ==
        "`any` takes a whole number, not `000` | numbers are decimal: write 0");
  CHECK(complaint("any: 0x10") == "`any` takes a whole number, not `0x10`");
  CHECK(complaint("any: 1_000") == "`any` takes a whole number, not `1_000`");
  CHECK(complaint("any: +1") == "`any` takes a whole number, not `+1`");
  CHECK(complaint("any: 1.0") == "`any` takes a whole number, not `1.0`");
  CHECK(complaint("any: 9223372036854775808") ==
        "`any` takes a whole number, not `9223372036854775808`");
  CHECK(complaint("any: ''") == "`any` takes a whole number, not ``");
  CHECK(complaint("any: {a: 1}") == "`any` takes a whole number, not a mapping");
  CHECK(complaint("count: 0") == "`count` must be between 1 and 1000 records, not `0`");
  CHECK(complaint("count: 1001") == "`count` must be between 1 and 1000 records, not `1001`");
  CHECK(complaint("least: 9") == "`least` must be at least 10, not `9`");
  CHECK(complaint("most: 0.6") == "`most` must be at most 0.5, not `0.6`");
  CHECK(complaint("factor: 1,5") == "`factor` takes a number, not `1,5`");
  CHECK(complaint("factor: inf") == "`factor` takes a number, not `inf`");
  CHECK(complaint("factor: .nan") == "`factor` takes a number, not `.nan`");
  CHECK(complaint("factor: 1e999") == "`factor` takes a number, not `1e999`");
  CHECK(complaint("factor: 01.5") == "`factor` takes a number, not `01.5`");
  CHECK(complaint("color: gren") ==
        "`color` takes one of red, green, blue, not `gren` | did you mean `green`?");
  CHECK(complaint("color: Red") ==
        "`color` takes one of red, green, blue, not `Red` | did you mean `red`?");
  CHECK(complaint("color: 7") == "`color` takes one of red, green, blue, not `7`");
  CHECK(complaint("wait: soon") ==
        "`wait` takes a duration such as 250ms, 2s or 1h30m, not `soon`");
  CHECK(complaint("wait: 5") ==
        "`wait` takes a duration such as 250ms, 2s or 1h30m, not `5` | add a unit: 5s or 5ms");
  CHECK(complaint("wait: 2h") == "`wait` must be between 1ms and 1m, not `2h`");
  CHECK(complaint("wait: 0") == "`wait` must be between 1ms and 1m, not `0`");
  CHECK(complaint("room: lots") == "`room` takes a size such as 64KiB or 1MiB, not `lots`");
  CHECK(complaint("room: 64kb") ==
        "`room` takes a size such as 64KiB or 1MiB, not `64kb` | write 64KiB");
  CHECK(complaint("room: 1 M") ==
        "`room` takes a size such as 64KiB or 1MiB, not `1 M` | write "
        "1MiB");
  CHECK(complaint("room: -1") == "`room` takes a size such as 64KiB or 1MiB, not `-1`");
  CHECK(complaint("room: 1") == "`room` must be between 1KiB and 16MiB, not `1`");
  CHECK(complaint("room: 17MiB") == "`room` must be between 1KiB and 16MiB, not `17MiB`");
  CHECK(complaint("name: [a]") == "`name` takes a text, not a list");
  CHECK(complaint("name: ~") == "`name` has no value: it takes a text");
  CHECK(complaint("words: {a: b}") == "`words` takes a list of texts, not a mapping");
  CHECK(complaint("words: [a, [b]]") == "`words` takes a list of texts, and one of them is a list");
  CHECK(complaint("words: [a, ~]") == "`words` takes a list of texts, and one of them is nothing");
  CHECK(complaint("words:") == "`words` has no value: it takes a list of texts");
}

TEST_CASE("an unknown option is told with the closest one, or with all of them", "[config]") {
  CHECK(complaint("nmae: x") == "unknown option `nmae` of thing | did you mean `name`?");
  CHECK(complaint("Flag: true") == "unknown option `Flag` of thing | did you mean `flag`?");
  CHECK(
      complaint("zzzzzz: 1") ==
      "unknown option `zzzzzz` of thing | there are: any, code, color, count, factor, file, flag, "
      "least, most, name, pin, room, wait, words");
  CHECK(complaint("{flag:true}") ==
        "unknown option `flag:true` of thing | put a space after the colon: `flag: `");
  CHECK(complaint("\"a\\nb\\e\": 1").starts_with("unknown option `a\\nb\\x1b` of thing"));
  CHECK(bind_text("x: 1\n", {}).diagnostics.find("hint: thing has no options") !=
        std::string::npos);
}

TEST_CASE(
    "paths are absolute afterwards: from the file's folder, or from the working directory "
    "when they come from the environment",
    "[config]") {
  const std::string working = std::filesystem::current_path().string();
  CHECK(one("file: /var/lib/x").text == "/var/lib/x");
  CHECK(one("file: data").text == "/etc/kifa/data");
  CHECK(one("file: ./data/").text == "/etc/kifa/data");
  CHECK(one("file: ../data").text == "/etc/data");
  CHECK(one("file: /").text == "/");
  CHECK(one("file: .").text == "/etc/kifa");
  CHECK(one("file: ${DIR}").text == working + "/from/env");
  CHECK(one("file: ${NONE:-./data}").text == working + "/data");
  CHECK(one("file: x/${DIR}").text == "/etc/kifa/x/from/env");
  CHECK(complaint("file: ''") == "`file` takes a path, not an empty text");
  CHECK(complaint("file: \"a\\0b\"") == "`file` takes a path: it cannot contain a NUL byte");
  CHECK(complaint("file: ~/x") ==
        "`file` takes a path, and `~` is not expanded: not `~/x` | write ${HOME}/x");
  CHECK(complaint("file: " + std::string(5000, 'a')) ==
        "`file` takes a path of at most 4095 bytes");
}

TEST_CASE("secrets are neither in messages nor in excerpts", "[config]") {
  const Bound bound = bind_text("pin: [hunter2]\ncode: hunter2\n");
  CHECK(bound.diagnostics ==
        "/etc/kifa/x.yaml:1:6: error: `pin` takes a text, not a list\n"
        "  1 | pin: ***\n"
        "    |      ^\n"
        "/etc/kifa/x.yaml:2:7: error: `code` takes a whole number\n"
        "  2 | code: ***\n"
        "    |       ^\n");
  CHECK(bind_text("{ pin: hunter2, nmae: x }\n").diagnostics ==
        "/etc/kifa/x.yaml:1:17: error: unknown option `nmae` of thing\n"
        "  1 | { pin: ***nmae: x }\n"
        "    |           ^\n"
        "  hint: did you mean `name`?\n");
  CHECK(bind_text("{ pin: \"hunter2\n  hunter3\", nmae: x }\n").diagnostics.find("hunter") ==
        std::string::npos);
  CHECK(bind_text("code: 77\n").diagnostics.find("77") == std::string::npos);
  CHECK(one("pin: file:secret").text == "file:/etc/kifa/secret");
  CHECK(one("pin: file:/run/secret").text == "file:/run/secret");
}

TEST_CASE("defaults are bound, what is required must be there, what is old is a warning",
          "[config]") {
  OptionSpec needed = option("needed", OptionType::string, "Nothing works without it.");
  needed.required = true;
  OptionSpec old = with_default(option("old", OptionType::string, "Use `new`."), "");
  old.deprecated = true;
  const std::vector<OptionSpec> specs = {
      needed,
      old,
      with_default(option("list", OptionType::string_list, "L."), "[a, \"b,c\"]"),
      with_default(option("sep", OptionType::string, "S."), "\"\\n\""),
      with_default(option("dir", OptionType::path, "D."), "sub"),
      with_default(option("raw", OptionType::string, "R."), "'${X}'")};
  const Bound missing = bind_text("old: x\n", specs);
  CHECK(missing.diagnostics ==
        "/etc/kifa/x.yaml:1:1: warning: option `old` of thing is deprecated\n"
        "  1 | old: x\n"
        "    | ^\n"
        "  hint: Use `new`.\n"
        "/etc/kifa/x.yaml:1:1: error: thing needs `needed`: Nothing works without it.\n"
        "  1 | old: x\n"
        "    | ^\n");
  const Bound bound = bind_text("needed: x\n", specs);
  CHECK(bound.diagnostics.empty());
  CHECK(find_setting(bound.settings, "old")->text.empty());
  CHECK(find_setting(bound.settings, "old")->defaulted);
  CHECK(find_setting(bound.settings, "list")->list == std::vector<std::string>{"a", "b,c"});
  CHECK(find_setting(bound.settings, "sep")->text == "\n");
  CHECK(find_setting(bound.settings, "dir")->text == "/etc/kifa/sub");
  CHECK(find_setting(bound.settings, "raw")->text == "${X}");
  CHECK(find_setting(bound.settings, "none") == nullptr);

  Diagnostics nowhere("x.yaml", "");
  const auto only_defaults = bind_options(nullptr, specs, {}, "thing", nowhere);
  CHECK(only_defaults.size() == specs.size() - 1);
  CHECK(nowhere.render() == "x.yaml: error: thing needs `needed`: Nothing works without it.\n");
}

TEST_CASE("durations and sizes are read and written exactly", "[config]") {
  CHECK(parse_duration_ns("1h30m") == 5'400'000'000'000);
  CHECK(parse_duration_ns("1d") == 86'400'000'000'000);
  CHECK(parse_duration_ns("1m1ms1us1ns") == 60'001'001'001);
  CHECK(parse_duration_ns("0") == 0);
  CHECK(parse_duration_ns("0s") == 0);
  for (const char* text : {"", "5", "s", "1.5s", "-1s", "1s1s", "1ms1s", "1 s", "1S", "01s", "1sec",
                           "300000000d", "9223372036855s", "99999999999999999999s"}) {
    INFO(text);
    CHECK(parse_duration_ns(text) == std::nullopt);
  }
  CHECK(parse_size_bytes("0") == 0);
  CHECK(parse_size_bytes("1TiB") == std::int64_t{1} << 40);
  CHECK(parse_size_bytes("7B") == 7);
  for (const char* text : {"", "KiB", "1kib", "1MB", "1 MiB", "1.5MiB", "-1", "01", "0x10", "1K",
                           "8388608TiB", "9223372036854775808"}) {
    INFO(text);
    CHECK(parse_size_bytes(text) == std::nullopt);
  }
  CHECK(format_duration_ns(0) == "0s");
  CHECK(format_duration_ns(5'400'000'000'000) == "1h30m");
  CHECK(format_duration_ns(60'001'001'001) == "1m1ms1us1ns");
  CHECK(format_size_bytes(0) == "0");
  CHECK(format_size_bytes(1 << 20) == "1MiB");
  CHECK(format_size_bytes(1025) == "1025B");
  for (const std::int64_t value : {1LL, 999LL, 1'000'000LL, 86'399'999'999'999LL}) {
    CHECK(parse_duration_ns(format_duration_ns(value)) == value);
    CHECK(parse_size_bytes(format_size_bytes(value)) == value);
  }
}

TEST_CASE("a declaration that contradicts itself is told", "[config]") {
  const auto good = with_default(option("a", OptionType::size, "S."), "1KiB");
  CHECK(check_option_spec(good).empty());
  CHECK(check_option_spec(with_default(good, "1KB")) ==
        "option `a`: its default `1KB` is not a size such as 64KiB or 1MiB in its range");
  CHECK(check_option_spec(with_range(good, 0, 10)).find("its default") != std::string::npos);
  CHECK(check_option_spec(with_range(good, 10, 0)).find("smallest") != std::string::npos);
  CHECK(check_option_spec(option("A-b", OptionType::size, "S.")) ==
        "option `A-b`: the name is not snake_case");
  CHECK(check_option_spec(option("a", OptionType::size, "")).find("sentence") != std::string::npos);
  CHECK(check_option_spec(option("a", OptionType::enumeration, "S.")).find("needs choices") !=
        std::string::npos);
  OptionSpec both = good;
  both.required = true;
  CHECK(check_option_spec(both) == "option `a`: it is required and has a default");
  for (const auto* specs :
       {&kifa::config::source_host_options(), &kifa::config::framing_host_options(),
        &kifa::config::sink_host_options()}) {
    for (const OptionSpec& spec : *specs) {
      CHECK(check_option_spec(spec).empty());
      CHECK(spec.default_text.has_value());
    }
  }
}

TEST_CASE("the reference of options is aligned text", "[config]") {
  OptionSpec color = with_default(option("color", OptionType::enumeration, "A color."), "red");
  color.choices = {"red", "green"};
  OptionSpec pin = option("pin", OptionType::string, "Unlocks the device.");
  pin.required = true;
  pin.secret = true;
  OptionSpec count =
      with_range(with_default(option("count", OptionType::integer, "Records."), "5"), 1, 1'000'000);
  count.unit = "records";
  OptionSpec old = option("old", OptionType::string_list, "Use `color`.");
  old.deprecated = true;
  const std::vector<OptionSpec> specs = {
      color, pin, count, old,
      with_range(with_default(option("idle", OptionType::duration,
                                     "A sentence that is so long that it does not fit into one "
                                     "line of a hundred columns, so it goes on in the next."),
                              "0s"),
                 0, 86.4e12)};
  CHECK(render_options(specs) ==
        "  color  choice             default red  red | green\n"
        "      A color.\n"
        "  pin    text               required\n"
        "      Unlocks the device. A secret: never shown; file:PATH reads it from a file.\n"
        "  count  integer (records)  default 5    1 to 1000000\n"
        "      Records.\n"
        "  old    list of texts      no default\n"
        "      Deprecated. Use `color`.\n"
        "  idle   duration           default 0s   0s to 1d\n"
        "      A sentence that is so long that it does not fit into one line of a hundred columns, "
        "so it goes\n"
        "      on in the next.\n");
  CHECK(render_options({}).empty());
}
