#include "core/base/crc32c.hpp"

#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using kifa::as_byte_view;
using kifa::crc32c;

TEST_CASE("crc32c gives the check value of RFC 3720", "[base]") {
  CHECK(crc32c(0, as_byte_view("123456789")) == 0xE3069283U);
  CHECK(crc32c(0, as_byte_view(std::string(32, '\0'))) == 0x8A9136AAU);
  CHECK(crc32c(0, as_byte_view(std::string(32, '\xff'))) == 0x62A8AB43U);
}

TEST_CASE("crc32c continues where it stopped and is the same with and without the instruction",
          "[base]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(5000);
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(random());
  }
  for (int round = 0; round < 200; ++round) {
    const std::size_t size = random() % bytes.size();
    const std::size_t cut = size == 0 ? 0 : random() % size;
    const kifa::ByteView whole(bytes.data(), size);
    const std::uint32_t expected = crc32c(0, whole);
    REQUIRE(crc32c(crc32c(0, whole.first(cut)), whole.subspan(cut)) == expected);
    REQUIRE(kifa::detail::crc32c_table(0, whole) == expected);
  }
}
