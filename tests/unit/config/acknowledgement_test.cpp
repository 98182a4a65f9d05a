#include <optional>
#include <string>
#include <string_view>

#include "core/config/deployment.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/fake_catalog.hpp"

namespace kifa::config {
namespace {

// The diagnostics of a source `type` with these options; empty: there are none.
std::string diagnostics_of(const std::string& type, const std::string& options) {
  const std::string text =
      "version: 1\nstore: { data_dir: data }\npipelines:\n  till:\n    sources:\n"
      "      port: { type: " +
      type + options + " }\n    sinks: { journal: { type: kifa } }\n";
  Diagnostics diagnostics("/etc/kifa/x.yaml", text);
  const auto nowhere = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  testing::FakeCatalog catalog;
  const auto root = parse_yaml(text, nowhere, diagnostics);
  REQUIRE(root.has_value());
  static_cast<void>(bind_deployment(*root, catalog, diagnostics));
  return diagnostics.error_count() == 0 ? "" : diagnostics.render();
}

const std::string kSerial = "serial, device: /dev/ttyS0";

TEST_CASE("a source that can answer takes every kind of acknowledgement", "[config][ack]") {
  for (const char* options :
       {", ack: none", ", ack: line", ", ack: byte", ", ack: byte, ack_byte: 0, nak_byte: 255",
        ", ack: template, ack_ok: \"STORED {lsn}\\r\\n\"",
        ", ack: template, ack_ok: \"+\", ack_error: \"- {reason}\""}) {
    INFO(options);
    CHECK(diagnostics_of(kSerial, options).empty());
  }
}

TEST_CASE("acknowledgements that cannot be or would do nothing are refused", "[config][ack][W39]") {
  const struct {
    std::string source;
    const char* options;
    const char* words;
  } cases[] = {
      {"stdin", ", ack: line", "source stdin cannot answer whoever sends"},
      {kSerial, ", ack: line, framing: stx_etx", "framing stx_etx answers devices itself"},
      {kSerial, ", ack: template", "`ack: template` needs `ack_ok`"},
      {kSerial, ", ack: line, ack_byte: 1", "`ack_byte` does nothing with `ack: line`"},
      {kSerial, ", nak_byte: 1", "`nak_byte` does nothing with `ack: none`"},
      {kSerial, ", ack: byte, ack_ok: \"+\"", "`ack_ok` does nothing with `ack: byte`"},
      {kSerial, ", ack: byte, ack_byte: 256", "ack_byte"},
      {kSerial, ", ack: lines", "did you mean `line`?"},
  };
  for (const auto& one : cases) {
    const std::string told = diagnostics_of(one.source, one.options);
    INFO(told);
    CHECK(told.find(one.words) != std::string::npos);
  }
  CHECK(diagnostics_of(kSerial, ", framing: stx_etx").empty());
}

}  // namespace
}  // namespace kifa::config
