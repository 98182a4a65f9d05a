#include "core/plugin/search_path.hpp"

#include <stdlib.h>

#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugin/support.hpp"

namespace kifa::plugin {
namespace {

// KIFA_PLUGIN_PATH for the length of a test.
class PathVariable final {
 public:
  explicit PathVariable(const std::string& value) {
    ::setenv("KIFA_PLUGIN_PATH", value.c_str(), 1);
  }
  PathVariable(const PathVariable&) = delete;
  PathVariable& operator=(const PathVariable&) = delete;
  ~PathVariable() { ::unsetenv("KIFA_PLUGIN_PATH"); }
};

std::vector<std::string> paths_of(const SearchPath& search_path) {
  std::vector<std::string> paths;
  for (const SearchPath::Folder& folder : search_path.folders) {
    paths.push_back(folder.path);
  }
  return paths;
}

}  // namespace

TEST_CASE("plugins are looked for in the documented order", "[plugin][search]") {
  const test::TempFolder first;
  const test::TempFolder second;
  const test::TempFolder third;
  const PathVariable variable(second.path() + "::" + third.path());
  const SearchPath search_path = SearchPath::standard({first.path()}).value();
  CHECK(paths_of(search_path) ==
        std::vector<std::string>{first.path(), second.path(), third.path(),
                                 std::string(KIFA_TEST_BUILD_DIR) + "/lib/kifa/plugins",
                                 "/usr/local/lib/kifa/plugins", "/usr/lib/kifa/plugins"});
  CHECK(search_path.folders[2].is_explicit);
  CHECK_FALSE(search_path.folders[3].is_explicit);
}

TEST_CASE("a folder that was named must be absolute", "[plugin][search]") {
  CHECK(SearchPath::standard({"plugins"}).status().message() ==
        "the plugin folder 'plugins' is not an absolute path; write it from the root, for example "
        "/opt/acme/plugins");
  const PathVariable variable("./plugins");
  CHECK(SearchPath::standard({}).status().message() ==
        "the plugin folder in KIFA_PLUGIN_PATH './plugins' is not an absolute path; write it from "
        "the root, for example /opt/acme/plugins");
}

TEST_CASE("a folder that was named must be a folder", "[plugin][search]") {
  const test::TempFolder folder;
  const std::string file = folder.write("file", "");
  CHECK(SearchPath::standard({file}).status().message() ==
        "the plugin folder " + file + " is not a folder");
  CHECK(SearchPath::standard({folder.path("missing")}).status().message() ==
        "the plugin folder " + folder.path("missing") + " is missing; create it or leave it out");
  const PathVariable variable(folder.path("missing"));
  CHECK_FALSE(SearchPath::standard({}).has_value());
}

}  // namespace kifa::plugin
