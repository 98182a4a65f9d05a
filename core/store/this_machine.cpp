#include "core/base/clock.hpp"
#include "core/io/file_system.hpp"
#include "core/store/include/kifa/store.hpp"

namespace kifa::store {

StoreEnvironment this_machine(Reporter report) {
  static const SystemClock clock;
  return {.files = io::posix_file_system(), .clock = clock, .report = std::move(report)};
}

}  // namespace kifa::store
