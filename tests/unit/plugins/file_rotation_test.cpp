#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/file_source.hpp"

using namespace std::string_literals;
using kifa::plugins::testing::FileSource;
using kifa::plugins::testing::Lines;
using kifa::plugins::testing::numbered;
using kifa::plugins::testing::numbered_lines;

// What programs and logrotate do to files while kifa runs, and while it does not.
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

Lines joined(Lines lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

// A host that was down while things happened, or one that ran on.
void pause_or_not(FileSource& source, bool down) {
  if (down) {
    source.crash();
  }
}
void go_on(FileSource& source, bool down) {
  if (down) {
    source.start();
  }
  source.poll();
}

TEST_CASE("a renamed file is read to its end, then its successor", "[plugins][file][W11]") {
  const bool down = GENERATE(false, true);
  const std::string to = GENERATE("app.log.1"s, "app.log-20261123"s, "something else"s);
  INFO((down ? "down, " : "running, ") << to);
  FileSource source;
  source.folder.append("app.log", "1\n2");
  source.start();
  source.poll();
  pause_or_not(source, down);
  source.folder.append("app.log", ".5\n3\n");
  source.folder.rename("app.log", to);
  source.folder.append(to, "late\n");
  source.folder.append("app.log", "after\n");
  go_on(source, down);
  CHECK(source.lines == Lines{"1", "2.5", "3", "late", "after"});
  source.folder.append(to, "very late\n");
  source.poll_after(61 * kSecondNs);
  CHECK(source.lines.back() == "very late");
  CHECK(source.partials.empty());
}

TEST_CASE("rotated files that nobody saw are read whole, in order", "[plugins][file][W11][W14]") {
  const bool down = GENERATE(false, true);
  const bool globbed = GENERATE(false, true);
  const bool compressed = GENERATE(false, true);
  INFO((down ? "down" : "running")
       << (globbed ? ", app.log*" : ", app.log") << (compressed ? ", compressed" : ""));
  FileSource source;
  if (globbed) {
    source.set("include", source.folder.path("app.log*"));
  }
  source.folder.append("app.log", "1\n2\n");
  source.start();
  source.poll();
  pause_or_not(source, down);
  source.folder.append("app.log", "3\n");
  source.folder.set_age("app.log", 100);
  for (int round = 1; round <= 3; ++round) {
    for (int number = 3; number > 0; --number) {
      const std::string name = "app.log." + std::to_string(number);
      for (const std::string& ending : {""s, ".gz"s}) {
        if (::access(source.folder.path(name + ending).c_str(), F_OK) == 0) {
          source.folder.rename(name + ending, "app.log." + std::to_string(number + 1) + ending);
        }
      }
    }
    source.folder.rename("app.log", "app.log.1");
    source.folder.append("app.log", numbered("round " + std::to_string(round), 1, 2));
    source.folder.set_age("app.log", 100 + round);
    if (compressed) {
      source.folder.gzip("app.log.1");
    }
  }
  go_on(source, down);
  CHECK(source.take() == Lines{"1", "2", "3", "round 1 1", "round 1 2", "round 2 1", "round 2 2",
                               "round 3 1", "round 3 2"});
  source.start();
  source.poll_after(61 * kSecondNs);
  CHECK(source.lines.empty());
}

TEST_CASE("a file that was compressed while nobody read is finished from there",
          "[plugins][file][W14]") {
  FileSource source;
  source.folder.append("app.log", numbered("line", 1, 5000));
  source.start();
  source.poll_once(20'000);
  const std::size_t before = source.lines.size();
  REQUIRE((before > 0 && before < 5000));
  source.crash();
  source.folder.append("app.log", numbered("line", 5001, 6000));
  source.folder.rename("app.log", "app.log.1");
  source.folder.append("app.log", "after\n");
  source.folder.gzip("app.log.1");
  source.start();
  source.poll();
  CHECK(source.lines == joined(numbered_lines("line", 1, 6000), {"after"}));
  source.start();
  source.poll();
  CHECK(source.lines.size() == 6001);
}

TEST_CASE("a compressed file that is read already is not read again", "[plugins][file]") {
  const bool down = GENERATE(false, true);
  FileSource source;
  source.set("include", source.folder.path("app.log*"));
  source.folder.append("app.log", numbered("line", 1, 500));
  source.start();
  source.poll();
  source.folder.rename("app.log", "app.log.1");
  source.folder.append("app.log", "after\n");
  source.poll();
  pause_or_not(source, down);
  source.folder.gzip("app.log.1");
  go_on(source, down);
  source.poll_after(400 * kSecondNs);  // its deleted original is given up
  source.poll_after(61 * kSecondNs);
  CHECK(source.lines == joined(numbered_lines("line", 1, 500), {"after"}));
  // Forgotten is only what cannot be found.
  source.poll_after(86'401 * kSecondNs);
  source.poll_after(86'401 * kSecondNs);
  CHECK(source.stored.size() == 3);
  source.folder.remove("app.log.1.gz");
  source.poll_after(61 * kSecondNs);
  source.poll_after(86'000 * kSecondNs);
  CHECK(source.stored.size() == 3);
  source.poll_after(1000 * kSecondNs);
  CHECK(source.stored.size() == 2);
}

TEST_CASE("of a file that is copied and cut short the rest is read from the copy",
          "[plugins][file][W12]") {
  const bool down = GENERATE(false, true);
  const bool globbed = GENERATE(false, true);
  const bool compressed = GENERATE(false, true);
  INFO((down ? "down" : "running")
       << (globbed ? ", app.log*" : ", app.log") << (compressed ? ", compressed" : ""));
  FileSource source;
  if (globbed) {
    source.set("include", source.folder.path("app.log*"));
  }
  source.folder.append("app.log", "1\n2");
  source.start();
  source.poll();
  pause_or_not(source, down);
  source.folder.append("app.log", ".5\n3\n");
  source.folder.copy("app.log", "app.log.1");
  source.folder.truncate("app.log");
  if (compressed) {
    source.folder.gzip("app.log.1");
  }
  source.folder.append("app.log", "after\n");
  go_on(source, down);
  CHECK(source.lines == Lines{"1", "2.5", "3", "after"});
  source.folder.append("app.log", "more\n");
  source.poll_after(61 * kSecondNs);
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"1", "2.5", "3", "after", "more"});
  CHECK(source.out.gaps.empty());
}

TEST_CASE("a file that was cut short and has grown beyond is noticed", "[plugins][file][W12]") {
  const bool down = GENERATE(false, true);
  FileSource source;
  source.folder.append("app.log", "1\n");
  source.start();
  source.poll();
  pause_or_not(source, down);
  source.folder.truncate("app.log");
  source.folder.append("app.log", numbered("much more", 1, 100));
  go_on(source, down);
  CHECK(source.lines == joined({"1"}, numbered_lines("much more", 1, 100)));
  CHECK(source.host.metric("truncations") == 1);
}

TEST_CASE("what was cut off before it was read, without a copy, is a loss that is told",
          "[plugins][file][W12]") {
  FileSource source;
  source.folder.append("app.log", "1\nunfinished");
  source.start();
  source.poll();
  source.folder.append("app.log", " business\n2\n");
  source.folder.rename("app.log", "app.log.1");
  source.poll_once(0);  // it is looked at, and there is no room for it
  source.folder.truncate("app.log.1");
  source.folder.append("app.log", "after\n");
  source.poll();
  CHECK(source.lines == Lines{"1", "after"});
  CHECK(source.out.gaps.empty());  // a copy may still be found
  source.poll_after(kSecondNs);
  CHECK(source.partials == Lines{"unfinished"});
  REQUIRE(source.out.gaps.size() == 1);
  CHECK(source.out.gaps[0].reason == KIFA_GAP_TRUNCATED);
  CHECK(source.out.gaps[0].bytes == 12);
  CHECK(source.out.gaps[0].detail ==
        source.folder.path("app.log.1") + " was cut short before it was read to its end");
  source.poll_after(61 * kSecondNs);
  CHECK(source.out.gaps.size() == 1);
}

TEST_CASE("a second rotation that is under way when the first one is seen doubles nothing",
          "[plugins][file][W12]") {
  const bool down = GENERATE(false, true);
  const bool globbed = GENERATE(false, true);
  CAPTURE(down, globbed);
  FileSource source;
  if (globbed) {
    source.set("include", source.folder.path("app.log*"));
  }
  source.start();
  source.poll();
  source.folder.append("app.log", numbered("first", 1, 50));
  source.poll();
  pause_or_not(source, down);
  source.folder.copy("app.log", "app.log.1");
  source.folder.truncate("app.log");
  source.folder.append("app.log", numbered("second", 1, 50));
  source.folder.rename("app.log.1", "app.log.2");
  source.folder.copy("app.log", "app.log.1");
  // The copy is older than what it is a copy of, and older than the first one.
  source.folder.set_age("app.log.1", 100);
  go_on(source, down);
  source.poll_after(61 * kSecondNs);
  source.folder.truncate("app.log");
  source.poll();
  source.folder.append("app.log", numbered("third", 1, 50));
  source.poll();
  source.poll_after(61 * kSecondNs);
  CHECK(source.lines ==
        joined(joined(numbered_lines("first", 1, 50), numbered_lines("second", 1, 50)),
               numbered_lines("third", 1, 50)));
}

TEST_CASE("a file that is written anew when there may be no more files keeps its place",
          "[plugins][file]") {
  FileSource source;
  source.set("max_files", "1");
  source.folder.append("app.log", numbered("old", 1, 50));
  source.start();
  source.poll();
  source.crash();
  source.folder.copy("app.log", "app.log.1");
  source.folder.truncate("app.log");
  source.folder.append("app.log", numbered("new", 1, 80));
  source.start();
  source.poll();
  source.poll_after(61 * kSecondNs);
  // What was read is not read again, from wherever.
  Lines sorted = source.lines;
  std::ranges::sort(sorted);
  CHECK(std::ranges::adjacent_find(sorted) == sorted.end());
  CHECK(std::ranges::count(source.lines, "old 50") == 1);
}

TEST_CASE("a copy is not read, neither half made nor whole", "[plugins][file]") {
  FileSource source;
  source.set("include", source.folder.path("app*"));
  source.folder.append("app.log", numbered("line", 1, 1000));
  source.start();
  source.poll();
  const std::string text = source.folder.read("app.log");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t piece = at == 0 ? 5 : 1000;
    source.folder.append("app.log.1", text.substr(at, piece));
    at += piece;
    source.poll();
    source.poll_after(2 * kSecondNs);
  }
  source.folder.copy("app.log", "app-backup.log");
  source.poll_after(120 * kSecondNs);
  source.poll_after(120 * kSecondNs);
  CHECK(source.lines.size() == 1000);
  source.start();
  source.poll();
  CHECK(source.lines.size() == 1000);
}

TEST_CASE("files that begin alike are read, all of them", "[plugins][file]") {
  FileSource source;
  source.set("include", source.folder.path("till*.log"));
  source.start();
  source.folder.append("till.log", "started\nready\n");
  source.poll();
  source.folder.append("till-2.log", "started\n");
  source.poll();
  SECTION("as soon as they differ") {
    source.folder.append("till-2.log", "not ready\n");
    source.poll();
    CHECK(source.lines == Lines{"started", "ready", "started", "not ready"});
  }
  SECTION("or after a while") {
    source.poll_after(30 * kSecondNs);
    CHECK(source.lines == Lines{"started", "ready"});
    source.poll_after(31 * kSecondNs);
    CHECK(source.lines == Lines{"started", "ready", "started"});
  }
}

TEST_CASE("a deleted file is read to its end while anybody has it open", "[plugins][file]") {
  FileSource source;
  source.folder.append("app.log", "1\n");
  source.start();
  source.poll();
  const int writer = ::open(source.folder.path("app.log").c_str(), O_WRONLY | O_APPEND);
  REQUIRE(writer >= 0);
  REQUIRE(::write(writer, "2\n", 2) == 2);
  source.folder.remove("app.log");
  source.folder.append("app.log", "new\n");
  source.poll();
  CHECK(source.lines == Lines{"1", "2", "new"});
  REQUIRE(::write(writer, "3\nunfinished", 12) == 12);
  source.poll_after(61 * kSecondNs);  // the kernel does not tell of that
  CHECK(source.lines == Lines{"1", "2", "new", "3"});
  ::close(writer);
  CHECK(source.partials.empty());
  source.poll_after(301 * kSecondNs);
  CHECK(source.partials == Lines{"unfinished"});
  CHECK(source.out.gaps.empty());
}

TEST_CASE("another file with the same number of its inode is another file", "[plugins][file]") {
  FileSource source;
  source.folder.append("app.log", numbered("first", 1, 10));
  source.start();
  source.poll();
  source.crash();
  source.folder.remove("app.log");
  source.folder.append("app.log", numbered("other", 1, 20));
  source.start();
  source.poll();
  CHECK(source.lines == joined(numbered_lines("first", 1, 10), numbered_lines("other", 1, 20)));
}

TEST_CASE("a file that is replaced by a rename is read from its beginning", "[plugins][file]") {
  const bool down = GENERATE(false, true);
  FileSource source;
  source.folder.append("app.log", numbered("old", 1, 200));
  source.start();
  source.poll();
  pause_or_not(source, down);
  source.folder.append("new", numbered("new", 1, 200));
  source.folder.rename("new", "app.log");
  go_on(source, down);
  CHECK(source.lines == joined(numbered_lines("old", 1, 200), numbered_lines("new", 1, 200)));
}

TEST_CASE("a file that is written anew as a whole goes on where it was", "[plugins][file]") {
  const bool down = GENERATE(false, true);
  FileSource source;
  source.folder.append("app.log", numbered("line", 1, 200));
  source.start();
  source.poll();
  pause_or_not(source, down);
  source.folder.copy("app.log", "edited");
  source.folder.append("edited", numbered("line", 201, 210));
  source.folder.rename("edited", "app.log");
  go_on(source, down);
  CHECK(source.lines == numbered_lines("line", 1, 210));
}

TEST_CASE("rotated files from before the first run are not read", "[plugins][file]") {
  FileSource source;
  for (int number = 3; number > 0; --number) {
    const std::string name = "app.log." + std::to_string(number);
    source.folder.append(name, "before " + name + "\n");
    source.folder.set_age(name, 100 - number);
  }
  source.folder.gzip("app.log.3");
  source.folder.append("app.log", "1\n");
  source.start();
  source.poll();
  source.folder.rename("app.log.2", "app.log.5");
  source.folder.rename("app.log.1", "app.log.4");
  source.folder.rename("app.log", "app.log.1");
  source.folder.append("app.log", "2\n");
  source.poll();
  source.start();
  source.poll_after(61 * kSecondNs);
  CHECK(source.lines == Lines{"1", "2"});
}

TEST_CASE("names that only look related are left alone", "[plugins][file]") {
  FileSource source;
  source.start();
  source.poll();
  for (const char* name : {"app.log", "app-debug.log", "app.log.lock", "app.log.1.tmp", "app-2.log",
                           "application.log", "app.log1"}) {
    source.folder.append(name, "from "s + name + "\n");
  }
  source.poll();
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"from app.log"});
}

TEST_CASE("a compressed file that is damaged is a loss that is told once", "[plugins][file]") {
  FileSource source;
  source.folder.append("app.log", numbered("line", 1, 20'000));
  source.start();
  source.poll_once(10'000);
  source.crash();
  source.folder.rename("app.log", "app.log.1");
  source.folder.gzip("app.log.1");
  const std::string whole = source.folder.read("app.log.1.gz");
  source.folder.remove("app.log.1.gz");
  source.folder.append("app.log.1.gz", whole.substr(0, whole.size() / 2));
  source.start();
  source.poll();
  source.poll_after(61 * kSecondNs);
  CHECK(source.lines.size() > 1000);
  CHECK(source.lines.size() < 20'000);
  CHECK(source.lines == numbered_lines("line", 1, static_cast<int>(source.lines.size())));
  REQUIRE(source.out.gaps.size() == 1);
  CHECK(source.out.gaps[0].reason == KIFA_GAP_TRUNCATED);
  CHECK(source.out.gaps[0].detail.find("is damaged behind byte") != std::string::npos);
}

TEST_CASE("a compression that is not read is told", "[plugins][file]") {
  FileSource source;
  source.set("include", source.folder.path("app.log*"));
  source.folder.append("app.log", "1\n");
  source.folder.append("app.log.1.xz", "not to be read\n");
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"1"});
  CHECK(source.logged("is compressed in a way that is not read") == 1);
}

}  // namespace
