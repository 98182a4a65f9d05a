#include "core/config/diagnostics.hpp"

#include <string>

#include "tests/support/catch.hpp"

using kifa::config::Diagnostics;

TEST_CASE("diagnostics come in the order of the file, with line, caret and hint", "[config]") {
  Diagnostics diagnostics("configs/x.yaml", "first\n  second: 1\nthird\n");
  CHECK(diagnostics.render().empty());
  diagnostics.error({3, 2}, "the third");
  diagnostics.warning({2, 3}, "the second", "look here");
  diagnostics.error({}, "the whole file");
  diagnostics.error({2, 11}, "the value", {}, {1, 1}, "see also");
  diagnostics.error({3, 2}, "the third");  // said once
  CHECK(diagnostics.error_count() == 3);
  CHECK(diagnostics.warning_count() == 1);
  CHECK(diagnostics.render() ==
        "configs/x.yaml: error: the whole file\n"
        "configs/x.yaml:2:3: warning: the second\n"
        "  2 |   second: 1\n"
        "    |   ^\n"
        "  hint: look here\n"
        "configs/x.yaml:2:11: error: the value\n"
        "  2 |   second: 1\n"
        "    |           ^\n"
        "configs/x.yaml:1:1: note: see also\n"
        "  1 | first\n"
        "    | ^\n"
        "configs/x.yaml:3:2: error: the third\n"
        "  3 | third\n"
        "    |  ^\n");
}

TEST_CASE("without a file the flags of the command line are meant", "[config]") {
  Diagnostics diagnostics("", "");
  diagnostics.error({}, "wrong");
  CHECK(diagnostics.render() == "command line: error: wrong\n");
}

TEST_CASE("a warning alone is no error", "[config]") {
  Diagnostics diagnostics("x", "a\n");
  diagnostics.warning({1, 1}, "old");
  CHECK_FALSE(diagnostics.has_errors());
  CHECK(diagnostics.has_warnings());
}

TEST_CASE("long lines are clipped around the column", "[config]") {
  const std::string text = std::string(500, 'a') + "B" + std::string(500, 'c') + "\n";
  Diagnostics diagnostics("x", text);
  diagnostics.error({1, 501}, "here");
  CHECK(diagnostics.render() == "x:1:501: error: here\n  1 | ..." + std::string(60, 'a') + "B" +
                                    std::string(36, 'c') + "...\n    | " + std::string(63, ' ') +
                                    "^\n");
  Diagnostics start("x", text);
  start.error({1, 1}, "here");
  CHECK(start.render() == "x:1:1: error: here\n  1 | " + std::string(100, 'a') + "...\n    | ^\n");
  Diagnostics end("x", text);
  end.error({1, 1002}, "here");
  CHECK(end.render() == "x:1:1002: error: here\n  1 | ..." + std::string(60, 'c') + "\n    | " +
                            std::string(63, ' ') + "^\n");
}

TEST_CASE("an excerpt never sends control characters to a terminal, and the caret stays right",
          "[config]") {
  Diagnostics diagnostics("x", "\x1b[2J\tcaf\xc3\xa9 \xff \xe2\x80\xaex here\r\n");
  diagnostics.error({1, 19}, "here");
  CHECK(diagnostics.render() ==
        "x:1:19: error: here\n"
        "  1 | \\x1b[2J\\tcaf\xc3\xa9 \\xff \\u202ex here\n"
        "    |                            ^\n");
}

TEST_CASE("what is hidden or sounds like a secret is masked in excerpts", "[config]") {
  Diagnostics diagnostics("x",
                          "a: { pin: 1234, b: 2 }\nPassword: \"hunter2\npos_token: abc\n"
                          "tokens_max: 5\nsecret 7\n'api_key' : xyz\n");
  diagnostics.hide({1, 11}, {1, 17});
  diagnostics.error({1, 17}, "behind");
  diagnostics.error({1, 12}, "inside");
  diagnostics.error({2, 15}, "quote");
  diagnostics.error({3, 1}, "key");
  diagnostics.error({6, 1}, "key");
  const std::string all = diagnostics.render();
  CHECK(all.find("x:1:12: error: inside\n"
                 "  1 | a: { pin: ***b: 2 }\n"
                 "    |           ^\n"
                 "x:1:17: error: behind\n"
                 "  1 | a: { pin: ***b: 2 }\n"
                 "    |              ^\n") == 0);
  CHECK(all.find("  2 | Password: ***\n    |           ^\n") != std::string::npos);
  CHECK(all.find("  3 | pos_token: ***\n") != std::string::npos);
  CHECK(all.find("  6 | 'api_key' : ***\n") != std::string::npos);
}

TEST_CASE("a place outside the text is shown without breaking", "[config]") {
  Diagnostics diagnostics("x", "one\n");
  diagnostics.error({9, 9}, "nowhere");
  diagnostics.error({1, 99}, "behind");
  CHECK(diagnostics.render() ==
        "x:1:99: error: behind\n  1 | one\n    |    ^\n"
        "x:9:9: error: nowhere\n  9 | \n    | ^\n");
}

TEST_CASE("only the first diagnostics are shown, the others are counted", "[config]") {
  Diagnostics diagnostics("x", "one\n");
  for (int i = 0; i < 5000; ++i) {
    diagnostics.error({1, i + 1}, "wrong");
  }
  CHECK(diagnostics.error_count() == 5000);
  const std::string all = diagnostics.render();
  CHECK(all.size() < 10'000);
  CHECK(all.find("x: 4950 more are not shown\n") != std::string::npos);
}
