#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/limits.hpp"
#include "core/base/text.hpp"
#include "core/config/binding.hpp"
#include "core/config/parse_internal.hpp"

namespace kifa::config {
namespace {

constexpr std::string_view kSecretFile = "file:";

// What an option takes, in words: "a size such as 64KiB or 1MiB".
[[nodiscard]] std::string wanted(const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return "a whole number";
    case OptionType::number:
      return "a number";
    case OptionType::string:
      return "a text";
    case OptionType::enumeration:
      return fmt::format("one of {}", fmt::join(spec.choices, ", "));
    case OptionType::duration:
      return "a duration such as 250ms, 2s or 1h30m";
    case OptionType::size:
      return "a size such as 64KiB or 1MiB";
    case OptionType::path:
      return "a path";
    case OptionType::string_list:
      return "a list of texts";
  }
  return "a value";
}

[[nodiscard]] std::string_view kind_in_words(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "one value";
    case Node::Kind::sequence:
      return "a list";
    case Node::Kind::mapping:
      return "a mapping";
  }
  return "something else";
}

[[nodiscard]] bool is_decimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What the writer of a wrong value most likely meant; empty when there is no guess.
[[nodiscard]] std::string guess(const OptionSpec& spec, std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  switch (spec.type) {
    case OptionType::boolean:
      if (lowered == "yes" || lowered == "on" || lowered == "1" || lowered == "true") {
        return "write true";
      }
      return lowered == "no" || lowered == "off" || lowered == "0" || lowered == "false"
                 ? "write false"
                 : "";
    case OptionType::integer:
      if (is_decimal(text) && text.front() == '0') {
        const std::size_t digits = std::min(text.find_first_not_of('0'), text.size() - 1);
        return fmt::format("numbers are decimal: write {}", text.substr(digits));
      }
      return "";
    case OptionType::duration:
      return is_decimal(text) ? fmt::format("add a unit: {}s or {}ms", text, text) : "";
    case OptionType::size: {
      const std::size_t digits = std::min(lowered.find_first_not_of("0123456789"), lowered.size());
      const std::size_t letters = lowered.find_first_not_of(' ', digits);
      if (digits == 0 || letters == std::string::npos) {
        return "";
      }
      for (const std::string_view unit : {"KiB", "MiB", "GiB", "TiB"}) {
        const char initial = static_cast<char>(unit.front() - 'A' + 'a');
        if (lowered[letters] == initial) {
          return fmt::format("write {}{}", text.substr(0, digits), unit);
        }
      }
      return "";
    }
    case OptionType::enumeration: {
      const auto close = did_you_mean(text, spec.choices);
      return close ? fmt::format("did you mean `{}`?", *close) : "";
    }
    case OptionType::number:
    case OptionType::string:
    case OptionType::path:
    case OptionType::string_list:
      return "";
  }
  return "";
}

[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('-')) {
    digits.remove_prefix(1);
  }
  if (!is_decimal(digits) || (digits.size() > 1 && digits.front() == '0')) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

[[nodiscard]] std::optional<double> parse_number(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('-')) {
    digits.remove_prefix(1);
  }
  const bool begins_well = !digits.empty() && digits.front() >= '0' && digits.front() <= '9';
  const bool leading_zero =
      digits.size() > 1 && digits[0] == '0' && is_decimal(digits.substr(1, 1));
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!begins_well || leading_zero || failure != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// Numbers of `spec`'s type with their unit, as one would write them.
[[nodiscard]] std::string in_words(const OptionSpec& spec, double value) {
  switch (spec.type) {
    case OptionType::duration:
      return format_duration_ns(static_cast<std::int64_t>(value));
    case OptionType::size:
      return format_size_bytes(static_cast<std::int64_t>(value));
    default:
      return fmt::format("{:.15g}", value);
  }
}

[[nodiscard]] std::string unit_in_words(const OptionSpec& spec) {
  return spec.unit.empty() ? "" : " " + spec.unit;
}

// Empty when `value` is in the range of `spec`; else what it must be.
[[nodiscard]] std::string out_of_range(const OptionSpec& spec, double value) {
  const bool too_small = spec.min && value < *spec.min;
  const bool too_large = spec.max && value > *spec.max;
  if (!too_small && !too_large) {
    return {};
  }
  if (spec.min && spec.max) {
    return fmt::format("must be between {} and {}{}", in_words(spec, *spec.min),
                       in_words(spec, *spec.max), unit_in_words(spec));
  }
  return spec.min
             ? fmt::format("must be at least {}{}", in_words(spec, *spec.min), unit_in_words(spec))
             : fmt::format("must be at most {}{}", in_words(spec, *spec.max), unit_in_words(spec));
}

// Turns one value into a setting; `failure` is the sentence behind the option's name, else empty.
struct Conversion {
  Setting setting;
  std::string failure;
  std::string hint;
};

void refuse_value(const OptionSpec& spec, std::string_view text, Conversion& out) {
  out.failure = fmt::format("takes {}", wanted(spec));
  if (!spec.secret) {
    out.failure += fmt::format(", not {}", backquoted(text));
    out.hint = guess(spec, text);
  }
}

void check_range(const OptionSpec& spec, std::string_view text, double value, Conversion& out) {
  out.failure = out_of_range(spec, value);
  if (!out.failure.empty() && !spec.secret) {
    out.failure += fmt::format(", not {}", backquoted(text));
  }
}

// `folder` is absolute.
void convert_path(std::string_view text, const std::string& folder, Conversion& out) {
  if (text.empty()) {
    out.failure = "takes a path, not an empty text";
  } else if (text.find('\0') != std::string_view::npos) {
    out.failure = "takes a path: it cannot contain a NUL byte";
  } else if (text == "~" || text.starts_with("~/")) {
    out.failure = fmt::format("takes a path, and `~` is not expanded: not {}", backquoted(text));
    out.hint = fmt::format("write ${{HOME}}{}", text.substr(1));
  } else {
    const std::filesystem::path joined = std::filesystem::path(folder) / text;
    out.setting.text = joined.lexically_normal().string();
    if (out.setting.text.size() > 1 && out.setting.text.ends_with('/')) {
      out.setting.text.pop_back();
    }
    if (out.setting.text.size() >= limits::kPathBytesMax) {
      out.failure = fmt::format("takes a path of at most {} bytes", limits::kPathBytesMax - 1);
    }
  }
}

void convert_text(const OptionSpec& spec, const Node& value, const std::string& folder,
                  Conversion& out) {
  const std::string& text = value.text;
  Setting& setting = out.setting;
  setting.text = text;
  switch (spec.type) {
    case OptionType::boolean:
      if (text != "true" && text != "false") {
        return refuse_value(spec, text, out);
      }
      setting.integer = text == "true" ? 1 : 0;
      return;
    case OptionType::integer:
    case OptionType::duration:
    case OptionType::size: {
      const std::optional<std::int64_t> number =
          spec.type == OptionType::integer    ? parse_integer(text)
          : spec.type == OptionType::duration ? parse_duration_ns(text)
                                              : parse_size_bytes(text);
      if (!number) {
        return refuse_value(spec, text, out);
      }
      setting.integer = *number;
      return check_range(spec, text, static_cast<double>(*number), out);
    }
    case OptionType::number: {
      const std::optional<double> number = parse_number(text);
      if (!number) {
        return refuse_value(spec, text, out);
      }
      setting.number = *number;
      return check_range(spec, text, *number, out);
    }
    case OptionType::enumeration:
      if (std::find(spec.choices.begin(), spec.choices.end(), text) == spec.choices.end()) {
        return refuse_value(spec, text, out);
      }
      return;
    case OptionType::path:
      return convert_path(text, folder, out);
    case OptionType::string:
      if (spec.secret && text.starts_with(kSecretFile)) {
        convert_path(std::string_view(text).substr(kSecretFile.size()), folder, out);
        setting.text.insert(0, kSecretFile);
      }
      return;
    case OptionType::string_list:
      setting.list = {text};
      return;
  }
}

[[nodiscard]] Conversion convert(const OptionSpec& spec, const Node& value,
                                 const std::string& base_folder) {
  Conversion out;
  out.setting.name = spec.name;
  out.setting.type = spec.type;
  out.setting.secret = spec.secret;
  out.setting.mark = value.mark;
  if (spec.type == OptionType::string_list && value.kind == Node::Kind::sequence) {
    for (const Node& item : value.items) {
      if (item.kind != Node::Kind::scalar) {
        out.failure =
            fmt::format("takes a list of texts, and one of them is {}", kind_in_words(item.kind));
        break;
      }
      out.setting.list.push_back(item.text);
    }
    return out;
  }
  if (value.kind == Node::Kind::null) {
    out.failure = fmt::format("has no value: it takes {}", wanted(spec));
    out.hint = spec.default_text
                   ? fmt::format("leave the line out for the default, {}",
                                 spec.default_text->empty() ? "\"\"" : *spec.default_text)
                   : "";
    return out;
  }
  if (value.kind != Node::Kind::scalar) {
    out.failure = fmt::format("takes {}, not {}", wanted(spec), kind_in_words(value.kind));
    return out;
  }
  std::error_code unused;
  const std::string folder =
      value.from_environment ? std::filesystem::current_path(unused).string() : base_folder;
  convert_text(spec, value, folder, out);
  return out;
}

[[nodiscard]] bool has_broken_item(const Node& value) {
  for (const Node& item : value.items) {
    if (item.broken) {
      return true;
    }
  }
  return value.broken;
}

// A default is text as it would stand in the YAML; most are one plain word and need no parser.
[[nodiscard]] std::optional<Node> default_node(const std::string& text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./";
  Node node;
  node.kind = Node::Kind::scalar;
  if (text.find_first_not_of(kPlain) == std::string::npos) {
    node.text = text;
    node.quoted = text.empty();
    return node;
  }
  Diagnostics unseen("default", text);
  return parse_literal_yaml(text, unseen);
}

}  // namespace

std::optional<Setting> convert_value(const OptionSpec& spec, const Node& value, Mark key_mark,
                                     Diagnostics& diagnostics) {
  if (spec.secret) {
    diagnostics.hide(value.mark, value.end);
  }
  if (has_broken_item(value)) {
    return std::nullopt;
  }
  Conversion conversion = convert(spec, value, diagnostics.base_folder());
  if (!conversion.failure.empty()) {
    const Mark mark = value.kind == Node::Kind::null ? key_mark : value.mark;
    diagnostics.error(mark, fmt::format("`{}` {}", spec.name, conversion.failure),
                      std::move(conversion.hint));
    return std::nullopt;
  }
  return std::move(conversion.setting);
}

std::optional<Setting> default_setting(const OptionSpec& spec, const std::string& base_folder) {
  if (!spec.default_text) {
    return std::nullopt;
  }
  const std::optional<Node> node = default_node(*spec.default_text);
  if (!node) {
    return std::nullopt;
  }
  Conversion conversion = convert(spec, *node, base_folder);
  if (!conversion.failure.empty()) {
    return std::nullopt;
  }
  conversion.setting.defaulted = true;
  conversion.setting.mark = {};
  return std::move(conversion.setting);
}

std::string check_option_spec(const OptionSpec& spec) {
  const auto problem = [&](std::string_view text) {
    return fmt::format("option `{}`: {}", spec.name, text);
  };
  constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_";
  if (spec.name.empty() || spec.name.size() > limits::kNameBytesMax ||
      spec.name.find_first_not_of(kNameCharacters) != std::string::npos) {
    return fmt::format("option {}: the name is not snake_case", backquoted(spec.name));
  }
  if (spec.summary.empty()) {
    return problem("it has no sentence that says what it is");
  }
  if ((spec.type == OptionType::enumeration) == spec.choices.empty()) {
    return problem(spec.choices.empty() ? "an enumeration needs choices"
                                        : "only an enumeration has choices");
  }
  if (spec.min && spec.max && *spec.min > *spec.max) {
    return problem("its smallest value is above its largest");
  }
  if (spec.required && spec.default_text) {
    return problem("it is required and has a default");
  }
  if (spec.default_text && !default_setting(spec, "/")) {
    return problem(fmt::format("its default {} is not {} in its range",
                               backquoted(*spec.default_text), wanted(spec)));
  }
  return {};
}

}  // namespace kifa::config
