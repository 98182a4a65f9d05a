#include "core/plugin/builtin_plugins.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "core/plugin/registry.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/plugin/support.hpp"

// One of the test plugins, linked into this test.
extern "C" const kifa_plugin* kifa_builtin_good_cpp() noexcept;

namespace kifa::plugin {
namespace {

constexpr const char* kGoodId = "com.example.good-cpp";

const kifa_plugin* without_a_name() {
  static kifa_plugin plugin = [] {
    kifa_plugin wrong = *kifa_builtin_good_cpp();
    wrong.id = nullptr;
    return wrong;
  }();
  return &plugin;
}

SearchPath folder(const std::string& path, bool is_explicit) {
  SearchPath search_path;
  search_path.folders.push_back({path, is_explicit});
  return search_path;
}

const PluginListing& listing_at(const std::vector<PluginListing>& all, const std::string& path) {
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const PluginListing& listing) { return listing.path == path; });
  REQUIRE(found != all.end());
  return *found;
}

const std::vector<BuiltinEntry> kEntries = {&kifa_builtin_good_cpp};

}  // namespace

TEST_CASE("an executable has no plugins built in unless it says so", "[plugin][builtin]") {
  CHECK(builtin_plugins().empty());
}

TEST_CASE("a plugin that is built in is found and listed without any folder", "[plugin][builtin]") {
  Registry registry(SearchPath{}, kEntries);
  const Result<Component> found = registry.find(KIFA_KIND_FRAMING, "semicolon");
  REQUIRE(found.has_value());
  CHECK(found->path == "built in");
  CHECK(found->plugin == kifa_builtin_good_cpp());
  CHECK(registry.find(KIFA_KIND_FRAMING, "semicolon", kGoodId).value().component ==
        found->component);
  const std::vector<PluginListing> listings = registry.list();
  REQUIRE(listings.size() == 1);
  CHECK(listings[0].usable);
  CHECK(listings[0].path == "built in");
  CHECK(listings[0].id == kGoodId);
  CHECK_FALSE(listings[0].components.empty());
  CHECK(registry.types(KIFA_KIND_FRAMING) == std::vector<std::string>{"semicolon"});
}

TEST_CASE("a type that is not built in is looked for in the folders", "[plugin][builtin]") {
  Registry registry(folder(test::kGoodFolder, false), kEntries);
  CHECK(registry.find(KIFA_KIND_SOURCE, "good_c").value().path == test::good_plugin("good_c"));
  const Result<Component> nowhere = registry.find(KIFA_KIND_SOURCE, "nowhere");
  CHECK(nowhere.status().message().find("(looked in what is built in, " + test::kGoodFolder) !=
        std::string::npos);
}

TEST_CASE("what is built in comes before the same plugin of a standard folder",
          "[plugin][builtin]") {
  const test::TempFolder other;
  const std::string file = other.copy(test::good_plugin("good_cpp"), "semicolon.kifa.so");
  Registry registry(folder(other.path(), false), kEntries);
  CHECK(registry.find(KIFA_KIND_FRAMING, "semicolon").value().path == "built in");
  const std::vector<PluginListing> listings = registry.list();
  CHECK(listing_at(listings, "built in").usable);
  CHECK_FALSE(listing_at(listings, file).usable);
  CHECK(
      listing_at(listings, file).refusal ==
      "has the same id, com.example.good-cpp, as a plugin that is built in, which comes first; to "
      "use this one, name its folder with --plugin-path");
}

TEST_CASE("a folder that is named by hand comes before what is built in", "[plugin][builtin]") {
  const test::TempFolder other;
  const std::string file = other.copy(test::good_plugin("good_cpp"), "semicolon.kifa.so");
  Registry registry(folder(other.path(), true), kEntries);
  CHECK(registry.find(KIFA_KIND_FRAMING, "semicolon").value().path == file);
  const std::vector<PluginListing> listings = registry.list();
  CHECK(listing_at(listings, file).usable);
  CHECK(listing_at(listings, "built in").refusal ==
        "has the same id, com.example.good-cpp, as " + file + ", which comes first");
}

TEST_CASE("a wrong descriptor that is built in is refused with a sentence", "[plugin][builtin]") {
  const std::vector<BuiltinEntry> wrong = {&without_a_name};
  Registry registry(SearchPath{}, wrong);
  const std::vector<PluginListing> listings = registry.list();
  REQUIRE(listings.size() == 1);
  CHECK_FALSE(listings[0].usable);
  CHECK(listings[0].refusal.find("id") != std::string::npos);
  CHECK(registry.find(KIFA_KIND_FRAMING, "semicolon").status().code() == Code::not_found);
}

}  // namespace kifa::plugin
