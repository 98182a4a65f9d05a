#pragma once

#include <kifa/plugin.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/plugin/builtin_plugins.hpp"

namespace kifa::plugin {

// One component of a loaded plugin. Pointers live as long as the process: plugins are never
// unloaded.
struct Component {
  const kifa_plugin* plugin = nullptr;
  const kifa_component* component = nullptr;
  std::string path;  // file that it came from; "built in" for built-ins
};

// One file or built-in that was looked at, for `kifa plugin list`.
struct PluginListing {
  std::string path;
  bool usable = false;
  std::string refusal;  // why not: one sentence with the remedy
  std::string warning;  // usable, but: "the folder is writable by its group"
  std::string id, version, abi, license, vendor;
  struct Part {
    std::uint32_t kind;
    std::string type, summary;
  };
  std::vector<Part> components;
};

// Where to look for plugins, in order; explicit folders that are missing are errors, the standard
// ones are not.
struct SearchPath {
  struct Folder {
    std::string path;
    bool is_explicit = false;
  };
  std::vector<Folder> folders;
  // --plugin-path and YAML first, then $KIFA_PLUGIN_PATH (colon separated),
  // <executable>/../lib/kifa/plugins, /usr/local/lib/kifa/plugins, /usr/lib/kifa/plugins. Explicit
  // folders must be absolute.
  static Result<SearchPath> standard(const std::vector<std::string>& explicit_folders);
};

// Finds plugins, refuses wrong ones with a sentence, loads the ones that are needed.
//
// Plugins that are built in come before the standard folders and behind the explicit ones: what an
// operator names wins over what kifa brings, and that over what happens to be installed.
//
// Threads: confined to the control thread.
// Errors:  a plugin file that exists but fails is an error, not a reason to look further.
class Registry {
 public:
  explicit Registry(SearchPath search_path, std::span<const BuiltinEntry> builtins = {});
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry();

  // The component of `kind` (KIFA_KIND_*) and `type`: from the first `<type>.kifa.so` that is
  // there or plugin that is built in, else from the first that a scan finds to have it. Only that
  // one is loaded into this process. With `plugin_id` only from that plugin. not_found: the
  // sentence lists the types that there are and where was looked.
  Result<Component> find(std::uint32_t kind, std::string_view type,
                         std::string_view plugin_id = {});
  // The type names of `kind` that usable plugins have, sorted; scans as list() does, once.
  std::vector<std::string> types(std::uint32_t kind);
  // What should be said about plugins that were loaded all the same: "<path>: its folder ... is
  // writable by its group". Grows as plugins are loaded.
  [[nodiscard]] const std::vector<std::string>& warnings() const;
  // Scans every file in a forked child with a time limit of 2 s each: a crash there is a line here.
  std::vector<PluginListing> list();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kifa::plugin
