#include "core/plugin/registry.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <kifa/sdk/option_text.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "core/plugin/descriptor.hpp"
#include "core/plugin/duplicates.hpp"
#include "core/plugin/dynamic_library.hpp"
#include "core/plugin/plugin_file.hpp"
#include "core/plugin/scan.hpp"
#include "core/plugin/search_path.hpp"

namespace kifa::plugin {
namespace {

constexpr std::string_view kSuffix = ".kifa.so";
constexpr std::size_t kRefusalsTold = 3;  // in one message; the rest as a number

bool exists(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0;
}

std::string join(const std::set<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

const kifa_component* component_of(const kifa_plugin& plugin, std::uint32_t kind,
                                   std::string_view type) {
  for (std::uint32_t i = 0; i < plugin.component_count; ++i) {
    const kifa_component& component = component_at(plugin, i);
    if (is_known_kind(component.kind) && component.kind == kind && component.type == type) {
      return &component;
    }
  }
  return nullptr;
}

bool has_part(const PluginListing& listing, std::uint32_t kind, std::string_view type) {
  return std::any_of(
      listing.components.begin(), listing.components.end(),
      [&](const PluginListing::Part& part) { return part.kind == kind && part.type == type; });
}

}  // namespace

struct Registry::Impl {
  Impl(SearchPath given, std::span<const BuiltinEntry> built_in)
      : search_path(std::move(given)), builtins(built_in) {}

  Status check_explicit_folders() const {
    for (const SearchPath::Folder& folder : search_path.folders) {
      if (folder.is_explicit) {
        KIFA_TRY(check_explicit_folder(folder.path));
      }
    }
    return {};
  }

  // Loads the plugin at `path` into this process, once; refusals are remembered too.
  Result<const kifa_plugin*> load(const std::string& path) {
    if (const auto known = loaded.find(path); known != loaded.end()) {
      return known->second;
    }
    return loaded.emplace(path, load_new(path)).first->second;
  }
  Result<const kifa_plugin*> load_new(const std::string& path) {
    const Result<PluginFile> file = check_plugin_file(path);
    if (!file) {
      return file.status().with_context(path);
    }
    if (const Status unique = loaded_ones.add_file(file->device, file->inode, path); !unique) {
      return unique.with_context(path);
    }
    Result<const kifa_plugin*> plugin = load_descriptor(path);
    const Status verdict = plugin ? check_descriptor(*plugin) : plugin.status();
    if (!verdict) {
      return verdict.with_context(path);
    }
    if (const Status unique = loaded_ones.add_id((*plugin)->id, path); !unique) {
      return unique.with_context(path);
    }
    if (!file->warning.empty()) {
      warnings.push_back(fmt::format("{}: {}", path, file->warning));
    }
    return plugin;
  }

  // What a scan of all folders says; made once, when it is needed.
  const std::vector<PluginListing>& scanned() {
    if (!scan) {
      scan = scan_all();
    }
    return *scan;
  }
  std::vector<PluginListing> scan_all() const;
  void scan_folder(const SearchPath::Folder& folder, Duplicates& seen,
                   std::vector<PluginListing>& listings) const;
  void scan_builtins(Duplicates& seen, std::vector<PluginListing>& listings) const;

  Result<Component> load_component(const std::string& path, std::uint32_t kind,
                                   std::string_view type);
  std::optional<Result<Component>> find_in_own_file(std::uint32_t kind, std::string_view type);
  Result<Component> enter_component(const kifa_plugin* plugin, std::uint32_t kind,
                                    std::string_view type);
  std::optional<Result<Component>> find_built_in(std::uint32_t kind, std::string_view type,
                                                 std::string_view plugin_id);
  Result<Component> find_in_others(std::uint32_t kind, std::string_view type,
                                   std::string_view plugin_id);
  struct Absence;
  Absence look_for_others(std::uint32_t kind, std::string_view plugin_id);
  Status not_found(std::uint32_t kind, std::string_view type, std::string_view plugin_id);

  SearchPath search_path;
  std::span<const BuiltinEntry> builtins;
  std::set<const kifa_plugin*> entered;  // of the builtins
  std::map<std::string, Result<const kifa_plugin*>> loaded;
  Duplicates loaded_ones;
  std::optional<std::vector<PluginListing>> scan;
  std::vector<std::string> warnings;
};

void Registry::Impl::scan_folder(const SearchPath::Folder& folder, Duplicates& seen,
                                 std::vector<PluginListing>& listings) const {
  const Result<std::vector<std::string>> files = plugin_files_in(folder.path);
  if (!files) {
    PluginListing refused;
    refused.path = folder.path;
    refused.refusal = files.status().message();
    listings.push_back(std::move(refused));
    return;
  }
  for (const std::string& path : *files) {
    struct stat facts{};
    PluginListing listing;
    listing.path = path;
    Status unique;
    if (::stat(path.c_str(), &facts) == 0) {
      unique = seen.add_file(facts.st_dev, facts.st_ino, path);
    }
    if (unique) {
      listing = scan_plugin(path);
      unique = listing.usable ? seen.add_id(listing.id, path) : Status();
    }
    if (!unique) {
      listing.usable = false;
      listing.refusal = unique.message();
    }
    listings.push_back(std::move(listing));
  }
}

// Without a child: what is linked into kifa was tested with it.
void Registry::Impl::scan_builtins(Duplicates& seen, std::vector<PluginListing>& listings) const {
  for (const BuiltinEntry entry : builtins) {
    PluginListing listing;
    const kifa_plugin* plugin = entry();
    Status verdict = check_descriptor(plugin);
    if (verdict) {
      listing = listing_of(*plugin);
      verdict = seen.add_id(listing.id, kBuiltIn);
    }
    listing.path = kBuiltIn;
    if (!verdict) {
      listing.usable = false;
      listing.refusal = verdict.message();
    }
    listings.push_back(std::move(listing));
  }
}

std::vector<PluginListing> Registry::Impl::scan_all() const {
  std::vector<PluginListing> listings;
  Duplicates seen;
  bool has_builtins = false;
  for (const SearchPath::Folder& folder : distinct_folders(search_path)) {
    if (!folder.is_explicit && !std::exchange(has_builtins, true)) {
      scan_builtins(seen, listings);
    }
    if (const Status there = folder.is_explicit ? check_explicit_folder(folder.path) : Status();
        !there) {
      PluginListing refused;
      refused.path = folder.path;
      refused.refusal = there.message();
      listings.push_back(std::move(refused));
      continue;
    }
    scan_folder(folder, seen, listings);
  }
  if (!has_builtins) {
    scan_builtins(seen, listings);
  }
  return listings;
}

// Null component: the plugin is fine and does not have it.
Result<Component> Registry::Impl::load_component(const std::string& path, std::uint32_t kind,
                                                 std::string_view type) {
  const Result<const kifa_plugin*> plugin = load(path);
  if (!plugin) {
    return plugin.status();
  }
  return Component{*plugin, component_of(**plugin, kind, type), path};
}

// In the file that is called after the type. It comes first, so that a run loads and looks at
// nothing but what its configuration names.
std::optional<Result<Component>> Registry::Impl::find_in_own_file(std::uint32_t kind,
                                                                  std::string_view type) {
  bool has_builtins = false;
  for (const SearchPath::Folder& folder : distinct_folders(search_path)) {
    if (!folder.is_explicit && !std::exchange(has_builtins, true)) {
      if (std::optional<Result<Component>> found = find_built_in(kind, type, {})) {
        return found;
      }
    }
    const std::string path = fmt::format("{}/{}{}", folder.path, type, kSuffix);
    if (!exists(path)) {
      continue;
    }
    Result<Component> found = load_component(path, kind, type);
    if (!found || found->component != nullptr) {
      return found;
    }
  }
  return has_builtins ? std::nullopt : find_built_in(kind, type, {});
}

// The component of a plugin that is built in and has it.
Result<Component> Registry::Impl::enter_component(const kifa_plugin* plugin, std::uint32_t kind,
                                                  std::string_view type) {
  if (!entered.contains(plugin)) {
    KIFA_TRY(loaded_ones.add_id(plugin->id, kBuiltIn));
    entered.insert(plugin);
  }
  return Component{plugin, component_of(*plugin, kind, type), kBuiltIn};
}

// Nothing: no plugin that is built in has it.
std::optional<Result<Component>> Registry::Impl::find_built_in(std::uint32_t kind,
                                                               std::string_view type,
                                                               std::string_view plugin_id) {
  for (const BuiltinEntry entry : builtins) {
    const kifa_plugin* plugin = entry();
    const bool is_meant =
        check_descriptor(plugin) && (plugin_id.empty() || plugin->id == plugin_id);
    if (is_meant && component_of(*plugin, kind, type) != nullptr) {
      return enter_component(plugin, kind, type);
    }
  }
  return std::nullopt;
}

Result<Component> Registry::Impl::find_in_others(std::uint32_t kind, std::string_view type,
                                                 std::string_view plugin_id) {
  for (const PluginListing& listing : scanned()) {
    const bool is_meant = plugin_id.empty() || listing.id == plugin_id;
    if (!listing.usable || !is_meant || !has_part(listing, kind, type)) {
      continue;
    }
    if (listing.path == kBuiltIn) {
      if (std::optional<Result<Component>> built_in = find_built_in(kind, type, listing.id)) {
        return *std::move(built_in);
      }
      continue;
    }
    Result<Component> found = load_component(listing.path, kind, type);
    if (!found || found->component != nullptr) {
      return found;
    }
  }
  return not_found(kind, type, plugin_id);
}

// What a scan found in place of a component.
struct Registry::Impl::Absence {
  std::set<std::string> types;       // of the kind, in the plugins that are meant
  std::vector<std::string> refused;  // "path (reason)", the first few
  std::size_t refused_count = 0;
  bool has_plugin = false;  // the one that was named
};

Registry::Impl::Absence Registry::Impl::look_for_others(std::uint32_t kind,
                                                        std::string_view plugin_id) {
  Absence absence;
  for (const PluginListing& listing : scanned()) {
    if (!listing.usable) {
      if (++absence.refused_count <= kRefusalsTold) {
        absence.refused.push_back(fmt::format("{} ({})", listing.path, listing.refusal));
      }
      continue;
    }
    const bool is_meant = plugin_id.empty() || listing.id == plugin_id;
    absence.has_plugin = absence.has_plugin || listing.id == plugin_id;
    for (const PluginListing::Part& part : listing.components) {
      if (part.kind == kind && is_meant) {
        absence.types.insert(part.type);
      }
    }
  }
  return absence;
}

Status Registry::Impl::not_found(std::uint32_t kind, std::string_view type,
                                 std::string_view plugin_id) {
  // A plugin that was asked for by its id and refused: its reason is the answer.
  for (const PluginListing& listing : scanned()) {
    if (!plugin_id.empty() && listing.id == plugin_id && !listing.usable) {
      return {Code::unsupported, fmt::format("{}: {}", listing.path, listing.refusal)};
    }
  }
  const Absence absence = look_for_others(kind, plugin_id);
  std::vector<std::string> folders;
  if (!builtins.empty()) {
    folders.emplace_back("what is built in");
  }
  for (const SearchPath::Folder& folder : search_path.folders) {
    folders.push_back(folder.path);
  }
  std::string message;
  if (!plugin_id.empty() && !absence.has_plugin) {
    message = fmt::format("there is no plugin {}", plugin_id);
  } else {
    const std::string in_plugin =
        plugin_id.empty() ? std::string() : fmt::format(" in the plugin {}", plugin_id);
    message = fmt::format("there is no {} of type '{}'{}", kind_name(kind), type, in_plugin);
    message += absence.types.empty() ? fmt::format("; no {} was found at all", kind_name(kind))
                                     : fmt::format("; there are: {}", join(absence.types));
  }
  message += fmt::format(" (looked in {})", fmt::join(folders, ", "));
  if (!absence.refused.empty()) {
    message += fmt::format("; refused: {}", fmt::join(absence.refused, ", "));
  }
  if (absence.refused_count > kRefusalsTold) {
    message +=
        fmt::format(" and {} more, see `kifa plugin list`", absence.refused_count - kRefusalsTold);
  }
  return {Code::not_found, message};
}

Registry::Registry(SearchPath search_path, std::span<const BuiltinEntry> builtins)
    : impl_(std::make_unique<Impl>(std::move(search_path), builtins)) {}
Registry::~Registry() = default;

Result<Component> Registry::find(std::uint32_t kind, std::string_view type,
                                 std::string_view plugin_id) {
  KIFA_TRY(impl_->check_explicit_folders());
  // A type becomes part of a path: nothing but a type may.
  if (plugin_id.empty() && sdk::is_snake_case(type)) {
    if (std::optional<Result<Component>> found = impl_->find_in_own_file(kind, type)) {
      return *std::move(found);
    }
  }
  return impl_->find_in_others(kind, type, plugin_id);
}

std::vector<std::string> Registry::types(std::uint32_t kind) {
  std::set<std::string> types;
  for (const PluginListing& listing : impl_->scanned()) {
    for (const PluginListing::Part& part : listing.components) {
      if (listing.usable && part.kind == kind) {
        types.insert(part.type);
      }
    }
  }
  return {types.begin(), types.end()};
}

const std::vector<std::string>& Registry::warnings() const { return impl_->warnings; }

std::vector<PluginListing> Registry::list() { return impl_->scan_all(); }

}  // namespace kifa::plugin
