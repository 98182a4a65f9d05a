#include "core/cli/version.hpp"

#include <fmt/format.h>
#include <kifa/plugin.h>

#ifndef KIFA_VERSION
#error "the build defines KIFA_VERSION"
#endif

namespace kifa::cli {

std::string version() { return KIFA_VERSION; }

std::string manual_date() { return KIFA_MANUAL_DATE; }

std::string version_text() {
  return fmt::format(
      "kifa {}\n"
      "build:         {}\n"
      "plugins:       ABI {}.{}\n"
      "configuration: version 1\n"
      "licence:       MIT OR Apache-2.0",
      version(), KIFA_BUILD, KIFA_ABI_MAJOR, KIFA_ABI_MINOR);
}

}  // namespace kifa::cli
