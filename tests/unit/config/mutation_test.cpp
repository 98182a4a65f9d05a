#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/text.hpp"
#include "core/config/deployment.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/fake_catalog.hpp"

using kifa::decode_utf8;
using kifa::config::bind_deployment;
using kifa::config::Deployment;
using kifa::config::Diagnostics;
using kifa::config::parse_yaml;
using kifa::config::testing::FakeCatalog;

namespace {

constexpr std::string_view kValid = R"(version: 1
plugins: { path: [/opt/kifa/plugins] }
store:
  data_dir: ${DIR:-/var/lib/kifa}   # a comment
  flush_mode: "cautious"
pipelines:
  till-1:
    sources:
      port: { type: serial, device: /dev/ttyS0, baud: 9600, pin: 'hunter2hunter2' }
      lines:
        type: stdin
        linger: 5ms
        framing: { type: newline, strip_cr: false, oversize: truncate }
    transforms:
      - filter: { drop: '^DEBUG' }
    sinks:
      journal: { type: kifa }
      screen: { type: console, required: false, format: { type: json, indent: 2 } }
  ticks:
    sources: { t: { type: ticker, every: 1m30s, factor: 2.5, labels: [a, b] } }
    sinks: { k: { type: kifa } }
)";

// Pieces that a random byte would seldom hit.
constexpr std::string_view kPieces[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        ": ",
                                        "\n",
                                        "- ",
                                        "? ",
                                        "'",
                                        "\"",
                                        "&a ",
                                        "*a ",
                                        "|",
                                        ">",
                                        "!!str ",
                                        "---",
                                        "...",
                                        "<<: ",
                                        "${",
                                        "}",
                                        "$$",
                                        "#",
                                        "\t",
                                        "\\",
                                        "~",
                                        "null",
                                        "010",
                                        "@",
                                        "%",
                                        "\xff",
                                        "\r\n",
                                        "\0x",
                                        ",",
                                        "  ",
                                        "é",
                                        "\"\\x00\"",
                                        "!x ",
                                        "${DIR}",
                                        "${NONE}",
                                        "type: kifa",
                                        "required: false",
                                        "data_dir: /d",
                                        "type:"};

std::string mutate(std::string text, std::mt19937_64& random) {
  const std::size_t changes = 1 + random() % 4;
  for (std::size_t i = 0; i < changes; ++i) {
    const std::size_t at = random() % (text.size() + 1);
    const std::size_t size = std::min<std::size_t>(random() % 20, text.size() - at);
    switch (random() % 6) {
      case 0:
        text.erase(at, size);
        break;
      case 1:
        text.insert(at, kPieces[random() % std::size(kPieces)]);
        break;
      case 2:
        text.insert(at, text.substr(random() % text.size(), size));
        break;
      case 3:
        if (at < text.size()) {
          text[at] = static_cast<char>(random());
        }
        break;
      case 4:
        text.resize(at);
        break;
      default:
        text.replace(at, size, kPieces[random() % std::size(kPieces)]);
    }
    if (text.empty()) {
      text = " ";
    }
  }
  return text;
}

bool is_clean_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto character = decode_utf8(text, at);
    if (!character.valid || (character.code < 0x20 && character.code != '\n')) {
      return false;
    }
    at += character.size;
  }
  return true;
}

}  // namespace

TEST_CASE("a damaged configuration ends in diagnostics or in a complete deployment", "[config]") {
  // KIFA_TEST_SEED repeats a run, KIFA_TEST_ROUNDS makes it longer.
  const char* given_seed = std::getenv("KIFA_TEST_SEED");
  const char* given_rounds = std::getenv("KIFA_TEST_ROUNDS");
  const auto seed = given_seed != nullptr ? std::strtoull(given_seed, nullptr, 10)
                                          : std::uint64_t{std::random_device{}()};
  const long rounds = given_rounds != nullptr ? std::strtol(given_rounds, nullptr, 10) : 2000;
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto environment = [](std::string_view name) {
    return name == "DIR" ? std::optional<std::string>("/env: [x") : std::nullopt;
  };
  for (long round = 0; round < rounds; ++round) {
    const std::string text = round == 0 ? std::string(kValid) : mutate(std::string(kValid), random);
    INFO("round " << round << "\n" << text);
    Diagnostics diagnostics("x.yaml", text);
    FakeCatalog catalog;
    Deployment deployment;
    const auto root = parse_yaml(text, environment, diagnostics);
    if (root) {
      deployment = bind_deployment(*root, catalog, diagnostics);
    }
    const std::string said = diagnostics.render();
    REQUIRE((root || diagnostics.has_errors()));
    REQUIRE(diagnostics.has_errors() == (said.find(" error: ") != std::string::npos));
    REQUIRE(is_clean_text(said));
    if (round == 0) {
      INFO(said);
      REQUIRE(said.empty());  // what is damaged later is right
    }
    if (!diagnostics.has_errors()) {
      REQUIRE_FALSE(deployment.pipelines.empty());
      for (const auto& pipeline : deployment.pipelines) {
        REQUIRE_FALSE(pipeline.sources.empty());
        int required = 0;
        for (const auto& sink : pipeline.sinks) {
          required += sink.required ? 1 : 0;
          REQUIRE_FALSE(sink.component.type.empty());
        }
        REQUIRE(required == 1);
      }
    }
  }
}
