#include "core/cli/format_options.hpp"

#include <kifa/sdk/options.hpp>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

namespace option = sdk::option;

constexpr auto kOptions = sdk::options(
    option::boolean("raw", "Bytes as they came.").by_default("false"),
    option::text("template", "What a line is."), option::list("columns", "Which columns."),
    option::integer("width", "Bytes a line.").by_default("16").range(1, 64));

constexpr kifa_component kComponent{
    sizeof(kifa_component), KIFA_KIND_FORMATTER, "lines", "For a test.", 0, 0, kOptions.data(),
    kOptions.size(),        sizeof(kifa_option), nullptr, nullptr};

Result<std::vector<config::Setting>> settings(const std::vector<std::string>& options) {
  return format_settings(kComponent, options);
}

TEST_CASE("format options are what a pipeline file would say", "[cli]") {
  const auto bound = settings({"raw=true", "template=a=b, c", "columns=lsn,data", "columns=time"});
  REQUIRE(bound);
  CHECK(config::find_setting(*bound, "raw")->integer == 1);
  CHECK(config::find_setting(*bound, "template")->text == "a=b, c");
  CHECK(config::find_setting(*bound, "columns")->list ==
        std::vector<std::string>{"lsn", "data", "time"});
  CHECK(config::find_setting(*bound, "width")->integer == 16);
  CHECK(config::find_setting(*bound, "width")->defaulted);
}

TEST_CASE("a text that looks like nothing is a text, and an empty one is allowed", "[cli]") {
  CHECK(config::find_setting(*settings({"template=null"}), "template")->text == "null");
  CHECK(config::find_setting(*settings({"template="}), "template")->text.empty());
}

TEST_CASE("wrong format options are told with what would be right", "[cli][W39]") {
  const struct {
    std::vector<std::string> options;
    std::string words;
  } cases[] = {
      {{"rwa=true"}, "did you mean `raw`?"},
      {{"raw=perhaps"}, "true or false"},
      {{"raw=true", "raw=false"}, "option `raw` of formatter lines is given twice"},
      {{"width=65"}, "width"},
      {{"nothing=1"}, "there are: columns, raw, template, width"},
  };
  for (const auto& one : cases) {
    const auto bound = settings(one.options);
    REQUIRE_FALSE(bound);
    INFO(bound.status().message());
    CHECK(bound.status().code() == Code::invalid);
    CHECK(bound.status().message().find(one.words) != std::string::npos);
    CHECK(bound.status().message().back() != '\n');
  }
}

}  // namespace
}  // namespace kifa::cli
