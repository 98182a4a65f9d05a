#include "core/cli/component_text.hpp"

#include <fmt/format.h>

#include <cstddef>

#include "core/cli/human.hpp"

namespace kifa::cli {
namespace {

std::string bound_text(config::OptionType type, double bound) {
  switch (type) {
    case config::OptionType::size:
      return exact_size(static_cast<std::uint64_t>(bound));
    case config::OptionType::duration:
      return exact_duration(static_cast<std::int64_t>(bound));
    default:
      return fmt::format("{}", bound);
  }
}

}  // namespace

std::string_view kind_text(std::uint32_t kind) {
  switch (kind) {
    case KIFA_KIND_SOURCE:
      return "source";
    case KIFA_KIND_FRAMING:
      return "framing";
    case KIFA_KIND_SINK:
      return "sink";
    case KIFA_KIND_FORMATTER:
      return "formatter";
    default:
      return "unknown";
  }
}

std::string_view type_name(config::OptionType type) {
  switch (type) {
    case config::OptionType::boolean:
      return "boolean";
    case config::OptionType::integer:
      return "integer";
    case config::OptionType::number:
      return "number";
    case config::OptionType::string:
      return "string";
    case config::OptionType::enumeration:
      return "enumeration";
    case config::OptionType::duration:
      return "duration";
    case config::OptionType::size:
      return "size";
    case config::OptionType::path:
      return "path";
    case config::OptionType::string_list:
      return "list of strings";
  }
  return "unknown";
}

std::string type_text(const config::OptionSpec& option) {
  if (option.type == config::OptionType::enumeration) {
    std::string choices;
    for (const std::string& choice : option.choices) {
      choices += choices.empty() ? choice : " | " + choice;
    }
    return choices;
  }
  std::string text(type_name(option.type));
  if (!option.unit.empty()) {
    text += " (" + option.unit + ")";
  }
  return text;
}

std::string range_text(const config::OptionSpec& option) {
  if (option.min && option.max) {
    return fmt::format("{} to {}", bound_text(option.type, *option.min),
                       bound_text(option.type, *option.max));
  }
  if (option.min) {
    return "at least " + bound_text(option.type, *option.min);
  }
  if (option.max) {
    return "at most " + bound_text(option.type, *option.max);
  }
  return {};
}

}  // namespace kifa::cli
