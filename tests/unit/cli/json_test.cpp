#include "core/cli/json.hpp"

#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

TEST_CASE("JSON strings escape what must be and keep UTF-8", "[cli]") {
  CHECK(json_string("caf\u00e9 \u20a6") == "\"caf\u00e9 \u20a6\"");
  CHECK(json_string("a\"b\\c\n\x01") == "\"a\\\"b\\\\c\\u000a\\u0001\"");
  CHECK(json_string(std::string_view("\0", 1)) == "\"\\u0000\"");
  CHECK(json_string("\xF0\x9F\x98\x80") == "\"\xF0\x9F\x98\x80\"");
  // Not UTF-8: a lone byte, an overlong form, a surrogate, too high, cut off.
  CHECK(json_string("\xFF") == "\"\\ufffd\"");
  CHECK(json_string("\xC0\x80") == "\"\\ufffd\\ufffd\"");
  CHECK(json_string("\xED\xA0\x80") == "\"\\ufffd\\ufffd\\ufffd\"");
  CHECK(json_string("\xF4\x90\x80\x80") == "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
  CHECK(json_string("\xE2\x82") == "\"\\ufffd\\ufffd\"");
}

TEST_CASE("objects and arrays keep the order of the calls", "[cli]") {
  JsonArray array;
  array.add("1");
  array.add(json_string("x"));
  JsonObject object;
  object.text("a", "b").number("n", 18'446'744'073'709'551'615U).signed_number("s", -1);
  object.boolean("t", true).null("z").raw("r", array.finish());
  CHECK(object.finish() ==
        R"({"a":"b","n":18446744073709551615,"s":-1,"t":true,"z":null,"r":[1,"x"]})");
  CHECK(JsonObject().finish() == "{}");
  CHECK(JsonArray().finish() == "[]");
}

}  // namespace
}  // namespace kifa::cli
