#include "core/store/format.hpp"

#include "tests/support/catch.hpp"

using namespace kifa;         // NOLINT: a test
using namespace kifa::store;  // NOLINT: a test

namespace {

SegmentHeader valid_header() {
  SegmentHeader header;
  header.block_bytes = 4096;
  header.number = 7;
  header.epoch = 99;
  header.segment_bytes = 1_MiB;
  header.crc = crc_of(header);
  return header;
}

ByteView bytes_of(const SegmentHeader& header) { return std::as_bytes(std::span(&header, 1)); }

}  // namespace

TEST_CASE("segment files are named by their number and nothing else is taken for one", "[store]") {
  CHECK(segment_file_name(42) == "wal-0000000000000042");
  CHECK(segment_number_of("wal-0000000000000042") == 42);
  CHECK_FALSE(segment_number_of("wal-0000000000000000"));
  CHECK_FALSE(segment_number_of("wal-0000000000000042.tmp"));
  CHECK_FALSE(segment_number_of("wal-00000000000000x2"));
  CHECK_FALSE(segment_number_of("wal-+000000000000042"));
  CHECK_FALSE(segment_number_of("MANIFEST-1"));
}

TEST_CASE("a segment header is read back and every changed bit is noticed", "[store]") {
  const SegmentHeader header = valid_header();
  const auto decoded = decode_segment_header(bytes_of(header), 7);
  REQUIRE(decoded.has_value());
  REQUIRE(decoded->has_value());
  CHECK((*decoded)->epoch == 99);
  for (std::size_t bit = 0; bit < 8 * sizeof header; ++bit) {
    SegmentHeader changed = header;
    auto bytes = std::as_writable_bytes(std::span(&changed, 1));
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const auto seen = decode_segment_header(bytes_of(changed), 7);
    REQUIRE(seen.has_value());
    REQUIRE_FALSE(seen->has_value());
  }
}

TEST_CASE("the header of another segment number is no header: the file was recycled", "[store]") {
  const auto decoded = decode_segment_header(bytes_of(valid_header()), 8);
  REQUIRE(decoded.has_value());
  CHECK_FALSE(decoded->has_value());
}

TEST_CASE("a header with impossible sizes is no header, whatever its checksum", "[store]") {
  const auto is_header = [](std::uint32_t block_bytes, std::uint64_t segment_bytes) {
    SegmentHeader header = valid_header();
    header.block_bytes = block_bytes;
    header.segment_bytes = segment_bytes;
    header.crc = crc_of(header);
    const auto decoded = decode_segment_header(bytes_of(header), 7);
    REQUIRE(decoded.has_value());
    return decoded->has_value();
  };
  CHECK(is_header(4096, kSegmentBytesMin));
  CHECK_FALSE(is_header(0, kSegmentBytesMin));
  CHECK_FALSE(is_header(2048, kSegmentBytesMin));
  CHECK_FALSE(is_header(5000, kSegmentBytesMin));
  CHECK_FALSE(is_header(2 * kBlockBytesMax, kSegmentBytesMin));
  CHECK_FALSE(is_header(4096, 0));
  CHECK_FALSE(is_header(4096, kSegmentBytesMin + 512));
  CHECK_FALSE(is_header(4096, 2 * kSegmentBytesMax));
}

TEST_CASE("a newer format and unknown incompatible features are refused with both versions",
          "[store]") {
  SegmentHeader header = valid_header();
  header.format_major = 2;
  header.crc = crc_of(header);
  const auto newer = decode_segment_header(bytes_of(header), 7);
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().code() == Code::unsupported);
  CHECK(newer.error().message().find("format 2.0") != std::string::npos);
  CHECK(newer.error().message().find("format 1.0") != std::string::npos);
  header = valid_header();
  header.flags_incompatible = 4;
  header.crc = crc_of(header);
  CHECK_FALSE(decode_segment_header(bytes_of(header), 7).has_value());
}
