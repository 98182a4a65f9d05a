#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/config/deployment.hpp"

namespace kifa::config {

// The options under `store:`: what kifa sinks take when they do not say it themselves.
struct StoreDefaults {
  const Node* node = nullptr;  // null: the file has no `store:`
  std::vector<Setting> settings;
};

// One component as the YAML writes it.
struct ComponentRequest {
  ComponentKind kind = ComponentKind::source;
  std::string_view name = {};  // the key in the YAML
  const Node* node = nullptr;  // a mapping with `type`, or the type alone; null: `type` below
  std::string_view type = {};  // without a node: the type that stands for it
  Mark where = {};             // the key
  std::span<const std::string_view> structural = {};  // keys that the caller reads itself
  std::span<const OptionSpec> host_specs = {};
  const StoreDefaults* defaults = nullptr;
};

struct BoundComponent {
  ComponentConfig config;
  std::vector<Setting> host;
  std::optional<ComponentFacts> facts;  // nothing: the type is wrong, and that has been said
};

// Binds components of every kind to their declarations, which it asks the catalog for once a type.
//
// Threads: confined.
// Errors:  diagnostics.
class ComponentBinder {
 public:
  ComponentBinder(ComponentCatalog& catalog, Diagnostics& diagnostics)
      : catalog_(catalog), diagnostics_(diagnostics) {}

  BoundComponent bind(const ComponentRequest& request);
  // Binds `store:` against the options of the sink kifa, without defaults.
  StoreDefaults bind_store(const Entry* store);

 private:
  bool read_identity(const ComponentRequest& request, ComponentConfig& config);
  std::optional<std::string> read_word(const Entry& entry, std::string_view allowed);
  std::optional<ComponentFacts> facts(ComponentKind kind, const ComponentConfig& config, Mark mark);
  void bind_host(const ComponentRequest& request, BoundComponent& bound);
  void bind_own(const ComponentRequest& request, const ComponentFacts& declared,
                BoundComponent& bound);

  ComponentCatalog& catalog_;
  Diagnostics& diagnostics_;
  std::map<std::tuple<ComponentKind, std::string, std::string>, Result<ComponentFacts>> cache_;
};

inline constexpr std::string_view kKifaSinkType = "kifa";

}  // namespace kifa::config
