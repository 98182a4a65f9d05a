#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// Bundled framings as users write them, from bytes on standard input to records in a store.
namespace kifa::test {
namespace {

std::string configuration_with(const std::string& framing) {
  return "version: 1\n"
         "store: { data_dir: data }\n"
         "pipelines:\n"
         "  till:\n"
         "    sources: { in: { type: stdin, framing: " +
         framing +
         " } }\n"
         "    sinks: { journal: { type: kifa } }\n";
}

// Stores `input` through `framing`, as it stands in the configuration.
void ingest_framed(const TemporaryDirectory& directory, const std::string& framing,
                   std::string_view input) {
  const std::string config = directory.file("shop.yaml");
  write_file(config, configuration_with(framing));
  const Ending stored = run_kifa({"run", config}, input);
  INFO(stored.err);
  REQUIRE(stored.exit_code == 0);
}

TEST_CASE("syslog with counts and with lines becomes records, and what is neither a gap",
          "[framings]") {
  const TemporaryDirectory directory;
  ingest_framed(directory, "octet_counted", "7 <13>a\nb\n<14>c\n9x\n6 <15>d\n");
  CHECK(payloads(directory.file("data")) == std::vector{"<13>a\\nb"s, "<14>c"s, "<15>d\\n"s});
  CHECK(json_number(query(directory.file("data"), "json", {"--events"}), "lost_bytes") == 3);
}

TEST_CASE("frames with a right check become records, the others are counted as a gap",
          "[framings]") {
  const TemporaryDirectory directory;
  ingest_framed(directory, "{ type: stx_etx, check: lrc }",
                "\x02"
                "A\x03"
                "B"
                "\x02"
                "C\x03?\x02"
                "D\x03G");
  CHECK(payloads(directory.file("data")) == std::vector{"A"s, "D"s});
  CHECK(json_number(query(directory.file("data"), "json", {"--events"}), "lost_bytes") == 4);
}

TEST_CASE("a receipt of several lines becomes one record", "[framings]") {
  const TemporaryDirectory directory;
  ingest_framed(directory, "{ type: regex, end: '^THANK' }",
                "TEA 2.00\nTHANK YOU\nBREAD 1.50\nTHANK YOU\n");
  CHECK(payloads(directory.file("data")) ==
        std::vector{"TEA 2.00\\nTHANK YOU"s, "BREAD 1.50\\nTHANK YOU"s});
}

TEST_CASE("a pattern that is none is refused before anything is read", "[framings]") {
  const TemporaryDirectory directory;
  const std::string config = directory.file("shop.yaml");
  write_file(config, configuration_with("{ type: regex, start: 'a(' }"));
  require_refusal(run_kifa({"check", config}), 78, "missing ): a(");
}

}  // namespace
}  // namespace kifa::test
