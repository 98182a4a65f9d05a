#include <string>

#include "plugins/sources/file/content.hpp"
#include "plugins/sources/file/pattern.hpp"
#include "plugins/sources/file/rotated_name.hpp"
#include "tests/support/catch.hpp"

namespace kifa::plugins::file_source {
namespace {

bool matches(const std::string& pattern, const std::string& path) {
  Pattern read;
  REQUIRE(Pattern::read(pattern, read).is_ok());
  return read.matches(path);
}

TEST_CASE("patterns match whole paths", "[plugins][file]") {
  CHECK(matches("/var/log/app.log", "/var/log/app.log"));
  CHECK(matches("/var/log/*.log", "/var/log/app.log"));
  CHECK(matches("/var/log/till-[0-9].log", "/var/log/till-7.log"));
  CHECK(matches("/var/*/app.log", "/var/log/app.log"));
  CHECK(matches("/var/**/*.log", "/var/app.log"));
  CHECK(matches("/var/**/*.log", "/var/a/b/c/app.log"));
  CHECK(matches("/var/**/pos/*", "/var/a/b/pos/app"));
  CHECK(matches("/var/log/.app*", "/var/log/.app.log"));
  CHECK(matches("/var/log/a\\*b", "/var/log/a*b"));

  CHECK_FALSE(matches("/var/log/*.log", "/var/log/pos/app.log"));
  CHECK_FALSE(matches("/var/log/*", "/var/log/.hidden"));
  CHECK_FALSE(matches("/var/*/app.log", "/var/app.log"));
  CHECK_FALSE(matches("/var/**/pos/*", "/var/a/b/app"));
  CHECK_FALSE(matches("/var/log/a\\*b", "/var/log/axb"));
}

TEST_CASE("names of rotated files are known", "[plugins][file]") {
  RotatedNames names;
  names.add("app.log");
  names.add("journal");
  for (const char* name :
       {"app.log.1", "app.log.27", "app.log.1.gz", "app.log-20261123", "app.log-20261123.gz",
        "app.log.2026-11-23", "app.log.2026-11-23T10:00:00Z", "app.log.old", "app-20261123.log",
        "app.1.log", "app.2026-11-23.1.log", "app-2026-11-23.log.gz"}) {
    INFO(name);
    CHECK(names.rotated_from(name) == "app.log");
  }
  CHECK(names.rotated_from("journal.1") == "journal");
  for (const char* name : {"app.log", "app.log1", "app.log.tmp", "app.log.1.tmp", "app-2.log",
                           "app-debug.log", "other.log.1", "app.txt.1", "app.log.", ".gz", ""}) {
    INFO(name);
    CHECK(names.rotated_from(name).empty());
  }
}

TEST_CASE("a state comes back as it was, or not at all", "[plugins][file]") {
  Content content;
  content.base = "/var/log/app.log";
  content.path = "/var/log/app.log.1";
  content.place = {.device = 1, .inode = 2, .birth_ns = -3};
  content.modified_ns = 1'700'000'000'123'456'789;
  content.is_lost = true;
  content.trail.add(sdk::bytes_of(std::string_view("some bytes\n")));
  const std::string state = encode_state(content);
  Content read;
  REQUIRE(decode_state(state, read));
  CHECK(read.base == content.base);
  CHECK(read.path == content.path);
  CHECK(read.place.is_same(content.place));
  CHECK(read.modified_ns == content.modified_ns);
  CHECK(read.is_lost);
  CHECK(read.trail.mark().tail_offset == 11);
  CHECK(read.trail.mark().tail_hash == content.trail.mark().tail_hash);
  CHECK(read.trail.mark().head_hash == content.trail.mark().head_hash);
  for (std::size_t size = 0; size < state.size(); ++size) {
    CHECK_FALSE(decode_state(state.substr(0, size), read));
  }
  content.number = 0x1234;
  CHECK(content.key() == "0000000000001234");
  CHECK(number_of_key(content.key()) == 0x1234);
  CHECK(number_of_key("source") == 0);
}

TEST_CASE("a mark does not depend on the pieces in which bytes came", "[plugins][file]") {
  std::string text;
  for (int i = 0; i < 500; ++i) {
    text += "line " + std::to_string(i) + "\n";
  }
  Trail whole;
  whole.add(sdk::bytes_of(std::string_view(text)));
  for (const std::size_t piece : {1U, 7U, 127U, 128U, 129U, 1000U, 1024U, 1025U}) {
    Trail pieces;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      pieces.add(sdk::bytes_of(std::string_view(text).substr(at, piece)));
    }
    CHECK(pieces.mark().head_bytes == kHeadBytes);
    CHECK(pieces.mark().head_hash == whole.mark().head_hash);
    CHECK(pieces.mark().tail_offset == text.size());
    CHECK(pieces.mark().tail_hash == whole.mark().tail_hash);
  }
}

}  // namespace
}  // namespace kifa::plugins::file_source
