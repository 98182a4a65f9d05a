#pragma once

#include <string>

namespace kifa::store {

// A file that is there and says nothing that can be believed.
struct DamagedFile {
  std::string name;  // without its directory
  std::string why;   // half a sentence: "its checksum does not hold"
};

}  // namespace kifa::store
