#pragma once

#include <map>
#include <string>

#include "core/config/document.hpp"

namespace kifa::config {

// `root` as YAML that parse_yaml reads as the same tree, one value a line. A value that has no
// place (line 0: it came from flags) is meant as it is, so that its dollar signs are doubled; one
// of a file keeps its ${...} when it was parsed literally.
//
// `instead` has texts by place for values that are to be written otherwise.
[[nodiscard]] std::string yaml_text(const Node& root, const std::map<Mark, std::string>& instead);

}  // namespace kifa::config
