#include <sys/stat.h>

#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/file_source.hpp"

using namespace std::string_literals;
using kifa::plugins::testing::FileSource;
using kifa::plugins::testing::Lines;
using kifa::plugins::testing::numbered;
using kifa::plugins::testing::numbered_lines;

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

TEST_CASE("a line that is written in two pieces is one line", "[plugins][file][W13]") {
  FileSource source;
  source.folder.append("app.log", "first\nhalf a ");
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"first"});
  source.poll_after(3600 * kSecondNs);
  CHECK(source.lines == Lines{"first"});
  source.folder.append("app.log", "line\nand");
  source.poll();
  CHECK(source.lines == Lines{"first", "half a line"});
  CHECK(source.partials.empty());
  CHECK(source.out.streams.at(1).attrs.at("path") == source.folder.path("app.log"));
  CHECK(source.out.streams.at(1).flags == KIFA_STREAM_RESUMABLE);
}

TEST_CASE("what was written while nobody read is read at the next start, and nothing twice",
          "[plugins][file][W14]") {
  FileSource source;
  source.folder.append("app.log", "1\n2\nunfinished");
  source.start();
  source.poll();
  source.crash();
  source.folder.append("app.log", " line\n4\n");
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"1", "2", "unfinished line", "4"});
  source.start();
  source.poll();
  CHECK(source.lines.size() == 4);
}

TEST_CASE("bytes that are not text come through, and what follows them", "[plugins][file][W15]") {
  FileSource source;
  source.start();
  source.folder.append("app.log", "ok-1\ncaf\xE9\n"s + "\0\xFF\xFE\x1A\n"s + "ok-2\n");
  source.poll();
  CHECK(source.lines == Lines{"ok-1", "caf\xE9", "\0\xFF\xFE\x1A"s, "ok-2"});
}

TEST_CASE("a silent source asks for nothing but a look a minute", "[plugins][file]") {
  FileSource source;
  source.start();
  source.folder.append("app.log", "1\n");
  source.poll();
  REQUIRE(source.wake_at_ns.has_value());
  CHECK(*source.wake_at_ns >= source.host.mono_ns() + 60 * kSecondNs);
  CHECK(source.descriptors() == 1);
}

TEST_CASE("records know where they begin, when that is asked for", "[plugins][file]") {
  FileSource source(FileSource::Texts{{"offset_attribute", "true"}});
  source.folder.append("app.log", "1\n");
  source.start();
  source.poll();
  CHECK(source.out.streams.at(1).flags == (KIFA_STREAM_RESUMABLE | KIFA_STREAM_OFFSETS));
}

TEST_CASE("a stop leaves in the file what is not read yet", "[plugins][file]") {
  FileSource source;
  source.start();
  source.folder.append("app.log", numbered("line", 1, 10));
  CHECK(source.poll_once(1U << 20U, true) == KIFA_END);
  CHECK(source.lines.empty());
  REQUIRE(source.stop() == KIFA_OK);
  source.start();
  source.poll();
  CHECK(source.lines == numbered_lines("line", 1, 10));
}

TEST_CASE("what the host does not take is offered again", "[plugins][file]") {
  FileSource source;
  source.folder.append("app.log", numbered("line", 1, 2000));
  source.start();
  for (int i = 0; i < 3; ++i) {
    source.poll_once(0);
    CHECK(source.lines.empty());
  }
  for (int i = 0; source.lines.size() < 2000; ++i) {
    REQUIRE(i < 10'000);
    if (i % 3 == 0) {
      source.out.fail_next(KIFA_AGAIN);
    }
    CHECK((source.poll_once(100) == KIFA_OK || source.lines.size() == 2000));
  }
  CHECK(source.lines == numbered_lines("line", 1, 2000));
}

TEST_CASE("a stream that the host gave up is read again from what is stored", "[plugins][file]") {
  FileSource source;
  source.folder.append("app.log", "stored\n");
  source.start();
  source.poll();
  source.folder.append("app.log", "lost by the host\n");
  source.out.fail_next(KIFA_NO_MEMORY);
  source.poll();
  source.release(1);
  source.poll_after(59 * kSecondNs);
  CHECK(source.lines == Lines{"stored"});  // it would only be given up again
  source.poll_after(61 * kSecondNs);
  CHECK(source.lines == Lines{"stored", "lost by the host"});
  CHECK(source.out.streams.contains(2));
}

TEST_CASE("`read_from: end` begins behind the last whole line, and keeps that place",
          "[plugins][file]") {
  FileSource source(FileSource::Texts{{"read_from", "end"}});
  source.folder.append("app.log", numbered("old", 1, 5) + "begun ");
  source.start();
  source.poll();
  CHECK(source.lines.empty());
  source.crash();
  source.folder.append("app.log", "before, ended after\n");
  source.start();
  source.poll();
  CHECK(source.take() == Lines{"begun before, ended after"});
  SECTION("a later file is read from its beginning") {
    source.folder.rename("app.log", "app.log.1");
    source.folder.append("app.log", "new\n");
    source.poll();
    CHECK(source.lines == Lines{"new"});
  }
}

TEST_CASE("`read_from: end` reads a first file that appears later", "[plugins][file]") {
  FileSource source(FileSource::Texts{{"read_from", "end"}});
  source.start();
  source.poll();
  source.crash();
  source.folder.append("app.log", "written while kifa was down\n");
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"written while kifa was down"});
}

TEST_CASE("files appear and vanish", "[plugins][file]") {
  FileSource source;
  source.set("include", source.folder.path("*.log"));
  source.start();
  Lines expected;
  for (int i = 0; i < 200; ++i) {
    const std::string name = std::to_string(i) + ".log";
    source.folder.append(name, "line of " + name + "\n");
    if (i % 3 != 0) {
      source.poll();
      expected.push_back("line of " + name);
    }
    source.folder.remove(name);  // some before anybody has seen them
  }
  source.poll();
  CHECK(source.lines == expected);
  source.poll_after(301 * kSecondNs);
  CHECK(source.host.metric("open_files") == 0);
}

TEST_CASE("oldest files are read first", "[plugins][file]") {
  FileSource source;
  source.set("include", source.folder.path("*.log"));
  for (const auto& [name, age] : {std::pair("b.log", 30), {"c.log", 10}, {"a.log", 20}}) {
    source.folder.append(name, "from "s + name + "\n");
    source.folder.set_age(name, age);
  }
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"from c.log", "from a.log", "from b.log"});
}

TEST_CASE("thousands of files are read with few descriptors", "[plugins][file]") {
  constexpr int kFiles = 2000;
  FileSource source(FileSource::Texts{{"max_open_files", "8"}, {"close_after", "10s"}});
  source.set("include", source.folder.path("*.log"));
  source.start();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kFiles; ++i) {
      source.folder.append(std::to_string(i) + ".log", std::to_string(i) + "\n");
    }
    source.poll();
    CHECK(source.take().size() == kFiles);
    CHECK(source.host.metric("files") == kFiles);
    CHECK(source.host.metric("open_files") <= 8);
  }
  source.poll_after(11 * kSecondNs);  // they are quiet
  CHECK(source.host.metric("open_files") == 0);
  std::size_t ended = 0;
  for (const auto& [number, stream] : source.out.streams) {
    ended += stream.ended ? 1 : 0;
  }
  CHECK(ended == kFiles);  // the host need not keep their streams
  source.folder.append("7.log", "again\n");
  source.poll();
  CHECK(source.lines == Lines{"again"});
}

TEST_CASE("one file more than max_files waits until another is gone", "[plugins][file]") {
  FileSource source(FileSource::Texts{{"max_files", "3"}, {"close_after", "10s"}});
  source.set("include", source.folder.path("*.log"));
  source.start();
  for (const char* name : {"a.log", "b.log", "c.log"}) {
    source.folder.append(name, "from "s + name + "\n");
    source.poll();
  }
  source.folder.append("d.log", "from d.log\n");
  source.poll_after(2 * kSecondNs);
  CHECK(source.lines.size() == 3);
  CHECK(source.logged("there are max_files (3) files already") == 1);
  source.folder.remove("b.log");
  source.poll_after(11 * kSecondNs);
  source.poll_after(11 * kSecondNs);
  CHECK(source.lines == Lines{"from a.log", "from b.log", "from c.log", "from d.log"});
  CHECK(source.stored.size() == 4);  // three files and the source's own
  source.start();
  source.poll();
  CHECK(source.lines.size() == 4);
}

TEST_CASE("without news from the kernel files are looked at by time", "[plugins][file]") {
  FileSource source(FileSource::Texts{{"discovery", "poll"}, {"poll_interval", "2s"}});
  source.start();
  CHECK(source.descriptors() == 0);
  source.poll();
  source.folder.append("app.log", "1\n");
  source.poll_after(kSecondNs);
  CHECK(source.lines.empty());
  REQUIRE(source.wake_at_ns.has_value());
  CHECK(*source.wake_at_ns == source.host.mono_ns() + kSecondNs);
  source.poll_after(kSecondNs);
  CHECK(source.lines == Lines{"1"});
  source.folder.append("app.log", "2\n");
  source.folder.rename("app.log", "app.log.1");
  source.folder.append("app.log", "3\n");
  source.poll_after(2 * kSecondNs);
  CHECK(source.lines == Lines{"1", "2", "3"});
}

TEST_CASE("folders that are not there yet are waited for", "[plugins][file]") {
  FileSource source;
  source.set("include", source.folder.path("tills/**/*.log"));
  source.start();
  source.poll();
  CHECK(source.logged("there is no file yet") == 1);
  REQUIRE(::mkdir(source.folder.path("tills").c_str(), 0755) == 0);
  source.folder.append("tills/a.log", "a\n");
  source.poll_after(kSecondNs);
  CHECK(source.lines == Lines{"a"});
  // From here on the kernel tells.
  REQUIRE(::mkdir(source.folder.path("tills/north").c_str(), 0755) == 0);
  REQUIRE(::mkdir(source.folder.path("tills/north/1").c_str(), 0755) == 0);
  source.folder.append("tills/north/1/b.log", "b\n");
  source.poll();
  source.folder.append("tills/north/c.log", "c\n");
  source.poll();
  CHECK(source.lines == Lines{"a", "b", "c"});
}

TEST_CASE("what is excluded is not read, nor what is not a file", "[plugins][file]") {
  FileSource source(FileSource::Texts{{"exclude", "*.tmp,debug.log"}});
  source.set("include", source.folder.path("*"));
  REQUIRE(::mkfifo(source.folder.path("pipe").c_str(), 0600) == 0);
  REQUIRE(::mkdir(source.folder.path("folder").c_str(), 0755) == 0);
  for (const char* name : {"a.log", "b.tmp", "debug.log", ".hidden"}) {
    source.folder.append(name, "from "s + name + "\n");
  }
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"from a.log"});
  CHECK(source.logged("it is not a file; leave it out with `exclude`") == 1);
}

TEST_CASE("a symbolic link is followed, also when it is turned to another file",
          "[plugins][file]") {
  FileSource source;
  source.set("include", source.folder.path("current"));
  source.folder.append("monday", "1\n");
  REQUIRE(::symlink("monday", source.folder.path("current").c_str()) == 0);
  source.start();
  source.poll();
  source.folder.append("monday", "2\n");
  source.poll_after(kSecondNs);  // the kernel tells only of the link
  source.folder.append("tuesday", "3\n");
  source.folder.set_age("tuesday", 100);  // the older one comes first, whatever the clock's grain
  source.folder.remove("current");
  source.folder.append("monday", "late\n");
  REQUIRE(::symlink("tuesday", source.folder.path("current").c_str()) == 0);
  source.poll_after(kSecondNs);
  CHECK(source.lines == Lines{"1", "2", "3", "late"});
}

TEST_CASE("options that cannot be are told in a sentence", "[plugins][file]") {
  const auto refusal = [](const std::string& option, const std::string& text) {
    FileSource source;
    source.set(option, text);
    REQUIRE(source.configure() == KIFA_INVALID);
    return source.message();
  };
  CHECK(refusal("include", "logs/*.log") ==
        "include: `logs/*.log` does not begin with /; write the whole path");
  CHECK(refusal("include", "/var/log/") ==
        "include: `/var/log/` names folders; say which files in them, for example /var/log/*.log");
  CHECK(refusal("include", "/var/**") ==
        "include: `/var/**` names folders; say which files in them, for example /var/**/*.log");
  CHECK(refusal("include", "/var/../log/a").starts_with("include: `/var/../log/a` has . or .."));
  CHECK(refusal("include", "/a**/b").starts_with("include: `/a**/b` has ** inside a name"));
  CHECK(refusal("include", "").starts_with("include: name 1 to 256 files"));
  CHECK(refusal("include", "/" + std::string(2000, 'a')).ends_with("is longer than 1024 bytes"));
  CHECK(refusal("exclude", "tmp/*").starts_with("exclude: `tmp/*` does not begin with /"));
}

TEST_CASE("a path that is too long to be kept is told", "[plugins][file]") {
  FileSource source;
  std::string folder = "long";
  for (int i = 0; i < 3; ++i) {
    REQUIRE(::mkdir(source.folder.path(folder).c_str(), 0755) == 0);
    folder += "/" + std::string(200, 'x');
  }
  source.set("include", source.folder.path("long/**/*.log"));
  source.folder.append("long/" + std::string(200, 'x') + "/" + std::string(200, 'x') + "/" +
                           std::string(100, 'y') + ".log",
                       "never\n");
  source.folder.append("long/short.log", "read\n");
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"read"});
  CHECK(source.logged("a path may have 440 bytes") == 1);
}

TEST_CASE("a position that cannot be understood is told, and the file is read anew",
          "[plugins][file]") {
  FileSource source;
  source.folder.append("app.log", "1\n");
  source.start();
  source.poll();
  source.stored.begin()->second.state = "something else";
  source.start();
  source.poll();
  CHECK(source.lines == Lines{"1", "1"});
  CHECK(source.logged("was written by another version of this source") == 1);
}

}  // namespace
