// The expected bytes and digests were computed with Python's struct and hashlib from
// docs/formats/chain.md alone.

#include "core/store/canonical.hpp"

#include <fmt/format.h>

#include <numeric>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace kifa;         // NOLINT: a test
using namespace kifa::store;  // NOLINT: a test

namespace {

std::string hex(ByteView bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  }
  return text;
}
std::string hex(const Digest& digest) { return hex(std::as_bytes(std::span(digest))); }

const std::vector<Attribute> kAttributes = {{.key = "path", .value = "/var/log/pos.log"},
                                            {.key = "k", .value = ""}};

RecordView sample_record() {
  RecordView record;
  record.lsn = {7};
  record.observed_unix_ns = 1700000000123456789;
  record.observed_boot_ns = -5;
  record.boot_ordinal = 3;
  record.flags = kRecordTruncated | kRecordResent;
  record.pipeline = "till-1";
  record.source = "app";
  record.attributes = kAttributes;
  record.payload = as_byte_view("{\"total\":1}");
  return record;
}

Event sample_event() {
  Event event;
  event.number = 2;
  event.after = {7};
  event.kind = EventKind::gap;
  event.observed_unix_ns = 1700000000123456790;
  event.records = 4;
  event.bytes = 99;
  event.first_lost = {8};
  event.last_lost = {11};
  event.text = "4 records lost";
  return event;
}

StoreId sample_store() {
  StoreId id{};
  std::iota(id.begin(), id.end(), std::uint8_t{0});
  return id;
}

}  // namespace

TEST_CASE("the canonical bytes of a record and an event are those of the document", "[store]") {
  std::vector<std::byte> bytes;
  append_canonical(sample_record(), bytes);
  CHECK(hex(bytes) ==
        "01070000000000000015cd853dfe9c9717fbffffffffffffff03000000090000000600000074696c6c2d310300"
        "0000617070020000000400000070617468100000002f7661722f6c6f672f706f732e6c6f67010000006b000000"
        "000b0000007b22746f74616c223a317d");
  bytes.clear();
  append_canonical(sample_event(), bytes);
  CHECK(hex(bytes) ==
        "0202000000000000000700000000000000010016cd853dfe9c9717040000000000000063000000000000000800"
        "0000000000000b000000000000000e00000034207265636f726473206c6f7374");
}

TEST_CASE("digests and anchors of pieces are those of the document", "[store]") {
  PieceHasher hasher;
  hasher.add(sample_record());
  hasher.add(sample_event());
  Piece first{.first = {7}, .last = {11}};
  first.digest = hasher.finish();
  CHECK(hex(first.digest) == "8e3d5032e05dbc40f77f6ee5baf0cb904be503d7c5b76cdc40edab60107275e3");
  first.anchor = chain_anchor(sample_store(), {}, first);
  CHECK(hex(first.anchor) == "d0458e0416bb2a4aaa191aeb87487838da384e38976b06e655685be986ff3700");

  Piece gap{.first = {12}, .last = {12}};
  gap.digest = hasher.finish();
  CHECK(hex(gap.digest) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  gap.anchor = chain_anchor(sample_store(), first.anchor, gap);
  CHECK(hex(gap.anchor) == "e302b66a46d3c05cc48a73a03b0df0d12eb5ad9c60c06bfc53403a79d9e0ad03");
}

TEST_CASE("the digest does not depend on how the bytes meet the hasher's buffer", "[store]") {
  const std::string large(200000, '\xff');
  RecordView record;
  record.lsn = {1};
  record.boot_ordinal = 1;
  record.payload = as_byte_view(large);
  PieceHasher hasher;
  hasher.add(record);
  CHECK(hex(hasher.finish()) == "a5f86b765369b98d7bf0c70a0a8b6ed7292d7b9b6d65894915fb299ae9a00f00");

  // Records that fill the buffer to every remainder give what one update of all bytes gives.
  for (std::size_t size = 65536 - 60; size < 65536 + 4; ++size) {
    record.payload = as_byte_view(large).first(size);
    hasher.add(record);
    hasher.add(sample_record());
    const Digest once = hasher.finish();
    RecordView small = sample_record();
    hasher.add(small);
    static_cast<void>(hasher.finish());
    hasher.add(record);
    hasher.add(sample_record());
    REQUIRE(hasher.finish() == once);
    record.payload = as_byte_view(large).first(size + 1);
    hasher.add(record);
    hasher.add(sample_record());
    REQUIRE(hasher.finish() != once);
  }
}
