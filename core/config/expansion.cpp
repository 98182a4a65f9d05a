#include "core/config/expansion.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "core/base/text.hpp"

namespace kifa::config {
namespace {

[[nodiscard]] bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
[[nodiscard]] bool is_name(std::string_view name) {
  if (name.empty() || !is_name_start(name.front())) {
    return false;
  }
  for (const char c : name) {
    if (!is_name_start(c) && !(c >= '0' && c <= '9')) {
      return false;
    }
  }
  return true;
}
[[nodiscard]] bool is_utf8_text(std::string_view text) {
  for (std::size_t offset = 0; offset < text.size();) {
    const Character character = decode_utf8(text, offset);
    if (!character.valid) {
      return false;
    }
    offset += character.size;
  }
  return true;
}

// Where the variable stands: in its scalar's first line when it is found there, else the scalar.
[[nodiscard]] Mark mark_of(const Node& scalar, std::string_view variable,
                           const Diagnostics& diagnostics) {
  const std::string_view line = diagnostics.line(scalar.mark.line);
  const std::size_t from = static_cast<std::size_t>(scalar.mark.column) - 1;
  const std::size_t at = from < line.size() ? line.find(variable, from) : std::string_view::npos;
  if (at == std::string_view::npos) {
    return scalar.mark;
  }
  return {scalar.mark.line, static_cast<int>(at) + 1};
}

}  // namespace

std::size_t Expander::fail(const Node& scalar, std::string_view variable, std::string message,
                           std::string hint) {
  diagnostics_.error(mark_of(scalar, variable, diagnostics_), std::move(message), std::move(hint));
  return std::string::npos;
}

std::size_t Expander::expand_variable(const Node& scalar, std::size_t begin, std::string& out) {
  const std::string_view rest = std::string_view(scalar.text).substr(begin);
  const std::size_t close = rest.find('}');
  if (close == std::string_view::npos) {
    return fail(scalar, rest.substr(0, 2), "`${` has no closing `}`",
                "write $${ for a dollar sign and a brace; a default with `: ` or ` #` in it needs "
                "quotes around the whole value");
  }
  const std::string_view variable = rest.substr(0, close + 1);
  const std::string_view inner = rest.substr(2, close - 2);
  const std::size_t colon = inner.find(":-");
  const std::string_view name = inner.substr(0, colon);
  if (!is_name(name)) {
    return fail(scalar, variable, fmt::format("{} is not a variable", backquoted(variable)),
                "write ${NAME} or ${NAME:-default}, and $${ for a dollar sign and a brace");
  }
  std::optional<std::string> value = environment_(name);
  if (colon != std::string_view::npos && (!value || value->empty())) {
    value = inner.substr(colon + 2);
  }
  if (!value) {
    return fail(scalar, variable, fmt::format("the environment variable `{}` is not set", name),
                fmt::format("set it, or give a default: ${{{}:-value}}", name));
  }
  if (!is_utf8_text(*value)) {
    return fail(scalar, variable,
                fmt::format("the value of the environment variable `{}` is not UTF-8 text", name),
                {});
  }
  expanded_bytes_ += value->size();
  if (expanded_bytes_ > kExpandedBytesMax || out.size() + value->size() > kScalarBytesMax) {
    return fail(scalar, variable,
                fmt::format("the value gets too long with `{}` in it (at most {} bytes a value, {} "
                            "in all)",
                            name, kScalarBytesMax, kExpandedBytesMax),
                {});
  }
  out += *value;
  return begin + close + 1;
}

void Expander::expand(Node& scalar) {
  const std::string& text = scalar.text;
  std::size_t at = text.find('$');
  if (at == std::string::npos) {
    return;
  }
  scalar.from_environment = text.starts_with("${");
  std::string out;
  std::size_t copied = 0;
  while (at != std::string::npos && at + 1 < text.size()) {
    const char next = text[at + 1];
    if (next != '$' && next != '{') {
      at = text.find('$', at + 1);
      continue;
    }
    out.append(text, copied, at - copied);
    if (next == '$') {
      out += '$';
      copied = at + 2;
    } else {
      copied = expand_variable(scalar, at, out);
      if (copied == std::string::npos) {
        scalar.broken = true;
        return;
      }
    }
    at = text.find('$', copied);
  }
  out.append(text, copied);
  scalar.text = std::move(out);
}

}  // namespace kifa::config
