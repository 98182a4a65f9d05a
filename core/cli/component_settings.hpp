#pragma once

#include <kifa/plugin.h>

#include <span>
#include <string>
#include <vector>

#include "core/config/options.hpp"

namespace kifa::cli {

// What a component declares, in the words of the configuration.
[[nodiscard]] std::vector<config::OptionSpec> option_specs(const kifa_component& component);

// The defaults of a component's options, as configure() takes them; for components that no
// configuration names.
//
// Threads: a value; not movable, because its view points into it.
class DefaultSettings final {
 public:
  explicit DefaultSettings(const kifa_component& component);
  DefaultSettings(const DefaultSettings&) = delete;
  DefaultSettings& operator=(const DefaultSettings&) = delete;
  ~DefaultSettings() = default;

  [[nodiscard]] std::span<const kifa_setting> view() const { return views_; }

 private:
  std::vector<config::Setting> settings_;
  std::vector<std::vector<kifa_str>> lists_;
  std::vector<kifa_setting> views_;
};

}  // namespace kifa::cli
