#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/deployment.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::plugin {

// Tells the configuration what the plugins of a registry declare. facts() loads the plugin that has
// the component.
//
// Threads: confined to the control thread, as the registry is.
// Errors:  those of Registry::find.
class RegistryCatalog final : public config::ComponentCatalog {
 public:
  explicit RegistryCatalog(Registry& registry) : registry_(registry) {}

  Result<config::ComponentFacts> facts(config::ComponentKind kind, std::string_view type,
                                       std::string_view plugin_id) override;
  [[nodiscard]] std::vector<std::string> types(config::ComponentKind kind) override;

 private:
  Registry& registry_;
};

// KIFA_KIND_* of a kind of the configuration.
[[nodiscard]] std::uint32_t abi_kind(config::ComponentKind kind);

}  // namespace kifa::plugin
