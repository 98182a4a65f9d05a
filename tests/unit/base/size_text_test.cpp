#include "core/base/size_text.hpp"

#include "tests/support/catch.hpp"

using kifa::exact_size;

TEST_CASE("a size is told in the largest unit that it is a whole number of", "[base]") {
  CHECK(exact_size(0) == "0");
  CHECK(exact_size(1) == "1B");
  CHECK(exact_size(1023) == "1023B");
  CHECK(exact_size(1024) == "1KiB");
  CHECK(exact_size(4097) == "4097B");
  CHECK(exact_size(1536) == "1536B");
  CHECK(exact_size(std::uint64_t{7} << 20U) == "7MiB");
  CHECK(exact_size(std::uint64_t{48} << 20U) == "48MiB");
  CHECK(exact_size(std::uint64_t{3} << 30U) == "3GiB");
  CHECK(exact_size(std::uint64_t{2048} << 40U) == "2048TiB");
  CHECK(exact_size(~std::uint64_t{0}) == "18446744073709551615B");
}
