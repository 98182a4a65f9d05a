#include "core/store/manifest.hpp"

#include "core/base/crc32c.hpp"
#include "core/store/manifest_format.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/store/manifest_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

// Puts the checksums of a changed file right again, as somebody with a newer kifa would.
void seal(std::vector<std::byte>& bytes) {
  const auto put = [&bytes](std::size_t at, std::uint32_t crc) {
    std::memcpy(bytes.data() + at, &crc, sizeof crc);
  };
  const ByteView view(bytes);
  put(offsetof(ManifestHeader, prefix_crc),
      crc32c(0, view.first(offsetof(ManifestHeader, prefix_crc))));
  put(bytes.size() - 4, crc32c(0, view.first(bytes.size() - 4)));
}

void contradicts(const Manifest& manifest, const std::string& why) {
  const Status status = check_manifest(manifest);
  INFO(status.message());
  REQUIRE_FALSE(status.is_ok());
  CHECK(status.code() == Code::corrupt);
  CHECK(status.message().find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("a manifest is read back as it was, empty or full", "[store][manifest]") {
  CHECK(must(decode_manifest(encode_manifest(empty_manifest()))) == empty_manifest());
  const Manifest rich = rich_manifest();
  const std::vector<std::byte> bytes = encode_manifest(rich);
  CHECK(must(decode_manifest(bytes)) == rich);
  CHECK(bytes.size() == sizeof(ManifestHeader) + 2 * sizeof(ManifestTable) + sizeof(FileTrailer));
  CHECK(checksum_of(rich) == load<std::uint32_t>(bytes.data() + bytes.size() - 4));
}

TEST_CASE("every changed bit of a manifest is noticed", "[store][manifest]") {
  std::vector<std::byte> bytes = encode_manifest(rich_manifest());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    bytes[bit / 8] ^= mask;
    const auto decoded = decode_manifest(bytes);
    INFO(bit);
    REQUIRE_FALSE(decoded.has_value());
    REQUIRE(decoded.error().code() == Code::corrupt);
    bytes[bit / 8] ^= mask;
  }
}

TEST_CASE("a manifest that is cut short or followed by more is refused", "[store][manifest]") {
  std::vector<std::byte> bytes = encode_manifest(rich_manifest());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_manifest(ByteView(bytes).first(size));
    REQUIRE_FALSE(decoded.has_value());
    REQUIRE(decoded.error().code() == Code::corrupt);
  }
  bytes.resize(bytes.size() + 8);
  CHECK_FALSE(decode_manifest(bytes).has_value());
}

TEST_CASE("a changed manifest with good checksums never decodes to a contradiction",
          "[store][manifest]") {
  const std::vector<std::byte> good = encode_manifest(rich_manifest());
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size() - 8; ++at) {
    for (const unsigned value : {0x00U, 0x01U, 0x7FU, 0x80U, 0xFFU}) {
      std::vector<std::byte> bytes = good;
      bytes[at] = static_cast<std::byte>(value);
      seal(bytes);
      const auto decoded = decode_manifest(bytes);
      if (decoded) {
        REQUIRE(check_manifest(*decoded).is_ok());
      } else {
        ++refused;
      }
    }
  }
  CHECK(refused > 500);
}

TEST_CASE("a newer manifest is refused with both versions", "[store][manifest]") {
  std::vector<std::byte> bytes = encode_manifest(rich_manifest());
  bytes[offsetof(ManifestHeader, format_major)] = std::byte{2};
  seal(bytes);
  const auto newer = decode_manifest(bytes);
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().code() == Code::unsupported);
  CHECK(newer.error().message().find("format 2.0") != std::string::npos);
  CHECK(newer.error().message().find("format 1.0") != std::string::npos);
  bytes = encode_manifest(rich_manifest());
  bytes[offsetof(ManifestHeader, flags_incompatible)] = std::byte{1};
  seal(bytes);
  CHECK(decode_manifest(bytes).status().code() == Code::unsupported);
}

TEST_CASE("a manifest of a later minor format is read without what was added",
          "[store][manifest]") {
  const Manifest manifest = rich_manifest();
  const std::vector<std::byte> now = encode_manifest(manifest);
  const std::vector<std::byte> more(16, std::byte{0xAB});
  std::vector<std::byte> later(now.begin(), now.begin() + sizeof(ManifestHeader));
  later.insert(later.end(), more.begin(), more.end());
  for (std::size_t i = 0; i < manifest.tables.size(); ++i) {
    const auto table = now.begin() + static_cast<std::ptrdiff_t>(sizeof(ManifestHeader) +
                                                                 i * sizeof(ManifestTable));
    later.insert(later.end(), table, table + sizeof(ManifestTable));
    later.insert(later.end(), more.begin(), more.end());
  }
  later.insert(later.end(), now.end() - sizeof(FileTrailer), now.end());
  auto header = load<ManifestHeader>(later.data());
  header.format_minor = 1;
  header.header_bytes += 16;
  header.table_bytes += 16;
  header.file_bytes = later.size();
  std::memcpy(later.data(), &header, sizeof header);
  seal(later);
  CHECK(must(decode_manifest(later)) == manifest);
}

TEST_CASE("contradictions in a manifest are named", "[store][manifest]") {
  const Manifest good = rich_manifest();
  REQUIRE(check_manifest(good).is_ok());
  Manifest bad = good;
  std::swap(bad.tables[0], bad.tables[1]);
  contradicts(bad, "begins at LSN 21 where 11 was to follow");
  bad = good;
  bad.tables.erase(bad.tables.begin());
  contradicts(bad, "begins at LSN 21 where 11 was to follow");
  bad = good;
  bad.tables.pop_back();
  contradicts(bad, "the log was flushed up to LSN 31");
  bad = good;
  bad.tables[1].number = bad.tables[0].number;
  contradicts(bad, "file number 2 is used twice");
  bad = good;
  bad.next_file_number = 3;
  contradicts(bad, "is used, but the next to be given is 3");
  bad = good;
  bad.tables[1].first_event = 1;
  contradicts(bad, "begins at event 1 where 3 was to follow");
  bad = good;
  bad.tables[0].records = 11;
  contradicts(bad, "has 11 records in LSN 11 to 20");
  bad = good;
  bad.tables[0].gaps = 3;
  contradicts(bad, "3 gaps in 2 events");
  bad = good;
  bad.tables[0].last = {9};
  contradicts(bad, "ends at LSN 9 and begins at 11");
  bad = good;
  bad.highest_event = 1;
  contradicts(bad, "but the highest is 1");
  bad = good;
  bad.flushed.mark.next_event = 2;
  contradicts(bad, "flushed up to event 2");
  bad = good;
  bad.previous_version = bad.version;
  contradicts(bad, "follows version");
  bad = good;
  bad.clock.boot_id = "short";
  contradicts(bad, "36 characters");
  bad = good;
  bad.checkpoints.number = 0;
  contradicts(bad, "no checkpoints file");
  bad = good;
  bad.tables.assign(kManifestTablesMax + 1, good.tables[0]);
  contradicts(bad, "more than the limit of 65536");
}

TEST_CASE("manifests are named by their version and nothing else is taken for one",
          "[store][manifest]") {
  CHECK(manifest_file_name(42) == "MANIFEST-0000000000000042");
  CHECK(manifest_version_of("MANIFEST-0000000000000042") == 42);
  CHECK_FALSE(manifest_version_of("MANIFEST-0000000000000000"));
  CHECK_FALSE(manifest_version_of("MANIFEST-42"));
  CHECK_FALSE(manifest_version_of("MANIFEST-0000000000000042.tmp"));
  CHECK_FALSE(manifest_version_of("MANIFEST--000000000000042"));
  CHECK_FALSE(manifest_version_of("table-0000000000000042"));
}
