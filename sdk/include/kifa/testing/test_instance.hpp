#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk/option_text.hpp>
#include <kifa/testing/fake_host.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::testing {

// One instance of a component, driven through the C table as the host does it.
//
// Threads: confined.
// Errors:  a plugin without such a component, a failing create() and a text that is no value of its
//          option throw std::runtime_error; everything else is a kifa_status, with the component's
//          sentence in message().
class TestInstance final {
 public:
  using Texts = std::map<std::string, std::string>;  // option name -> value as in the YAML

  // `type` empty: the plugin's only component.
  TestInstance(const kifa_plugin& plugin, FakeHost& host, std::string_view type = {})
      : component_(find(plugin, type)) {
    reset_error();
    raw_ = component_.lifecycle->create(host.raw(), &error_);
    if (raw_ == nullptr) {
      throw std::runtime_error("create(): " + message());
    }
  }
  TestInstance(const TestInstance&) = delete;
  TestInstance& operator=(const TestInstance&) = delete;
  ~TestInstance() { component_.lifecycle->destroy(raw_); }

  // The declared defaults, with `texts` in their place where given; lists with commas.
  kifa_status configure(const Texts& texts = {}) {
    std::vector<kifa_setting> settings;
    std::deque<std::string> kept;
    std::deque<std::vector<kifa_str>> lists;
    for (std::uint32_t i = 0; i < component_.option_count; ++i) {
      const kifa_option& option = component_.options[i];
      const auto given = texts.find(option.name);
      if (given == texts.end() && option.default_text == nullptr) {
        continue;
      }
      kept.push_back(given != texts.end() ? given->second : option.default_text);
      settings.push_back(setting(option, kept.back(), lists));
      settings.back().flags = given != texts.end() ? 0 : KIFA_SETTING_DEFAULTED;
    }
    reset_error();
    return component_.lifecycle->configure(raw_, settings.data(),
                                           static_cast<std::uint32_t>(settings.size()),
                                           sizeof(kifa_setting), &error_);
  }
  kifa_status start() {
    reset_error();
    return component_.lifecycle->start(raw_, &error_);
  }
  kifa_status stop(std::int64_t deadline_mono_ns = 0) {
    reset_error();
    return component_.lifecycle->stop(raw_, deadline_mono_ns, &error_);
  }

  [[nodiscard]] kifa_instance* raw() const { return raw_; }
  [[nodiscard]] const kifa_source& source() const { return table<kifa_source>(KIFA_KIND_SOURCE); }
  [[nodiscard]] const kifa_framing& framing() const {
    return table<kifa_framing>(KIFA_KIND_FRAMING);
  }
  [[nodiscard]] const kifa_sink& sink() const { return table<kifa_sink>(KIFA_KIND_SINK); }
  [[nodiscard]] const kifa_formatter& formatter() const {
    return table<kifa_formatter>(KIFA_KIND_FORMATTER);
  }

  // For calls through the tables; empty again after reset_error() and every call of this class.
  [[nodiscard]] kifa_error* error() { return &error_; }
  void reset_error() {
    error_ = {};
    error_.struct_size = sizeof error_;
  }
  [[nodiscard]] std::string message() const { return error_.message; }

 private:
  static const kifa_component& find(const kifa_plugin& plugin, std::string_view type) {
    for (std::uint32_t i = 0; i < plugin.component_count; ++i) {
      if (type.empty() || type == plugin.components[i].type) {
        return plugin.components[i];
      }
    }
    throw std::runtime_error("the plugin has no component " + std::string(type));
  }

  template <class Table>
  [[nodiscard]] const Table& table(std::uint32_t kind) const {
    if (component_.kind != kind) {
      throw std::runtime_error("the component is of another kind");
    }
    return *static_cast<const Table*>(component_.operations);
  }

  static std::int64_t value(const kifa_option& option, std::optional<std::int64_t> parsed) {
    if (!parsed) {
      throw std::runtime_error(std::string("not a value of the option ") + option.name);
    }
    return *parsed;
  }

  static kifa_setting setting(const kifa_option& option, const std::string& text,
                              std::deque<std::vector<kifa_str>>& lists) {
    kifa_setting made{};
    made.struct_size = sizeof made;
    made.type = option.type;
    made.name = option.name;
    made.text = {text.data(), text.size()};
    if (option.type == KIFA_TYPE_BOOL) {
      made.integer = text == "true" ? 1 : 0;
    } else if (option.type == KIFA_TYPE_INT) {
      made.integer = value(option, sdk::parse_integer(text));
    } else if (option.type == KIFA_TYPE_DURATION) {
      made.integer = value(option, sdk::parse_duration_ns(text));
    } else if (option.type == KIFA_TYPE_SIZE) {
      made.integer = value(option, sdk::parse_size_bytes(text));
    } else if (option.type == KIFA_TYPE_DOUBLE) {
      made.number = sdk::parse_number(text).value_or(0);
    } else if (option.type == KIFA_TYPE_STRING_LIST) {
      lists.push_back(split(text));
      made.list = lists.back().data();
      made.list_count = static_cast<std::uint32_t>(lists.back().size());
    }
    return made;
  }

  static std::vector<kifa_str> split(std::string_view text) {
    std::vector<kifa_str> parts;
    while (!text.empty()) {
      const std::size_t comma = text.find(',');
      const std::string_view part = text.substr(0, comma);
      parts.push_back({part.data(), part.size()});
      text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return parts;
  }

  const kifa_component& component_;
  kifa_instance* raw_ = nullptr;
  kifa_error error_{};
};

}  // namespace kifa::testing
