#include "core/store/checkpoints_file.hpp"

#include <cerrno>
#include <string>

#include "core/base/crc32c.hpp"
#include "core/io/memory_file_system.hpp"
#include "core/store/manifest_format.hpp"
#include "tests/support/catch.hpp"

using namespace kifa;         // NOLINT: a test
using namespace kifa::store;  // NOLINT: a test

namespace {

constexpr StoreId kStore = {1, 2, 3};
constexpr std::uint64_t kNumber = 7;
const std::string kDirectory = "/store";

CheckpointMap some() {
  CheckpointMap map;
  map.apply({.origin = "till-1/app", .key = "a.log", .position = 12, .state = "opaque"});
  map.apply({.origin = "till-1/app", .key = "b.log", .position = UINT64_MAX});
  map.apply({.origin = "", .key = "", .position = 1, .state = std::string("\0\xFF", 2)});
  return map;
}

std::string text_of(const CheckpointMap& map) {
  std::string text;
  map.for_each([&text](const Checkpoint& one) {
    text += one.origin + '|' + one.key + '|' + std::to_string(one.position) + '|' + one.state +
            (one.forget ? "!\n" : "\n");
  });
  return text;
}

void seal(std::vector<std::byte>& bytes) {
  const auto put = [&bytes](std::size_t at, std::uint32_t crc) {
    std::memcpy(bytes.data() + at, &crc, sizeof crc);
  };
  const ByteView view(bytes);
  put(offsetof(CheckpointsHeader, header_crc),
      crc32c(0, view.first(offsetof(CheckpointsHeader, header_crc))));
  put(bytes.size() - 4, crc32c(0, view.first(bytes.size() - 4)));
}

struct Disk {
  Disk() { REQUIRE(files.make_directory(kDirectory, 0700).is_ok()); }
  io::MemoryFileSystem files;
  std::string path = kDirectory + "/" + checkpoints_file_name(kNumber);
};

}  // namespace

TEST_CASE("checkpoints are read back as they were", "[store][checkpoints]") {
  Disk disk;
  const auto named = write_checkpoints(disk.files, kDirectory, kStore, kNumber, some());
  REQUIRE(named.has_value());
  CHECK(named->number == kNumber);
  const auto read = read_checkpoints(disk.files, kDirectory, kStore, *named);
  INFO(read.status().message());
  REQUIRE(read.has_value());
  CHECK(text_of(*read) == text_of(some()));
  const auto none = read_checkpoints(disk.files, kDirectory, kStore, {});
  REQUIRE(none.has_value());
  CHECK(none->size() == 0);
}

TEST_CASE("a file without checkpoints is whole", "[store][checkpoints]") {
  const auto bytes = encode_checkpoints(kStore, kNumber, {});
  CHECK(bytes.size() == sizeof(CheckpointsHeader) + sizeof(FileTrailer));
  REQUIRE(decode_checkpoints(bytes, kStore, kNumber).has_value());
}

TEST_CASE("every changed bit of a checkpoints file is noticed", "[store][checkpoints]") {
  std::vector<std::byte> bytes = encode_checkpoints(kStore, kNumber, some());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto mask = static_cast<std::byte>(1U << (bit % 8));
    bytes[bit / 8] ^= mask;
    const auto decoded = decode_checkpoints(bytes, kStore, kNumber);
    REQUIRE_FALSE(decoded.has_value());
    REQUIRE(decoded.error().code() == Code::corrupt);
    bytes[bit / 8] ^= mask;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_FALSE(decode_checkpoints(ByteView(bytes).first(size), kStore, kNumber).has_value());
  }
}

TEST_CASE("lengths that lie under good checksums are refused or stay inside the file",
          "[store][checkpoints]") {
  const std::vector<std::byte> good = encode_checkpoints(kStore, kNumber, some());
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size() - sizeof(FileTrailer); ++at) {
    for (const unsigned value : {0x00U, 0x01U, 0x08U, 0x7FU, 0xFFU}) {
      std::vector<std::byte> bytes = good;
      bytes[at] = static_cast<std::byte>(value);
      seal(bytes);
      refused += decode_checkpoints(bytes, kStore, kNumber).has_value() ? 0U : 1U;
    }
  }
  CHECK(refused > 200);
}

TEST_CASE("checkpoints of another store, number or version of the file are refused",
          "[store][checkpoints]") {
  Disk disk;
  const auto named = write_checkpoints(disk.files, kDirectory, kStore, kNumber, some());
  REQUIRE(named.has_value());
  CHECK(read_checkpoints(disk.files, kDirectory, StoreId{9}, *named).status().code() ==
        Code::corrupt);
  CheckpointsRef other = *named;
  other.crc ^= 1;
  CHECK(read_checkpoints(disk.files, kDirectory, kStore, other).status().code() == Code::corrupt);
  other = *named;
  other.bytes += 8;
  CHECK(read_checkpoints(disk.files, kDirectory, kStore, other).status().code() == Code::corrupt);
  other = *named;
  other.number = 8;
  CHECK(read_checkpoints(disk.files, kDirectory, kStore, other).status().code() == Code::not_found);
  std::vector<std::byte> newer = encode_checkpoints(kStore, kNumber, some());
  newer[offsetof(CheckpointsHeader, format_major)] = std::byte{2};
  seal(newer);
  CHECK(decode_checkpoints(newer, kStore, kNumber).status().code() == Code::unsupported);
}

TEST_CASE("more checkpoints than a store may have are refused", "[store][checkpoints]") {
  CheckpointMap map;
  const std::string state(limits::kCheckpointBytesMax / 4, 'x');
  for (int i = 0; i < 5; ++i) {
    map.apply({.origin = "o", .key = std::to_string(i), .position = 1, .state = state});
  }
  const auto decoded =
      decode_checkpoints(encode_checkpoints(kStore, kNumber, map), kStore, kNumber);
  REQUIRE_FALSE(decoded.has_value());
  CHECK(decoded.error().message().find("more than a store may have") != std::string::npos);
}

TEST_CASE("a failure of any call of a write leaves no file or the whole one",
          "[store][checkpoints]") {
  for (const auto effect :
       {io::FaultEffect::fail, io::FaultEffect::fail_partly, io::FaultEffect::short_write}) {
    bool has_struck = true;
    for (std::uint64_t index = 0; has_struck; ++index) {
      Disk disk;
      disk.files.add_fault({.effect = effect, .sys_errno = ENOSPC, .index = index});
      const auto named = write_checkpoints(disk.files, kDirectory, kStore, kNumber, some());
      has_struck = disk.files.faults_fired() > 0;
      disk.files.clear_faults();
      INFO("call " << index << ": " << named.status().message());
      if (named) {
        REQUIRE((!has_struck || effect == io::FaultEffect::short_write));
        REQUIRE(read_checkpoints(disk.files, kDirectory, kStore, *named).has_value());
      } else {
        REQUIRE(named.error().code() == Code::no_space);
        // A creation that was reported as failed may have made the empty file all the same.
        const auto left = disk.files.info(disk.path);
        REQUIRE((!left || (index == 0 && left->bytes == 0)));
      }
    }
  }
}

TEST_CASE("a number is never used for a second checkpoints file", "[store][checkpoints]") {
  Disk disk;
  REQUIRE(write_checkpoints(disk.files, kDirectory, kStore, kNumber, some()).has_value());
  const auto again = write_checkpoints(disk.files, kDirectory, kStore, kNumber, {});
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().sys_errno() == EEXIST);
}
