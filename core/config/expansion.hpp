#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/config/document.hpp"

namespace kifa::config {

// Replaces ${NAME}, ${NAME:-text} and $$ in the values of one document (rules at parse_yaml).
//
// Threads: confined.
// Errors:  a variable that is not set, text that is not a variable, a value that grows too long:
//          diagnostics, and the node is marked broken.
class Expander {
 public:
  Expander(const Environment& environment, Diagnostics& diagnostics)
      : environment_(environment), diagnostics_(diagnostics) {}

  void expand(Node& scalar);

 private:
  // One ${...} whose text begins at `begin` of `text`; returns where it ends, npos after an error.
  std::size_t expand_variable(const Node& scalar, std::size_t begin, std::string& out);
  std::size_t fail(const Node& scalar, std::string_view variable, std::string message,
                   std::string hint);

  const Environment& environment_;
  Diagnostics& diagnostics_;
  std::size_t expanded_bytes_ = 0;
};

}  // namespace kifa::config
