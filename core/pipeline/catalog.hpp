#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/deployment.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::pipeline {

[[nodiscard]] std::uint32_t abi_kind(config::ComponentKind kind);

// What configuration may know about a component, from its descriptor.
[[nodiscard]] config::ComponentFacts facts_of(const kifa_component& component);

// The plugin registry as the configuration's catalog of component types.
//
// Threads: confined to the control thread, as the registry.
// Errors:  the registry's sentences.
class RegistryCatalog final : public config::ComponentCatalog {
 public:
  explicit RegistryCatalog(plugin::Registry& registry) : registry_(registry) {}

  Result<config::ComponentFacts> facts(config::ComponentKind kind, std::string_view type,
                                       std::string_view plugin_id) override;
  [[nodiscard]] std::vector<std::string> types(config::ComponentKind kind) override;

 private:
  plugin::Registry& registry_;
};

}  // namespace kifa::pipeline
