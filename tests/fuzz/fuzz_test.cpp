#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/catch.hpp"

// Every fuzz target with some hundred changes of its seeds, without libFuzzer: what CI can afford.
// KIFA_TEST_SEED repeats a run, KIFA_FUZZ_ROUNDS makes it so many times as long.
namespace kifa::fuzz {
namespace {

#ifdef KIFA_TEST_SMALL
constexpr std::uint64_t kShare = 4;  // sanitizers take their time
#else
constexpr std::uint64_t kShare = 1;
#endif

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What a forger would try first.
void change_field(Bytes& bytes, std::size_t at, std::mt19937_64& random) {
  constexpr std::array<std::uint64_t, 8> kTempting = {
      0, 1, 0x7F, 0xFF, UINT32_MAX, UINT64_MAX, std::uint64_t{1} << 63U, 0xFFFFFFF0};
  const std::size_t size = std::min<std::size_t>(std::size_t{1} << random() % 4, bytes.size() - at);
  std::uint64_t value = kTempting.at(random() % kTempting.size());
  if (random() % 3 == 0) {
    value = random();
  } else if (random() % 2 == 0) {
    std::memcpy(&value, bytes.data() + at, size);
    value += random() % 2 == 0 ? 1 : UINT64_MAX;
  }
  std::memcpy(bytes.data() + at, &value, size);
}

void change(Bytes& bytes, std::mt19937_64& random) {
  for (std::uint64_t i = 0; i < 1 + random() % 4 && !bytes.empty(); ++i) {
    // Fields stand at the beginning and the end more often than in between.
    const std::size_t place = random() % bytes.size();
    const std::size_t near = random() % std::min<std::size_t>(bytes.size(), 512);
    const std::array<std::size_t, 3> places = {place, near, bytes.size() - 1 - near};
    const std::size_t at = places.at(random() % places.size());
    const std::size_t size = std::min<std::size_t>(random() % 64, bytes.size() - at);
    switch (random() % 8) {
      case 0:
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
        break;
      case 1: {
        const Bytes copy(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                         bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(place), copy.begin(), copy.end());
        break;
      }
      case 2:
        bytes[at] = bytes[at] ^ (std::byte{1} << random() % 8);
        break;
      case 3:
        bytes.resize(at);
        break;
      default:
        change_field(bytes, at, random);
    }
  }
}

void fuzz(std::string_view name) {
  const auto target = std::ranges::find(targets(), name, &Target::name);
  REQUIRE(target != targets().end());
  const std::uint64_t seed = number_from("KIFA_TEST_SEED", std::random_device{}());
  WARN("KIFA_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const std::vector<Bytes> seeds = target->seeds();
  for (const Bytes& whole : seeds) {
    REQUIRE(whole.size() <= target->input_bytes_max);
    target->run(whole);
  }
  const std::uint64_t rounds = target->rounds / kShare * number_from("KIFA_FUZZ_ROUNDS", 1);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    INFO("round " << round);
    Bytes bytes = seeds.at(random() % seeds.size());
    // The first byte of most is their form and stays.
    const std::byte form = bytes.front();
    change(bytes, random);
    if (!bytes.empty()) {
      bytes.front() = form;
    }
    target->run(bytes);
  }
}

TEST_CASE("any bytes as a segment of the log are read within their bounds", "[fuzz]") {
  fuzz("segment");
}
TEST_CASE("any bytes as a table are read within their bounds", "[fuzz]") { fuzz("table"); }
TEST_CASE("any bytes as a manifest are read within their bounds", "[fuzz]") { fuzz("manifest"); }
TEST_CASE("any bytes as the manifest of an export are read within their bounds", "[fuzz]") {
  fuzz("export_manifest");
}
TEST_CASE("any bytes as a configuration are read within their bounds", "[fuzz]") { fuzz("config"); }

}  // namespace
}  // namespace kifa::fuzz
