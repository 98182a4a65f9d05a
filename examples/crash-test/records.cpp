#include "examples/crash-test/records.hpp"

namespace crash {

std::string payload_of(std::uint64_t number, std::uint64_t seed) {
  constexpr std::uint64_t kSizes = 613;  // prime, so that sizes and numbers stay out of step
  std::string payload =
      "crash-test record " + std::to_string(number) + " seed " + std::to_string(seed) + " ";
  const std::size_t size = payload.size() + number * 37 % kSizes;
  for (std::uint64_t at = number + seed; payload.size() < size; ++at) {
    payload += static_cast<char>('a' + at % 26);
  }
  return payload;
}

}  // namespace crash
