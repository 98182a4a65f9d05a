#include "core/plugin/component_settings.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace kifa::plugin {
namespace {

// The two enumerations name the same types in the same order; the ABI's begins with 1.
static_assert(static_cast<std::uint32_t>(config::OptionType::boolean) + 1 == KIFA_TYPE_BOOL);
static_assert(static_cast<std::uint32_t>(config::OptionType::integer) + 1 == KIFA_TYPE_INT);
static_assert(static_cast<std::uint32_t>(config::OptionType::number) + 1 == KIFA_TYPE_DOUBLE);
static_assert(static_cast<std::uint32_t>(config::OptionType::string) + 1 == KIFA_TYPE_STRING);
static_assert(static_cast<std::uint32_t>(config::OptionType::enumeration) + 1 == KIFA_TYPE_ENUM);
static_assert(static_cast<std::uint32_t>(config::OptionType::duration) + 1 == KIFA_TYPE_DURATION);
static_assert(static_cast<std::uint32_t>(config::OptionType::size) + 1 == KIFA_TYPE_SIZE);
static_assert(static_cast<std::uint32_t>(config::OptionType::path) + 1 == KIFA_TYPE_PATH);
static_assert(static_cast<std::uint32_t>(config::OptionType::string_list) + 1 ==
              KIFA_TYPE_STRING_LIST);

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

std::vector<std::string> split_choices(const char* choices) {
  std::vector<std::string> all;
  if (choices == nullptr) {
    return all;
  }
  std::string_view rest = choices;
  while (true) {
    const std::size_t bar = rest.find('|');
    all.emplace_back(rest.substr(0, bar));
    if (bar == std::string_view::npos) {
      return all;
    }
    rest.remove_prefix(bar + 1);
  }
}

config::OptionSpec spec_of(const kifa_option& option) {
  config::OptionSpec spec;
  spec.name = option.name;
  spec.type = static_cast<config::OptionType>(option.type - 1);
  spec.summary = text_or_empty(option.summary);
  spec.unit = text_or_empty(option.unit);
  if (option.default_text != nullptr) {
    spec.default_text = option.default_text;
  }
  spec.choices = split_choices(option.choices);
  if (option.min != 0 || option.max != 0) {
    spec.min = option.min;
    spec.max = option.max;
  }
  spec.required = (option.flags & KIFA_OPTION_REQUIRED) != 0;
  spec.secret = (option.flags & KIFA_OPTION_SECRET) != 0;
  spec.deprecated = (option.flags & KIFA_OPTION_DEPRECATED) != 0;
  return spec;
}

}  // namespace

std::vector<config::OptionSpec> option_specs(const kifa_component& component) {
  std::vector<config::OptionSpec> specs;
  specs.reserve(component.option_count);
  const auto* at = reinterpret_cast<const char*>(component.options);
  for (std::uint32_t i = 0; i < component.option_count; ++i, at += component.option_stride) {
    specs.push_back(spec_of(*reinterpret_cast<const kifa_option*>(at)));
  }
  return specs;
}

AbiSettings::AbiSettings(std::vector<config::Setting> settings)
    : settings_(std::move(settings)), lists_(settings_.size()) {
  views_.reserve(settings_.size());
  for (std::size_t i = 0; i < settings_.size(); ++i) {
    const config::Setting& from = settings_[i];
    for (const std::string& text : from.list) {
      lists_[i].push_back({text.data(), text.size()});
    }
    kifa_setting view{};
    view.struct_size = sizeof view;
    view.type = static_cast<std::uint32_t>(from.type) + 1;
    view.flags = from.defaulted ? KIFA_SETTING_DEFAULTED : 0;
    view.list_count = static_cast<std::uint32_t>(lists_[i].size());
    view.name = from.name.c_str();
    view.text = {from.text.data(), from.text.size()};
    view.integer = from.integer;
    view.number = from.number;
    view.list = lists_[i].data();
    views_.push_back(view);
  }
}

}  // namespace kifa::plugin
