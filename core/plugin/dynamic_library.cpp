#include "core/plugin/dynamic_library.hpp"

// Boost 1.74 relies on these two being included before it.
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <boost/dll/shared_library.hpp>
#include <boost/dll/shared_library_load_mode.hpp>

#include <exception>
#include <string_view>
#include <utility>

#include "core/base/assert.hpp"

namespace kifa::plugin {
namespace {

constexpr const char* kEntry = "kifa_plugin_v1";

// "...load() failed (dlerror system message: /a/x.kifa.so: undefined symbol: f): Bad file
// descriptor" -> "undefined symbol: f". What Boost adds is not the reason.
std::string linker_reason(std::string_view text, std::string_view path) {
  constexpr std::string_view kBefore = "(dlerror system message: ";
  const std::size_t begin = text.find(kBefore);
  const std::size_t end = text.rfind(')');
  if (begin == std::string_view::npos || end == std::string_view::npos) {
    return std::string(text);
  }
  const std::size_t from = begin + kBefore.size();
  std::string_view reason = text.substr(from, end - from);
  if (reason.starts_with(path)) {
    reason.remove_prefix(path.size());
    reason.remove_prefix(reason.starts_with(": ") ? 2 : 0);
  }
  return std::string(reason);
}

// Every library that was loaded. Leaked on purpose: instances, descriptors and what plugins left in
// thread-local storage must stay valid until the very end of the process.
std::vector<boost::dll::shared_library>& kept_libraries() {
  static auto* kept = new std::vector<boost::dll::shared_library>();
  return *kept;
}

}  // namespace

Result<const kifa_plugin*> load_descriptor(const std::string& absolute_path) {
  KIFA_ASSERT(absolute_path.starts_with('/'));
  try {
    boost::dll::shared_library library;
    library.load(absolute_path,
                 boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    if (!library.has(kEntry)) {
      return Status(
          Code::unsupported,
          fmt::format("it does not export {}; ask the vendor for a corrected plugin", kEntry));
    }
    const auto entry = library.get<const kifa_plugin*() noexcept>(kEntry);
    kept_libraries().push_back(std::move(library));
    return entry();
  } catch (const std::exception& exception) {
    return Status(Code::unsupported, fmt::format("cannot be loaded: {}",
                                                 linker_reason(exception.what(), absolute_path)));
  }
}

}  // namespace kifa::plugin
