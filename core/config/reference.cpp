#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/options.hpp"

namespace kifa::config {
namespace {

constexpr std::size_t kLineColumnsMax = 100;
constexpr std::size_t kSentenceIndent = 6;

struct Row {
  std::string name, type, fallback, range;
};

[[nodiscard]] std::string value_text(const OptionSpec& spec, double value) {
  switch (spec.type) {
    case OptionType::duration:
      return format_duration_ns(static_cast<std::int64_t>(value));
    case OptionType::size:
      return format_size_bytes(static_cast<std::int64_t>(value));
    default:
      return fmt::format("{:.15g}", value);
  }
}

[[nodiscard]] std::string range_text(const OptionSpec& spec) {
  if (!spec.choices.empty()) {
    return fmt::format("{}", fmt::join(spec.choices, " | "));
  }
  if (spec.type == OptionType::boolean) {
    return "true | false";
  }
  if (spec.min && spec.max) {
    return fmt::format("{} to {}", value_text(spec, *spec.min), value_text(spec, *spec.max));
  }
  if (spec.min) {
    return fmt::format("at least {}", value_text(spec, *spec.min));
  }
  return spec.max ? fmt::format("at most {}", value_text(spec, *spec.max)) : "";
}

[[nodiscard]] Row row_of(const OptionSpec& spec) {
  Row row;
  row.name = spec.name;
  row.type = spec.unit.empty() ? std::string(to_string(spec.type))
                               : fmt::format("{} ({})", to_string(spec.type), spec.unit);
  row.fallback = spec.required ? "required" : "no default";
  if (spec.default_text) {
    row.fallback =
        fmt::format("default {}", spec.default_text->empty() ? "\"\"" : *spec.default_text);
  }
  row.range = range_text(spec);
  return row;
}

void append_sentence(std::string_view sentence, std::string& out) {
  std::size_t column = 0;
  while (!sentence.empty()) {
    const std::size_t size = std::min(sentence.find(' '), sentence.size());
    const std::string_view word = sentence.substr(0, size);
    sentence.remove_prefix(std::min(size + 1, sentence.size()));
    if (column != 0 && column + 1 + word.size() > kLineColumnsMax) {
      out += '\n';
      column = 0;
    }
    if (column == 0) {
      out.append(kSentenceIndent, ' ');
      column = kSentenceIndent;
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  out += '\n';
}

}  // namespace

std::string render_options(std::span<const OptionSpec> specs) {
  std::vector<Row> rows;
  Row widths;
  const auto widen = [](std::string& width, const std::string& text) {
    width.resize(std::max(width.size(), text.size()));
  };
  for (const OptionSpec& spec : specs) {
    rows.push_back(row_of(spec));
    widen(widths.name, rows.back().name);
    widen(widths.type, rows.back().type);
    widen(widths.fallback, rows.back().fallback);
  }
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    std::string line =
        fmt::format("  {:{}}  {:{}}  {:{}}  {}", row.name, widths.name.size(), row.type,
                    widths.type.size(), row.fallback, widths.fallback.size(), row.range);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
    std::string sentence = specs[i].summary;
    if (specs[i].deprecated) {
      sentence = "Deprecated. " + sentence;
    }
    if (specs[i].secret) {
      sentence += " A secret: never shown; file:PATH reads it from a file.";
    }
    append_sentence(sentence, out);
  }
  return out;
}

}  // namespace kifa::config
