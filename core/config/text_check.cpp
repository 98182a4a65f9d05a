#include "core/config/text_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "core/base/text.hpp"
#include "core/config/document.hpp"

namespace kifa::config {
namespace {

constexpr std::string_view kBlank = " \t\r";

// The first character that no configuration has; the scan stops there, the rest would be noise.
[[nodiscard]] bool check_characters(std::string_view text, Diagnostics& diagnostics) {
  Mark mark{1, 1};
  for (std::size_t offset = 0; offset < text.size();) {
    const Character character = decode_utf8(text, offset);
    const unsigned byte = static_cast<unsigned char>(text[offset]);
    if (!character.valid) {
      diagnostics.error(mark, fmt::format("byte 0x{:02x} is not UTF-8 text", byte),
                        "save the file as UTF-8");
      return false;
    }
    if (character.code == 0) {
      diagnostics.error(mark, "this is a binary file, not a configuration: it has a NUL byte here",
                        "a configuration is a YAML text file");
      return false;
    }
    const bool is_space = byte == '\n' || byte == '\t' || byte == '\r';
    if ((character.code < 0x20 && !is_space) || character.code == 0x7F) {
      diagnostics.error(
          mark, fmt::format("control character 0x{:02x} is not allowed in a configuration", byte),
          "in double quotes it can be written as an escape, for example \"\\x1b\"");
      return false;
    }
    mark.column += static_cast<int>(character.size);
    if (byte == '\n') {
      mark = {mark.line + 1, 1};
    }
    offset += character.size;
  }
  return true;
}

[[nodiscard]] bool check_indentation(std::string_view text, Diagnostics& diagnostics) {
  Mark first;
  int lines_with_tabs = 0;
  int line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    ++line;
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view content = text.substr(begin, end - begin);
    const std::size_t indent = std::min(content.find_first_not_of(kBlank), content.size());
    const std::size_t tab = content.substr(0, indent).find('\t');
    if (indent < content.size() && tab != std::string_view::npos) {
      ++lines_with_tabs;
      first = first.line == 0 ? Mark{line, static_cast<int>(tab) + 1} : first;
    }
    begin = end + 1;
  }
  if (lines_with_tabs == 0) {
    return true;
  }
  const std::string more = lines_with_tabs == 1
                               ? std::string()
                               : fmt::format(" (and on {} more lines)", lines_with_tabs - 1);
  diagnostics.error(first, "a tab is used for indentation" + more,
                    "indent with spaces: YAML does not allow tabs");
  return false;
}

}  // namespace

bool check_text(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > kTextBytesMax) {
    diagnostics.error({}, fmt::format("the file is {} bytes long, a configuration may have {}",
                                      text.size(), kTextBytesMax));
    return false;
  }
  if (text.empty()) {
    diagnostics.error({}, "the file is empty: a configuration needs `version: 1` and `pipelines:`",
                      "start from configs/minimal.yaml");
    return false;
  }
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    diagnostics.error({}, "the file is UTF-16 text", "save it as UTF-8");
    return false;
  }
  return check_characters(text, diagnostics) && check_indentation(text, diagnostics);
}

}  // namespace kifa::config
