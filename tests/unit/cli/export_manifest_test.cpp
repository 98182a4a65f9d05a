#include "core/cli/export_manifest.hpp"

#include <string>
#include <vector>

#include "core/cli/compressed_sink.hpp"
#include "core/cli/digest_sink.hpp"
#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

ExportManifest example() {
  return {.file = "sales ₦ \"today\".json",
          .bytes = 18'446'744'073'709'551'615U,
          .sha256 = sha256_text(""),
          .compression = "none",
          .content_bytes = 3,
          .content_sha256 = sha256_text("abc"),
          .format = "json",
          .format_options = {"embed=true"},
          .records = 2,
          .first_lsn = 3,
          .last_lsn = 9,
          .first_unix_ns = -5,
          .last_unix_ns = 1'769'688'000'123'456'789,
          .gaps = 1,
          .lost_records = 4,
          .store_id = "559164df-5d36-4907-9105-be08c9690308",
          .durable_lsn = 10,
          .anchor = "1:9:ab",
          .created_unix_ns = 1'769'688'000'000'000'000};
}

TEST_CASE("SHA-256 is that of the standard", "[cli][export]") {
  CHECK(sha256_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  ByteDigest digest;
  digest.add("a");
  digest.add("");
  digest.add("bc");
  CHECK(digest.bytes() == 3);
  CHECK(digest.finish() == sha256_text("abc"));
}

TEST_CASE("a manifest is read back as it was written", "[cli][export]") {
  const ExportManifest manifest = example();
  const auto read = manifest_from_json(manifest_json(manifest, {}));
  INFO(read.status().message());
  REQUIRE(read.has_value());
  CHECK(read->file == manifest.file);
  CHECK(read->bytes == manifest.bytes);
  CHECK(read->sha256 == manifest.sha256);
  CHECK(read->compression == "none");
  CHECK(read->content_bytes == 3);
  CHECK(read->content_sha256 == manifest.content_sha256);
  CHECK(read->format == "json");
  CHECK(read->format_options == std::vector{std::string("embed=true")});
  CHECK(read->records == 2);
  CHECK(read->first_lsn == 3);
  CHECK(read->last_lsn == 9);
  CHECK(read->first_unix_ns == -5);
  CHECK(read->last_unix_ns == manifest.last_unix_ns);
  CHECK(read->gaps == 1);
  CHECK(read->lost_records == 4);
  CHECK(read->store_id == manifest.store_id);
  CHECK(read->durable_lsn == 10);
  CHECK(read->anchor == "1:9:ab");
  CHECK(read->created_unix_ns == manifest.created_unix_ns);
}

TEST_CASE("a manifest without records, without an anchor, of what is not UTF-8", "[cli][export]") {
  ExportManifest manifest = example();
  manifest.records = 0;
  manifest.anchor.clear();
  manifest.file = "caf\xe9.json";
  const auto read = manifest_from_json(
      manifest_json(manifest, {.grep = "\xff", .matches = {{"site", "caf\xe9"}}}));
  INFO(read.status().message());
  REQUIRE(read.has_value());
  CHECK(read->records == 0);
  CHECK(read->anchor.empty());
  CHECK(read->file == "caf\xef\xbf\xbd.json");
}

TEST_CASE("every changed byte of a manifest is noticed, unless it says the same", "[cli][export]") {
  const ExportManifest manifest = example();
  const std::string text = manifest_json(manifest, {.grep = "sale"});
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto read = manifest_from_json(changed);
    INFO("byte " << i << " of " << text);
    if (read) {  // white space became other white space
      CHECK((text[i] == ' ' || text[i] == '\n'));
    } else {
      CHECK((read.error().code() == Code::corrupt || read.error().code() == Code::unsupported));
    }
  }
}

TEST_CASE("what is no manifest is refused with the reason", "[cli][export]") {
  for (const char* const text :
       {"", "{}", "[]", "null", "1", "{\"kifa_export\":1}", "{\"kifa_export\":\"1\"}",
        "{\"kifa_export\":1,\"seal\":5}", "{\"kifa_export\":1,\"seal\":\"\"}", "\xff\xfe"}) {
    const auto read = manifest_from_json(text);
    INFO(text);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code() == Code::corrupt);
  }
  const std::string deep(100'000, '[');
  CHECK_FALSE(manifest_from_json(deep).has_value());
  const auto newer = manifest_from_json("{\"kifa_export\":2}");
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().code() == Code::unsupported);
  CHECK(newer.error().message() == "it has format 2, and this kifa knows 1: use a newer kifa");
}

struct Kept final : ByteSink {
  Status append(std::string_view more) override {
    if (room != 0 && text.size() + more.size() > room) {
      return {Code::no_space, "full"};
    }
    text.append(more);
    return {};
  }
  Status flush() override {
    ++flushes;
    return {};
  }
  std::string text;
  std::size_t room = 0;
  int flushes = 0;
};

TEST_CASE("a compressed stream hands on what the next sink says", "[cli][export]") {
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    Kept kept;
    const auto sink = CompressedSink::create(compression, kept);
    REQUIRE(sink.has_value());
    REQUIRE((*sink)->append("").is_ok());
    REQUIRE((*sink)->append(std::string(1'000'000, 'a')).is_ok());
    REQUIRE((*sink)->flush().is_ok());
    REQUIRE((*sink)->finish().is_ok());
    CHECK(kept.flushes == 1);
    CHECK(kept.text.size() < 5'000);
    Kept full;
    full.room = 10;
    const auto failing = CompressedSink::create(compression, full);
    REQUIRE(failing.has_value());
    Status status = (*failing)->append("a");
    status = status ? (*failing)->finish() : status;
    CHECK(status.code() == Code::no_space);
  }
}

}  // namespace
}  // namespace kifa::cli
