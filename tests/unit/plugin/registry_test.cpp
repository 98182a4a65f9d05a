#include "core/plugin/registry.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugin/support.hpp"

namespace kifa::plugin {
namespace {

SearchPath only(const std::string& folder, bool is_explicit = true) {
  SearchPath search_path;
  search_path.folders.push_back({folder, is_explicit});
  return search_path;
}

std::string failure(Registry& registry, std::uint32_t kind, const std::string& type,
                    const std::string& plugin_id = {}) {
  const Result<Component> found = registry.find(kind, type, plugin_id);
  CHECK_FALSE(found.has_value());
  return found.status().message();
}

}  // namespace

TEST_CASE("a component is found in the file that is called after it", "[plugin][registry]") {
  Registry registry(only(test::kGoodFolder));
  const Result<Component> found = registry.find(KIFA_KIND_SOURCE, "good_c");
  REQUIRE(found.has_value());
  CHECK(found->path == test::good_plugin("good_c"));
  CHECK(found->plugin->id == std::string("com.acme.good-c"));
  CHECK(found->component->type == std::string("good_c"));
}

TEST_CASE("a component is found in a file with another name too", "[plugin][registry]") {
  Registry registry(only(test::kGoodFolder));
  CHECK(registry.find(KIFA_KIND_FRAMING, "semicolon").value().path ==
        test::good_plugin("good_cpp"));
  CHECK(registry.find(KIFA_KIND_SOURCE, "good_c_too").value().path == test::good_plugin("good_c"));
}

TEST_CASE("the same plugin is loaded once", "[plugin][registry]") {
  Registry registry(only(test::kGoodFolder));
  const Result<Component> first = registry.find(KIFA_KIND_SOURCE, "good_c");
  const Result<Component> second = registry.find(KIFA_KIND_SOURCE, "good_c");
  CHECK(first.value().component == second.value().component);
}

TEST_CASE("a type that nobody has lists those that there are", "[plugin][registry]") {
  Registry registry(only(test::kGoodFolder));
  CHECK(failure(registry, KIFA_KIND_SOURCE, "serial") ==
        fmt::format("there is no source of type 'serial'; there are: good_c, good_c_too, thrower, "
                    "ticker, unborn (looked in {})",
                    test::kGoodFolder));
  CHECK(failure(registry, KIFA_KIND_FORMATTER, "good_c") ==
        fmt::format("there is no formatter of type 'good_c'; there are: plain (looked in {})",
                    test::kGoodFolder));
  CHECK(registry.find(KIFA_KIND_SOURCE, "serial").status().code() == Code::not_found);
}

TEST_CASE("a type is never used as a path", "[plugin][registry]") {
  const test::TempFolder folder;
  const test::TempFolder other;
  static_cast<void>(other.copy(test::good_plugin("good_c"), "good_c.kifa.so"));
  Registry registry(only(folder.path()));
  const std::string type =
      "../" + std::filesystem::path(other.path()).filename().native() + "/good_c";
  CHECK(failure(registry, KIFA_KIND_SOURCE, type) ==
        fmt::format("there is no source of type '{}'; no source was found at all (looked in {})",
                    type, folder.path()));
}

TEST_CASE("a component can be asked for by its plugin", "[plugin][registry]") {
  Registry registry(only(test::kGoodFolder));
  CHECK(registry.find(KIFA_KIND_SOURCE, "good_c", "com.acme.good-c").has_value());
  CHECK(failure(registry, KIFA_KIND_SOURCE, "good_c", "com.acme.thrower") ==
        fmt::format("there is no source of type 'good_c' in the plugin com.acme.thrower; there "
                    "are: thrower, unborn (looked in {})",
                    test::kGoodFolder));
  CHECK(failure(registry, KIFA_KIND_SOURCE, "good_c", "com.acme.nobody") ==
        fmt::format("there is no plugin com.acme.nobody (looked in {})", test::kGoodFolder));
}

TEST_CASE("a plugin that is named and refused is an error with the reason", "[plugin][registry]") {
  const test::TempFolder folder;
  const std::string path = folder.copy(test::bad_plugin("missing_poll"), "flawed.kifa.so");
  Registry registry(only(folder.path()));
  const std::string sentence =
      path +
      ": com.acme.flawed 1.2.0: source 'flawed': the function poll is missing; ask the vendor for "
      "a corrected plugin";
  CHECK(failure(registry, KIFA_KIND_SOURCE, "flawed") == sentence);
  CHECK(failure(registry, KIFA_KIND_SOURCE, "flawed", "com.acme.flawed") == sentence);
}

TEST_CASE("a file that fails is not a reason to look further", "[plugin][registry]") {
  const test::TempFolder first;
  const std::string broken = first.write("good_c.kifa.so", "junk");
  SearchPath search_path = only(first.path());
  search_path.folders.push_back({test::kGoodFolder, true});
  Registry registry(search_path);
  CHECK(failure(registry, KIFA_KIND_SOURCE, "good_c") ==
        broken + ": not a kifa plugin (not an ELF shared library)");
}

TEST_CASE("junk beside a plugin does not disturb it", "[plugin][registry]") {
  const test::TempFolder folder;
  const std::string good = folder.copy(test::good_plugin("good_c"), "good_c.kifa.so");
  const std::string junk = folder.write("a_junk.kifa.so", std::string(5000, '\0'));
  Registry registry(only(folder.path()));
  CHECK(registry.find(KIFA_KIND_SOURCE, "good_c").has_value());
  CHECK(registry.find(KIFA_KIND_SOURCE, "good_c_too").has_value());
  CHECK(registry.types(KIFA_KIND_SOURCE) == std::vector<std::string>{"good_c", "good_c_too"});

  const std::vector<PluginListing> listings = registry.list();
  REQUIRE(listings.size() == 2);
  CHECK(listings[0].path == junk);
  CHECK(listings[0].refusal == "not a kifa plugin (not an ELF shared library)");
  CHECK(listings[1].path == good);
  CHECK(listings[1].usable);
}

TEST_CASE("what was refused is told when nothing was found", "[plugin][registry]") {
  const test::TempFolder folder;
  const std::string junk = folder.write("x.kifa.so", "junk");
  Registry registry(only(folder.path()));
  CHECK(failure(registry, KIFA_KIND_SINK, "kifa") ==
        fmt::format("there is no sink of type 'kifa'; no sink was found at all (looked in {}); "
                    "refused: {} (not a kifa plugin (not an ELF shared library))",
                    folder.path(), junk));
}

TEST_CASE("a second plugin with the same id is refused with both paths", "[plugin][registry]") {
  const test::TempFolder folder;
  const std::string first = folder.copy(test::good_plugin("good_c"), "good_c.kifa.so");
  const std::string second = folder.copy(test::bad_plugin("same_id"), "same_id.kifa.so");
  Registry registry(only(folder.path()));
  const std::string sentence = fmt::format(
      "has the same id, com.acme.good-c, as {0}; remove one of the two: {0}, {1}", first, second);
  const std::vector<PluginListing> listings = registry.list();
  REQUIRE(listings.size() == 2);
  CHECK(listings[0].usable);
  CHECK_FALSE(listings[1].usable);
  CHECK(listings[1].refusal == sentence);
  CHECK(registry.find(KIFA_KIND_SOURCE, "good_c").has_value());
  CHECK(failure(registry, KIFA_KIND_SOURCE, "same_id") == second + ": " + sentence);
}

TEST_CASE("a second name for the same file is refused with both paths", "[plugin][registry]") {
  const test::TempFolder folder;
  const std::string first = folder.copy(test::good_plugin("good_c"), "good_c.kifa.so");
  const std::string second = folder.path("good_c_too.kifa.so");
  std::filesystem::create_symlink(first, second);
  Registry registry(only(folder.path()));
  CHECK(registry.list().at(1).refusal ==
        fmt::format("is the same file as {0}; remove one of the two: {0}, {1}", first, second));
}

TEST_CASE("a folder under two names is looked at once", "[plugin][registry]") {
  const test::TempFolder folder;
  static_cast<void>(folder.copy(test::good_plugin("good_c"), "good_c.kifa.so"));
  const test::TempFolder other;
  std::filesystem::create_directory_symlink(folder.path(), other.path("plugins"));
  SearchPath search_path = only(folder.path());
  search_path.folders.push_back({other.path("plugins"), false});
  Registry registry(search_path);
  CHECK(registry.list().size() == 1);
}

TEST_CASE("a plugin folder that was named and is missing is an error", "[plugin][registry]") {
  Registry registry(only("/nowhere/plugins"));
  const std::string sentence =
      "the plugin folder /nowhere/plugins is missing; create it or leave it out";
  CHECK(failure(registry, KIFA_KIND_SOURCE, "stdin") == sentence);
  const std::vector<PluginListing> listings = registry.list();
  REQUIRE(listings.size() == 1);
  CHECK(listings[0].path == "/nowhere/plugins");
  CHECK(listings[0].refusal == sentence);
}

TEST_CASE("a standard folder may be missing", "[plugin][registry]") {
  Registry registry(only("/nowhere/plugins", false));
  CHECK(registry.list().empty());
  CHECK(registry.types(KIFA_KIND_SOURCE).empty());
  CHECK(failure(registry, KIFA_KIND_SOURCE, "stdin") ==
        "there is no source of type 'stdin'; no source was found at all (looked in "
        "/nowhere/plugins)");
}

TEST_CASE("a plugin folder that others can write is refused file by file", "[plugin][registry]") {
  const test::TempFolder folder;
  const std::string path = folder.copy(test::good_plugin("good_c"), "good_c.kifa.so");
  REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
  Registry registry(only(folder.path()));
  const std::string sentence = fmt::format(
      "its folder {0} is writable by others; refusing to load it (chmod o-w {0})", folder.path());
  CHECK(failure(registry, KIFA_KIND_SOURCE, "good_c") == path + ": " + sentence);
  CHECK(registry.list().at(0).refusal == sentence);
}

TEST_CASE("a folder that its group can write is a warning", "[plugin][registry]") {
  const test::TempFolder folder;
  const std::string path = folder.copy(test::good_plugin("good_c"), "good_c.kifa.so");
  REQUIRE(::chmod(folder.path().c_str(), 0770) == 0);
  Registry registry(only(folder.path()));
  const std::string sentence = fmt::format("its folder {} is writable by its group", folder.path());
  CHECK(registry.find(KIFA_KIND_SOURCE, "good_c").has_value());
  CHECK(registry.warnings() == std::vector<std::string>{path + ": " + sentence});
  CHECK(registry.list().at(0).warning == sentence);
}

}  // namespace kifa::plugin
