#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "examples/crash-test/loop_disk.hpp"
#include "tests/support/catch.hpp"

namespace kifa::test {

// A disk whose power can be cut; none where this machine has no such thing, which is said, and is a
// failure in continuous integration.
inline std::unique_ptr<crash::LoopDisk> loop_disk_or_skip(const std::string& directory,
                                                          const std::string& type) {
  auto disk = crash::LoopDisk::create(directory, type);
  if (disk) {
    return std::move(*disk);
  }
  if (std::getenv("CI") != nullptr) {
    FAIL("no power was cut on " << type << ": " << disk.error().message());
  }
  WARN("POWER CUTS CANNOT BE MADE HERE, NOTHING WAS TESTED ON " << type << ": "
                                                                << disk.error().message());
  return nullptr;
}

}  // namespace kifa::test
