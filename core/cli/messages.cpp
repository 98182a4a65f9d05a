#include "core/cli/messages.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>

namespace kifa::cli {

void complain(std::string_view sentence) {
  std::string line = "kifa: ";
  line.append(sentence);
  complain_verbatim(line);
}

void complain_verbatim(std::string_view text) {
  std::string line(text);
  if (line.empty() || line.back() != '\n') {
    line.push_back('\n');
  }
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return;  // nobody can be told that nobody can be told
    }
    rest.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
}

}  // namespace kifa::cli
