#include "core/plugin/component_settings.hpp"

#include <string>
#include <vector>

#include "core/plugin/catalog.hpp"
#include "core/plugin/registry.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/plugin/support.hpp"

namespace kifa::plugin {
namespace {

Registry good_registry() { return Registry(SearchPath{{{test::kGoodFolder, true}}}); }

}  // namespace

TEST_CASE("what a component declares is given as data", "[plugin][options]") {
  Registry registry = good_registry();
  const Component found = registry.find(KIFA_KIND_SOURCE, "good_c").value();
  const std::vector<config::OptionSpec> specs = option_specs(*found.component);
  REQUIRE(specs.size() == 3);
  CHECK(specs[0].name == "count");
  CHECK(specs[0].type == config::OptionType::integer);
  CHECK(specs[0].summary == "How many.");
  CHECK(specs[0].unit == "records");
  CHECK(specs[0].default_text == "5");
  CHECK(specs[0].min == 1);
  CHECK(specs[0].max == 10);
  CHECK(specs[1].type == config::OptionType::enumeration);
  CHECK(specs[1].choices == std::vector<std::string>{"split", "truncate"});
  CHECK_FALSE(specs[1].min.has_value());
  CHECK(specs[2].type == config::OptionType::path);
  CHECK_FALSE(specs[2].default_text.has_value());
  CHECK_FALSE(specs[2].required);
}

TEST_CASE("settings reach a component as the ABI has them", "[plugin][options]") {
  std::vector<config::Setting> given(3);
  given[0].name = "count";
  given[0].type = config::OptionType::integer;
  given[0].integer = 7;
  given[0].defaulted = true;
  given[1].name = "device";
  given[1].type = config::OptionType::path;
  given[1].text = "/dev/ttyUSB0";
  given[2].name = "include";
  given[2].type = config::OptionType::string_list;
  given[2].list = {"a", "b"};
  const AbiSettings settings(std::move(given));
  const std::span<const kifa_setting> view = settings.view();
  REQUIRE(view.size() == 3);
  CHECK(view[0].type == KIFA_TYPE_INT);
  CHECK(view[0].integer == 7);
  CHECK(view[0].flags == KIFA_SETTING_DEFAULTED);
  CHECK(view[1].type == KIFA_TYPE_PATH);
  CHECK(view[1].flags == 0);
  CHECK(std::string(view[1].text.data, view[1].text.size) == "/dev/ttyUSB0");
  REQUIRE(view[2].list_count == 2);
  CHECK(std::string(view[2].list[1].data, view[2].list[1].size) == "b");
}

TEST_CASE("the configuration learns what a component takes and can", "[plugin][catalog]") {
  Registry registry = good_registry();
  RegistryCatalog catalog(registry);
  const config::ComponentFacts ticker =
      catalog.facts(config::ComponentKind::source, "ticker", "").value();
  CHECK(ticker.takes_framing);
  CHECK_FALSE(ticker.can_reply);
  CHECK(ticker.options.size() == 1);
  const config::ComponentFacts swallow =
      catalog.facts(config::ComponentKind::sink, "swallow", "com.example.good-cpp").value();
  CHECK_FALSE(swallow.takes_format);
  CHECK_FALSE(swallow.keeps_checkpoints);
  CHECK(catalog.types(config::ComponentKind::framing) == std::vector<std::string>{"semicolon"});
  CHECK(catalog.facts(config::ComponentKind::framing, "comma", "").status().code() ==
        Code::not_found);
}

}  // namespace kifa::plugin
