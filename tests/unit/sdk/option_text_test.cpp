#include <kifa/sdk/option_text.hpp>
#include <kifa/sdk/options.hpp>

#include <cstdint>
#include <limits>
#include <string>

#include "tests/support/catch.hpp"

namespace kifa::sdk {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

kifa_option option_of(std::uint32_t type, const char* default_text = nullptr) {
  return {sizeof(kifa_option), type,    0, 0, "name", "A sentence.", nullptr,
          default_text,        nullptr, 0, 0};
}

std::string fault_of(const kifa_option& option) {
  const char* fault = option_fault(option);
  return fault == nullptr ? "" : fault;
}

}  // namespace

TEST_CASE("integers are read whole or not at all", "[sdk][option]") {
  CHECK(parse_integer("0") == 0);
  CHECK(parse_integer("-17") == -17);
  CHECK(parse_integer("9223372036854775807") == kMost);
  for (const char* text : {"", "-", "1x", "x", "1.0", " 1", "+1", "9223372036854775808"}) {
    CHECK_FALSE(parse_integer(text).has_value());
  }
}

TEST_CASE("sizes are read with binary units", "[sdk][option]") {
  CHECK(parse_size_bytes("4096") == 4096);
  CHECK(parse_size_bytes("512B") == 512);
  CHECK(parse_size_bytes("64KiB") == 65'536);
  CHECK(parse_size_bytes("1MiB") == 1 << 20);
  CHECK(parse_size_bytes("2GiB") == std::int64_t{2} << 30);
  CHECK(parse_size_bytes("1TiB") == std::int64_t{1} << 40);
  for (const char* text : {"", "KiB", "64kilo", "1KB", "-1", "1.5MiB", "1KiB2", "9999999999GiB"}) {
    CHECK_FALSE(parse_size_bytes(text).has_value());
  }
}

TEST_CASE("durations are read as sums of units", "[sdk][option]") {
  CHECK(parse_duration_ns("0") == 0);
  CHECK(parse_duration_ns("1ns") == 1);
  CHECK(parse_duration_ns("3us") == 3'000);
  CHECK(parse_duration_ns("250ms") == 250'000'000);
  CHECK(parse_duration_ns("2s") == 2'000'000'000);
  CHECK(parse_duration_ns("1h30m") == 5'400'000'000'000);
  CHECK(parse_duration_ns("1d") == 86'400'000'000'000);
  for (const char* text : {"", "5", "s", "1w", "1h30", "-1s", "1 s", "999999999d"}) {
    CHECK_FALSE(parse_duration_ns(text).has_value());
  }
}

TEST_CASE("numbers are read as decimals", "[sdk][option]") {
  CHECK(parse_number("0.5").value() == Approx(0.5));
  CHECK(parse_number("-1").value() == Approx(-1));
  CHECK(parse_number(".25").value() == Approx(0.25));
  CHECK(parse_number("2.5e3").value() == Approx(2500));
  CHECK(parse_number("1e-3").value() == Approx(0.001));
  for (const char* text : {"", ".", "e5", "1e", "1e999", "nan", "0x10", "1.5s"}) {
    CHECK_FALSE(parse_number(text).has_value());
  }
}

TEST_CASE("a choice is one of the words between the bars", "[sdk][option]") {
  CHECK(is_choice("split|truncate|reject", "split"));
  CHECK(is_choice("split|truncate|reject", "reject"));
  CHECK_FALSE(is_choice("split|truncate|reject", "spli"));
  CHECK_FALSE(is_choice("split|truncate|reject", ""));
  CHECK_FALSE(is_choice("split|truncate|reject", "split|truncate"));
}

TEST_CASE("a well formed declaration has no fault", "[sdk][option]") {
  CHECK(fault_of(option_of(KIFA_TYPE_BOOL, "true")).empty());
  CHECK(fault_of(option_of(KIFA_TYPE_STRING, "anything")).empty());
  CHECK(fault_of(option_of(KIFA_TYPE_STRING_LIST)).empty());
  kifa_option option = option_of(KIFA_TYPE_SIZE, "64KiB");
  option.min = 512;
  option.max = 65'536;
  CHECK(fault_of(option).empty());
}

TEST_CASE("the first rule that a declaration breaks is named", "[sdk][option]") {
  kifa_option option = option_of(KIFA_TYPE_INT);
  option.name = "camelCase";
  CHECK(fault_of(option) == "name: must be snake_case");
  option.name = nullptr;
  CHECK(fault_of(option) == "name: must be snake_case");

  option = option_of(KIFA_TYPE_INT);
  option.summary = "";
  CHECK(fault_of(option) == "summary: must be a sentence");
  CHECK(fault_of(option_of(0)) == "type: is unknown to this kifa");
  CHECK(fault_of(option_of(77)) == "type: is unknown to this kifa");
  CHECK(fault_of(option_of(KIFA_TYPE_ENUM)) == "choices: an ENUM has them, others have none");

  option = option_of(KIFA_TYPE_ENUM);
  option.choices = "a||b";
  CHECK(fault_of(option) == "choices: no choice may be empty");
  option.choices = "a|b";
  option.default_text = "c";
  CHECK(fault_of(option) == "default_text: must be one of the choices");

  option = option_of(KIFA_TYPE_INT);
  option.min = 2;
  option.max = 1;
  CHECK(fault_of(option) == "min: must not be above max");
  option.min = std::numeric_limits<double>::quiet_NaN();
  CHECK(fault_of(option) == "min: must not be above max");
  option = option_of(KIFA_TYPE_STRING);
  option.max = 1;
  CHECK(fault_of(option) == "min: only INT, DOUBLE, DURATION and SIZE have a range");
}

TEST_CASE("a default must be a value of its option", "[sdk][option]") {
  CHECK(fault_of(option_of(KIFA_TYPE_BOOL, "yes")) == "default_text: must be true or false");
  for (const std::uint32_t type :
       {KIFA_TYPE_INT, KIFA_TYPE_DOUBLE, KIFA_TYPE_DURATION, KIFA_TYPE_SIZE}) {
    CHECK(fault_of(option_of(type, "wrong")) ==
          "default_text: is not a value of the option's type");
  }
  kifa_option option = option_of(KIFA_TYPE_DURATION, "2s");
  option.min = 1e6;
  option.max = 1e9;
  CHECK(fault_of(option) == "default_text: must lie between min and max");
  option = option_of(KIFA_TYPE_INT, "1");
  option.flags = KIFA_OPTION_REQUIRED;
  CHECK(fault_of(option) == "default_text: a required option has no default");
}

TEST_CASE("the builder makes the declaration at compile time", "[sdk][option]") {
  static constexpr auto kOptions =
      options(option::integer("count", "How many.").unit("records").range(1, 10).by_default("5"),
              option::text("password", "Not for eyes.").required().secret(),
              option::choice("mode", "How.", "a|b").deprecated());
  static_assert(kOptions.size() == 3);
  CHECK(std::string(kOptions[0].name) == "count");
  CHECK(std::string(kOptions[0].unit) == "records");
  CHECK(std::string(kOptions[0].default_text) == "5");
  CHECK(kOptions[0].max == 10);
  CHECK(kOptions[1].flags == (KIFA_OPTION_REQUIRED | KIFA_OPTION_SECRET));
  CHECK(std::string(kOptions[2].choices) == "a|b");
  CHECK(kOptions[2].flags == KIFA_OPTION_DEPRECATED);
}

}  // namespace kifa::sdk
