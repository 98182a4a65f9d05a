#include "core/base/size_text.hpp"

#include <iterator>

namespace kifa {

std::string exact_size(std::uint64_t bytes) {
  if (bytes == 0) {
    return "0";
  }
  constexpr std::uint64_t kStep = 1024;
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  const char* const* unit = std::begin(kUnits);
  while (bytes % kStep == 0 && unit + 1 != std::end(kUnits)) {
    bytes /= kStep;
    ++unit;
  }
  return std::to_string(bytes) + *unit;
}

}  // namespace kifa
