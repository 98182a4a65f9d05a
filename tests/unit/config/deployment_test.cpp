#include "core/config/deployment.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "tests/support/catch.hpp"
#include "tests/unit/config/fake_catalog.hpp"

using kifa::config::bind_deployment;
using kifa::config::Deployment;
using kifa::config::Diagnostics;
using kifa::config::find_setting;
using kifa::config::parse_yaml;
using kifa::config::testing::FakeCatalog;

namespace {

struct Bound {
  Deployment deployment;
  std::string diagnostics;
  std::size_t errors = 0;
};

Bound bind(const std::string& text, FakeCatalog& catalog) {
  Diagnostics diagnostics("/etc/kifa/x.yaml", text);
  const auto nowhere = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  Bound bound;
  if (const auto root = parse_yaml(text, nowhere, diagnostics)) {
    bound.deployment = bind_deployment(*root, catalog, diagnostics);
  }
  bound.diagnostics = diagnostics.render();
  bound.errors = diagnostics.error_count();
  return bound;
}

Bound bind(const std::string& text) {
  FakeCatalog catalog;
  return bind(text, catalog);
}

}  // namespace

TEST_CASE("a small configuration becomes a complete deployment", "[config]") {
  const Bound bound = bind(
      "version: 1\n"
      "store: { data_dir: data, flush_mode: normal }\n"
      "pipelines:\n"
      "  till-1:\n"
      "    sources:\n"
      "      lines: { type: stdin, linger: 10ms }\n"
      "      port:\n"
      "        type: serial\n"
      "        device: /dev/ttyS0\n"
      "        framing: { type: newline, strip_cr: false, record_bytes_max: 64KiB }\n"
      "    transforms:\n"
      "      - filter: { drop: '^DEBUG' }\n"
      "    sinks:\n"
      "      journal: { type: kifa }\n"
      "      screen: { type: console, required: false, format: json }\n");
  CHECK(bound.diagnostics.empty());
  const Deployment& deployment = bound.deployment;
  CHECK(deployment.file == "/etc/kifa/x.yaml");
  REQUIRE(deployment.pipelines.size() == 1);
  const auto& pipeline = deployment.pipelines[0];
  CHECK(pipeline.name == "till-1");
  REQUIRE(pipeline.sources.size() == 2);
  const auto& lines = pipeline.sources[0];
  CHECK(lines.component.type == "stdin");
  CHECK(lines.has_framing);
  CHECK(lines.framing.type == "newline");
  CHECK(find_setting(lines.framing.settings, "strip_cr")->integer == 1);
  CHECK(find_setting(lines.framing.settings, "strip_cr")->defaulted);
  CHECK(find_setting(lines.framing_host, "record_bytes_max")->integer == 1 << 20);
  CHECK(find_setting(lines.host, "linger")->integer == 10'000'000);
  CHECK(find_setting(lines.host, "intake")->integer == 4 << 20);
  const auto& port = pipeline.sources[1];
  CHECK(find_setting(port.framing.settings, "strip_cr")->integer == 0);
  CHECK(find_setting(port.framing_host, "record_bytes_max")->integer == 64 << 10);
  CHECK(find_setting(port.component.settings, "framing") == nullptr);
  REQUIRE(pipeline.filters.size() == 1);
  CHECK(pipeline.filters[0].drop == "^DEBUG");
  CHECK(pipeline.filters[0].keep.empty());
  REQUIRE(pipeline.sinks.size() == 2);
  CHECK(pipeline.sinks[0].required);
  CHECK_FALSE(pipeline.sinks[0].has_format);
  CHECK(find_setting(pipeline.sinks[0].component.settings, "data_dir")->text == "/etc/kifa/data");
  CHECK(find_setting(pipeline.sinks[0].component.settings, "flush_mode")->text == "normal");
  CHECK_FALSE(pipeline.sinks[1].required);
  CHECK(pipeline.sinks[1].has_format);
  CHECK(pipeline.sinks[1].format.type == "json");
}
