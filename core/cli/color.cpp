#include "core/cli/color.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace kifa::cli {

bool has_color(Color color, int descriptor) {
  if (color != Color::automatic) {
    return color == Color::always;
  }
  const char* const refusal = std::getenv("NO_COLOR");
  return (refusal == nullptr || *refusal == '\0') && ::isatty(descriptor) == 1;
}

std::string colored(std::string_view line, store::EventKind kind) {
  const int code = kind == store::EventKind::gap ? 31 : 33;
  if (line.ends_with('\n')) {
    line.remove_suffix(1);
  }
  return fmt::format("\x1b[{}m{}\x1b[0m\n", code, line);
}

}  // namespace kifa::cli
