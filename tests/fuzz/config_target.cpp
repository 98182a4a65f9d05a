#include <optional>
#include <string>
#include <string_view>

#include "core/config/deployment.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/unit/config/fake_catalog.hpp"

// A configuration: the YAML document and what it says about pipelines.
namespace kifa::fuzz {
namespace {

using namespace kifa::config;  // NOLINT: a test

constexpr std::string_view kWhole = R"(version: 1
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
constexpr std::string_view kSmall =
    "version: 1\npipelines: {p: {sources: {s: {type: stdin}}, sinks: {k: {type: kifa}}}}\n";

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const std::string_view text : {kWhole, kSmall}) {
    const ByteView bytes = as_byte_view(text);
    all.emplace_back(bytes.begin(), bytes.end());
  }
  return all;
}

void run(ByteView input) {
  const std::string text(as_text(input));
  Diagnostics diagnostics("x.yaml", text);
  const auto environment = [](std::string_view name) {
    return name == "DIR" ? std::optional<std::string>("/env: [x") : std::nullopt;
  };
  const auto root = parse_yaml(text, environment, diagnostics);
  Deployment deployment;
  if (root) {
    testing::FakeCatalog catalog;
    (void)plugin_paths_of(*root, diagnostics);
    deployment = bind_deployment(*root, catalog, diagnostics);
  }
  const std::string said = diagnostics.render();
  expect(root || diagnostics.has_errors(), "a document that cannot be read without an error");
  expect(diagnostics.has_errors() || !deployment.pipelines.empty(), "no pipeline and no error");
  expect(!diagnostics.has_errors() || !said.empty(), "an error that is not said");
}

const Registration kRegistration(
    {.name = "config", .seeds = seeds, .run = run, .input_bytes_max = 16384, .rounds = 600});

}  // namespace
}  // namespace kifa::fuzz
