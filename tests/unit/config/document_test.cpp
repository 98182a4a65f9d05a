#include "core/config/document.hpp"

#include <chrono>
#include <map>
#include <string>

#include "tests/support/catch.hpp"

using namespace std::string_literals;
using kifa::config::Diagnostics;
using kifa::config::did_you_mean;
using kifa::config::Environment;
using kifa::config::Node;
using kifa::config::parse_yaml;

namespace {

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

struct Parsed {
  std::optional<Node> root;
  std::string diagnostics;
};

Parsed parse(const std::string& text, std::map<std::string, std::string> variables = {}) {
  Diagnostics diagnostics("x.yaml", text);
  Parsed parsed;
  parsed.root = parse_yaml(text, environment_of(std::move(variables)), diagnostics);
  parsed.diagnostics = diagnostics.render();
  return parsed;
}

// The first line of what was said.
std::string complaint(const std::string& text) {
  const std::string all = parse(text).diagnostics;
  return all.substr(0, all.find('\n'));
}

}  // namespace

TEST_CASE("a document becomes a tree with a place for each value", "[config]") {
  const Parsed parsed = parse("version: 1\nstore:\n  dir: \"a b\"\n  list: [1, 'two']\n  none:\n");
  CHECK(parsed.diagnostics.empty());
  REQUIRE(parsed.root);
  const Node* version = parsed.root->find("version");
  REQUIRE(version != nullptr);
  CHECK(version->text == "1");
  CHECK_FALSE(version->quoted);
  CHECK(version->mark.line == 1);
  CHECK(version->mark.column == 10);
  const Node* store = parsed.root->find("store");
  REQUIRE(store != nullptr);
  CHECK(store->find("dir")->text == "a b");
  CHECK(store->find("dir")->quoted);
  CHECK(store->entries[0].key_mark.line == 3);
  CHECK(store->entries[0].key_mark.column == 3);
  REQUIRE(store->find("list")->items.size() == 2);
  CHECK(store->find("list")->items[1].text == "two");
  CHECK(store->find("none")->kind == Node::Kind::null);
  CHECK(store->find("absent") == nullptr);
}

TEST_CASE("null is what is empty, a tilde or null without quotes, and nothing else", "[config]") {
  const Parsed parsed = parse("a: ~\nb: null\nc:\nd: 'null'\ne: \"\"\nf: NULLS\ng: 010\n");
  REQUIRE(parsed.root);
  CHECK(parsed.root->find("a")->kind == Node::Kind::null);
  CHECK(parsed.root->find("b")->kind == Node::Kind::null);
  CHECK(parsed.root->find("c")->kind == Node::Kind::null);
  CHECK(parsed.root->find("d")->kind == Node::Kind::scalar);
  CHECK(parsed.root->find("e")->kind == Node::Kind::scalar);
  CHECK(parsed.root->find("f")->text == "NULLS");
  CHECK(parsed.root->find("g")->text == "010");
}

TEST_CASE("variables are expanded in values, and a dollar sign can be written", "[config]") {
  const std::string text =
      "plain: ${HOME}/x\nquoted: \"${HOME}\"\nsingle: '${HOME}'\nfallback: ${NONE:-a:-b}\n"
      "unset_or_empty: ${EMPTY:-x}\nnothing: ${EMPTY}\nempty_text: \"${EMPTY}\"\n"
      "dollar: $$HOME\nbrace: $${HOME}\nregex: '^a$'\nalone: $\n"
      "flow: { a: \"${HOME}\" }\ncolon: ${TRICKY}\n";
  const Parsed parsed = parse(text, {{"HOME", "/srv/till"}, {"EMPTY", ""}, {"TRICKY", "a: [b, c"}});
  INFO(parsed.diagnostics);
  REQUIRE(parsed.root);
  const auto value = [&](const char* key) { return parsed.root->find(key)->text; };
  CHECK(value("plain") == "/srv/till/x");
  CHECK(parsed.root->find("plain")->from_environment);
  CHECK(value("quoted") == "/srv/till");
  CHECK(value("single") == "/srv/till");
  CHECK(value("fallback") == "a:-b");
  CHECK(value("unset_or_empty") == "x");
  CHECK(parsed.root->find("nothing")->kind == Node::Kind::null);
  CHECK(parsed.root->find("empty_text")->kind == Node::Kind::scalar);
  CHECK(value("dollar") == "$HOME");
  CHECK_FALSE(parsed.root->find("dollar")->from_environment);
  CHECK(value("brace") == "${HOME}");
  CHECK(value("regex") == "^a$");
  CHECK(value("alone") == "$");
  CHECK(parsed.root->find("flow")->find("a")->text == "/srv/till");
  CHECK(value("colon") == "a: [b, c");  // no structure comes out of a variable
}

TEST_CASE("what is wrong with a variable is told at its place", "[config]") {
  const Parsed parsed = parse("a: 1\nb: x/${NONE}/y\nc: ${1X}\nd: \"${OPEN\"\n");
  CHECK(parsed.root);
  CHECK(parsed.diagnostics ==
        "x.yaml:2:6: error: the environment variable `NONE` is not set\n"
        "  2 | b: x/${NONE}/y\n"
        "    |      ^\n"
        "  hint: set it, or give a default: ${NONE:-value}\n"
        "x.yaml:3:4: error: `${1X}` is not a variable\n"
        "  3 | c: ${1X}\n"
        "    |    ^\n"
        "  hint: write ${NAME} or ${NAME:-default}, and $${ for a dollar sign and a brace\n"
        "x.yaml:4:5: error: `${` has no closing `}`\n"
        "  4 | d: \"${OPEN\"\n"
        "    |     ^\n"
        "  hint: write $${ for a dollar sign and a brace; a default with `: ` or ` #` in it needs "
        "quotes around the whole value\n");
  CHECK(parse("a: ${B}\n", {{"B", "\xff"}}).diagnostics.find("is not UTF-8") != std::string::npos);
}

TEST_CASE("duplicate keys are refused with both places", "[config]") {
  const Parsed parsed = parse("a:\n  x: 1\n  y: 2\n  x: 3\n");
  REQUIRE(parsed.root);
  CHECK(parsed.root->find("a")->find("x")->text == "1");
  CHECK(parsed.diagnostics ==
        "x.yaml:4:3: error: the key `x` is given twice\n"
        "  4 |   x: 3\n"
        "    |   ^\n"
        "x.yaml:2:3: note: it is already given here\n"
        "  2 |   x: 1\n"
        "    |   ^\n");
}

TEST_CASE("files that are no configuration are refused in one sentence", "[config]") {
  CHECK(complaint("") ==
        "x.yaml: error: the file is empty: a configuration needs `version: 1` and `pipelines:`");
  CHECK(complaint("# only\n# comments\n") ==
        "x.yaml: error: the file is empty but for comments: a configuration needs `version: 1` and "
        "`pipelines:`");
  CHECK(complaint("\n\n") == complaint("# c"));
  CHECK(complaint("---\n") == complaint("# c"));
  CHECK(complaint("\x7f"
                  "ELF\x02\x01\x01\0\0"s) ==
        "x.yaml:1:1: error: control character 0x7f is not allowed in a configuration");
  CHECK(complaint("a: 1\nb: \0\n"s) ==
        "x.yaml:2:4: error: this is a binary file, not a configuration: it has a NUL byte here");
  CHECK(complaint("a: caf\xe9\n") == "x.yaml:1:7: error: byte 0xe9 is not UTF-8 text");
  CHECK(complaint("a: \xc0\xaf\n") == "x.yaml:1:4: error: byte 0xc0 is not UTF-8 text");
  CHECK(complaint("\xff\xfe"
                  "a\0"s) == "x.yaml: error: the file is UTF-16 text");
  CHECK(complaint("a:\n\tb: 1\n\tc: 2\n") ==
        "x.yaml:2:1: error: a tab is used for indentation (and on 1 more lines)");
  CHECK(complaint("a:\n  \tb: 1\n") == "x.yaml:2:3: error: a tab is used for indentation");
  CHECK(complaint(std::string(2 << 20, 'a')) ==
        "x.yaml: error: the file is 2097152 bytes long, a configuration may have 1048576");
  CHECK(complaint("a: 1\n---\nb: 2\n") ==
        "x.yaml:2:1: error: a second document begins here; a configuration is one document");
}

TEST_CASE("a byte order mark and CRLF line ends are taken as they are meant", "[config]") {
  const Parsed parsed = parse("\xEF\xBB\xBFversion: 1\r\nname: 'x'\r\n");
  CHECK(parsed.diagnostics.empty());
  REQUIRE(parsed.root);
  CHECK(parsed.root->find("version")->text == "1");
  CHECK(parsed.root->find("name")->text == "x");
}

TEST_CASE("YAML beyond plain values is refused, not guessed at", "[config]") {
  CHECK(complaint("a: &x 1\nb: 2\n") == "x.yaml:1:4: error: anchors (`&name`) are not supported");
  CHECK(parse("a: &x 1\nb: *x\n").diagnostics.find("x.yaml:2:4: error: aliases (`*name`)") !=
        std::string::npos);
  CHECK(complaint("a: *x\n") == "x.yaml:1:4: error: aliases (`*name`) are not supported");
  CHECK(complaint("a: *.log\n").find("not supported") != std::string::npos);
  CHECK(complaint("a: !!binary Zm9v\n").find("tag `tag:yaml.org,2002:binary` is not supported") !=
        std::string::npos);
  CHECK(complaint("a: !custom {b: 1}\n").find("is not supported") != std::string::npos);
  CHECK(parse("a: !!str 010\n").diagnostics.empty());
  CHECK(complaint("<<: 1\n") == "x.yaml:1:1: error: merge keys (`<<`) are not supported");
  CHECK(complaint("? [a, b]\n: 1\n") == "x.yaml:1:3: error: a list or a mapping cannot be a key");
  CHECK(complaint(": 1\n").find("a key is missing here") != std::string::npos);
}

TEST_CASE("syntax errors are told in plain words at their place", "[config]") {
  CHECK(complaint("a: b: c\n") == "x.yaml:1:5: error: a colon is not expected here");
  CHECK(complaint("a: \"x\n") == "x.yaml:1:4: error: the text in quotes is never closed");
  CHECK(complaint("a: \"x\\\"\nb: 2\n") == "x.yaml:1:4: error: the text in quotes is never closed");
  CHECK(complaint("a: 'it''s\nb: 2\n") == "x.yaml:1:4: error: the text in quotes is never closed");
  CHECK(complaint("a: !!str 'x\n") == "x.yaml:1:4: error: the text in quotes is never closed");
  CHECK(complaint("a: \"x") == "x.yaml:1:6: error: the text in quotes is never closed");
  CHECK(parse("a: 'it''s'\nb: \"x\\\\\"\nc: |\n  'x\n").diagnostics.empty());
  CHECK(complaint("a: 'it's'\n") == "x.yaml:1:8: error: nothing may follow the end of this value");
  CHECK(complaint("a: {b: 1\n").find("the mapping in { } is not closed") != std::string::npos);
  CHECK(complaint("a: [b, c\n").find("the list in [ ] is not closed") != std::string::npos);
  CHECK(complaint("a: ]\n").find("this bracket closes nothing") != std::string::npos);
  CHECK(complaint("a: @x\n") == "x.yaml:1:4: error: a value cannot begin with this character");
  CHECK(complaint("a: \"\\d+\"\n").find("a backslash in double quotes begins an escape") !=
        std::string::npos);
  CHECK(complaint("a:\n  - 1\n b: 2\n").find("does not fit") != std::string::npos);
  CHECK(parse("a: { b: ${HOME} }\n", {{"HOME", "/"}})
            .diagnostics.find("a variable needs quotes: \"${NAME}\"") != std::string::npos);
}

TEST_CASE("bombs are refused quickly by limits", "[config]") {
  const auto begin = std::chrono::steady_clock::now();
  SECTION("depth in brackets") {
    CHECK(complaint("a: " + std::string(65, '[') + std::string(65, ']')) ==
          "x.yaml:1:67: error: values are nested more than 64 deep");
    CHECK(parse("a: " + std::string(63, '[') + std::string(63, ']')).diagnostics.empty());
    CHECK(complaint("a: " + std::string(100'000, '[')).find("error") != std::string::npos);
    CHECK(complaint("a: " + std::string(1'000'000, '{')).find("error") != std::string::npos);
  }
  SECTION("depth by indentation") {
    std::string text;
    for (std::size_t i = 0; i < 1000; ++i) {
      text += std::string(i, ' ') + "a:\n";
    }
    CHECK(complaint(text).find("nested more than 64 deep") != std::string::npos);
  }
  SECTION("depth in list dashes") {
    std::string text;
    for (int i = 0; i < 100'000; ++i) {
      text += "- ";
    }
    CHECK(complaint(text).find("nested more than 64 deep") != std::string::npos);
  }
  SECTION("number of values") {
    std::string text = "a: [";
    for (int i = 0; i < 200'000; ++i) {
      text += "1,";
    }
    CHECK(complaint(text + "1]\n").find("more than 50000 keys and values") != std::string::npos);
  }
  SECTION("one long value") {
    CHECK(complaint("a: " + std::string(100'000, 'x') + "\n")
              .find("the value is 100000 bytes long, at most 65536") != std::string::npos);
  }
  SECTION("aliases") {
    std::string text = "a0: &a0 [x, x]\n";
    for (int i = 1; i < 60; ++i) {
      const std::string last = "*a" + std::to_string(i - 1);
      text +=
          "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last + "]\n";
    }
    CHECK(complaint(text).find("anchors (`&name`) are not supported") != std::string::npos);
    CHECK(complaint("a: &a [*a]\n").find("not supported") != std::string::npos);
  }
  SECTION("variables") {
    std::string text = "a: '";
    for (int i = 0; i < 10'000; ++i) {
      text += "${X}";
    }
    const Parsed one = parse(text + "'\n", {{"X", std::string(1000, 'x')}});
    CHECK(one.diagnostics.find("the value gets too long") != std::string::npos);
    text = "a:\n";
    for (int i = 0; i < 1000; ++i) {
      text += "- ${X}\n";
    }
    const Parsed all = parse(text, {{"X", std::string(60'000, 'x')}});
    CHECK(all.diagnostics.find("the value gets too long") != std::string::npos);
  }
  SECTION("errors") {
    std::string text;
    for (int i = 0; i < 10'000; ++i) {
      text += "- &a" + std::to_string(i) + " x\n";
    }
    const Parsed parsed = parse(text);
    CHECK(parsed.diagnostics.find("9950 more are not shown") != std::string::npos);
  }
  const auto taken = std::chrono::steady_clock::now() - begin;
  CHECK(taken < std::chrono::seconds(20));  // far above what it takes, far below a hang
}

TEST_CASE("a misspelt word is matched to the closest choice", "[config]") {
  const std::vector<std::string> choices = {"strip_cr", "skip_empty", "type", "framing"};
  CHECK(did_you_mean("strip_crs", choices) == "strip_cr");
  CHECK(did_you_mean("strpi_cr", choices) == "strip_cr");
  CHECK(did_you_mean("STRIP-CR", choices) == "strip_cr");
  CHECK(did_you_mean("tpye", choices) == "type");
  CHECK(did_you_mean("farming", choices) == "framing");
  CHECK(did_you_mean("x", choices) == std::nullopt);
  CHECK(did_you_mean("", choices) == std::nullopt);
  CHECK(did_you_mean("completely_different", choices) == std::nullopt);
  CHECK(did_you_mean(std::string(100'000, 'a'), choices) == std::nullopt);
}
