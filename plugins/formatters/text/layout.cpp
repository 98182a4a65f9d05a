#include "plugins/formatters/text/layout.hpp"

#include <kifa/sdk.hpp>

#include <algorithm>
#include <optional>

namespace kifa::plugins::text {
namespace {

constexpr std::string_view kAttributePrefix = "attr.";

struct FieldName {
  std::string_view name;
  Field field;
};
constexpr FieldName kFields[] = {
    {"lsn", Field::lsn},
    {"time", Field::time},
    {"timestamp", Field::timestamp},
    {"timestamp_ms", Field::timestamp_ms},
    {"timestamp_ns", Field::timestamp_ns},
    {"pipeline", Field::pipeline},
    {"source", Field::source},
    {"attributes", Field::attributes},
    {"flags", Field::flags},
    {"size", Field::size},
    {"data", Field::data},
};

[[noreturn]] void refuse(std::string sentence) {
  throw sdk::Failure(sdk::Status::invalid(std::move(sentence)));
}

std::string known_fields() {
  std::string names;
  for (const FieldName& known : kFields) {
    names.append(known.name).append(", ");
  }
  return names + "attr.KEY";
}

Part field_of(std::string_view name) {
  if (name.starts_with(kAttributePrefix) && name.size() > kAttributePrefix.size()) {
    return {Field::attribute, std::string(name.substr(kAttributePrefix.size()))};
  }
  const auto* const known =
      std::find_if(std::begin(kFields), std::end(kFields),
                   [name](const FieldName& candidate) { return candidate.name == name; });
  if (known == std::end(kFields)) {
    refuse("template: there is no field {" + std::string(name) + "}; there are " + known_fields());
  }
  return {known->field, {}};
}

std::optional<std::uint8_t> hex_value(char digit) {
  if (digit >= '0' && digit <= '9') {
    return static_cast<std::uint8_t>(digit - '0');
  }
  const char lower = static_cast<char>(digit | 0x20);
  if (lower >= 'a' && lower <= 'f') {
    return static_cast<std::uint8_t>(lower - 'a' + 10);
  }
  return std::nullopt;
}

// The byte that the escape behind a backslash at text[at] stands for; moves `at` behind it.
char unescape(std::string_view text, std::size_t& at, std::string_view option) {
  const char letter = at < text.size() ? text[at] : '\0';
  if (letter == 'x' && at + 2 < text.size()) {
    const auto high = hex_value(text[at + 1]);
    const auto low = hex_value(text[at + 2]);
    if (high && low) {
      at += 3;
      return static_cast<char>(*high * 16 + *low);
    }
  }
  constexpr std::string_view kLetters = "nrt0\\";
  constexpr std::string_view kBytes("\n\r\t\0\\", 5);
  const std::size_t known = at < text.size() ? kLetters.find(letter) : std::string_view::npos;
  if (known == std::string_view::npos) {
    refuse(std::string(option) + ": a backslash is followed by n, r, t, 0, xNN or another " +
           "backslash, not by what stands at byte " + std::to_string(at + 1));
  }
  ++at;
  return kBytes[known];
}

}  // namespace

std::string unescaped(std::string_view text, std::string_view option) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\') {
      bytes += unescape(text, ++at, option);
    } else {
      bytes += text[at++];
    }
  }
  return bytes;
}

std::vector<Part> parse_template(std::string_view text) {
  if (text.size() > kTemplateBytesMax) {
    refuse("template: it has " + std::to_string(text.size()) + " bytes; at most " +
           std::to_string(kTemplateBytesMax) + " are taken");
  }
  std::vector<Part> parts;
  const auto add_literal = [&parts](char byte) {
    if (parts.empty() || parts.back().field != Field::literal) {
      parts.emplace_back();
    }
    parts.back().text += byte;
  };
  for (std::size_t at = 0; at < text.size();) {
    const char byte = text[at++];
    const bool is_doubled = at < text.size() && text[at] == byte;
    if (byte == '\\') {
      add_literal(unescape(text, at, "template"));
    } else if ((byte == '{' || byte == '}') && is_doubled) {
      add_literal(byte);
      ++at;
    } else if (byte == '}') {
      refuse("template: the } at byte " + std::to_string(at) + " closes nothing; write }} for one");
    } else if (byte == '{') {
      const std::size_t close = text.find('}', at);
      if (close == std::string_view::npos) {
        refuse("template: the { at byte " + std::to_string(at) +
               " is not closed; write {{ for a brace");
      }
      parts.push_back(field_of(text.substr(at, close - at)));
      at = close + 1;
    } else {
      add_literal(byte);
    }
  }
  return parts;
}

}  // namespace kifa::plugins::text
