#include "core/cli/export_manifest.hpp"

#include <string>

#include "tests/fuzz/fuzz_target.hpp"

// NAME.manifest.json beside an export.
namespace kifa::fuzz {
namespace {

std::vector<Bytes> seeds() {
  cli::ExportManifest manifest;
  manifest.file = "sales.json";
  manifest.sha256 = std::string(64, 'a');
  manifest.content_sha256 = std::string(64, 'b');
  manifest.compression = "none";
  manifest.format = "json";
  manifest.format_options = {"pretty=true"};
  manifest.records = 3;
  manifest.first_lsn = 1;
  manifest.last_lsn = 3;
  manifest.store_id = "01020304-0506-4708-890a-0b0c0d0e0f10";
  const std::string text = cli::manifest_json(manifest, {});
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return {bytes};
}

void run(ByteView input) {
  const auto manifest = cli::manifest_from_json(as_text(input));
  expect(manifest || !manifest.error().message().empty(), "a refusal without a reason");
}

const Registration kRegistration({.name = "export_manifest",
                                  .seeds = seeds,
                                  .run = run,
                                  .input_bytes_max = 16384,
                                  .rounds = 2000});

}  // namespace
}  // namespace kifa::fuzz
