#pragma once

#include <kifa/plugin.h>

#include <span>
#include <string>
#include <vector>

#include "core/config/options.hpp"

// Between the words of the configuration and the structs of the plugin ABI.
namespace kifa::plugin {

// What a component declares, as data: for checking a configuration, and for `kifa plugin info`.
[[nodiscard]] std::vector<config::OptionSpec> option_specs(const kifa_component& component);

// Settings as configure() takes them.
//
// Threads: a value that stays where it is: its view points into it.
class AbiSettings final {
 public:
  explicit AbiSettings(std::vector<config::Setting> settings);
  AbiSettings(const AbiSettings&) = delete;
  AbiSettings& operator=(const AbiSettings&) = delete;
  ~AbiSettings() = default;

  [[nodiscard]] std::span<const kifa_setting> view() const { return views_; }

 private:
  std::vector<config::Setting> settings_;
  std::vector<std::vector<kifa_str>> lists_;
  std::vector<kifa_setting> views_;
};

}  // namespace kifa::plugin
