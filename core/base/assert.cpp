#include "core/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace kifa::detail {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "kifa: internal contradiction at %s:%d: %s\n", file, line, expression);
  std::abort();
}

}  // namespace kifa::detail
