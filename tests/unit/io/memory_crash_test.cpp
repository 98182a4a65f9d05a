#include <set>
#include <string>
#include <thread>

#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/io/memory_support.hpp"

namespace io = kifa::io;
using io::WriteMode;
using kifa::as_byte_view;
using kifa::test::content;
using kifa::test::open_file;
using kifa::test::sectors;
using kifa::test::write;

namespace {

constexpr std::uint64_t kSeeds = 400;

// A file of `old` letters that is safe on the disk, open for more.
class SettledFile {
 public:
  explicit SettledFile(std::size_t sector_count) {
    REQUIRE(files.make_directory("/d", 0700).is_ok());
    file = open_file(files, "/d/a");
    write(*file, 0, sectors(sector_count, 'o'));
    REQUIRE(file->sync_all().is_ok());
    REQUIRE(files.sync_directory("/d").is_ok());
    REQUIRE(files.sync_directory("/").is_ok());
    files.restart_trace();
  }

  // Every content that a crash after the last event leaves.
  [[nodiscard]] std::set<std::string> outcomes(const std::string& path = "/d/a") const {
    const io::Trace trace = files.trace();
    std::set<std::string> found;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      found.insert(content(*io::crash_after(trace, trace.events.size() - 1, seed), path));
    }
    return found;
  }

  io::MemoryFileSystem files;
  std::unique_ptr<io::File> file;
};

using Outcomes = std::set<std::string>;

}  // namespace

TEST_CASE("an unsynced write may be there or not after a power cut", "[io][memory][crash]") {
  const SettledFile settled(1);
  write(*settled.file, 0, sectors(1, 'n'));
  CHECK(settled.outcomes() == Outcomes{sectors(1, 'o'), sectors(1, 'n')});
}

TEST_CASE("an unsynced write tears at its sectors", "[io][memory][crash]") {
  const SettledFile settled(3);
  write(*settled.file, 0, sectors(3, 'n'));
  Outcomes all;
  for (const char a : {'o', 'n'}) {
    for (const char b : {'o', 'n'}) {
      for (const char c : {'o', 'n'}) {
        all.insert(sectors(1, a) + sectors(1, b) + sectors(1, c));
      }
    }
  }
  CHECK(settled.outcomes() == all);
}

TEST_CASE("a sync makes the writes before it certain and no later one", "[io][memory][crash]") {
  const SettledFile settled(2);
  write(*settled.file, 0, sectors(1, 'n'));
  REQUIRE(settled.file->sync_data().is_ok());
  CHECK(settled.outcomes() == Outcomes{sectors(1, 'n') + sectors(1, 'o')});
  write(*settled.file, 512, sectors(1, 'm'));
  CHECK(settled.outcomes() ==
        Outcomes{sectors(1, 'n') + sectors(1, 'o'), sectors(1, 'n') + sectors(1, 'm')});
}

TEST_CASE("a sync covers only its own file", "[io][memory][crash]") {
  SettledFile settled(1);
  const auto other = open_file(settled.files, "/d/b");
  REQUIRE(settled.files.sync_directory("/d").is_ok());
  write(*settled.file, 0, sectors(1, 'n'));
  REQUIRE(other->sync_data().is_ok());
  CHECK(settled.outcomes().size() == 2);
}

TEST_CASE("a durable write makes itself certain and nothing else", "[io][memory][crash]") {
  const SettledFile settled(2);
  write(*settled.file, 0, sectors(1, 'n'));
  write(*settled.file, 512, sectors(1, 'd'), WriteMode::durable);
  CHECK(settled.outcomes() ==
        Outcomes{sectors(1, 'o') + sectors(1, 'd'), sectors(1, 'n') + sectors(1, 'd')});
}

TEST_CASE("a later durable write wins over an earlier uncertain one", "[io][memory][crash]") {
  const SettledFile settled(2);
  write(*settled.file, 0, sectors(2, 'n'));
  write(*settled.file, 0, sectors(1, 'd'), WriteMode::durable);
  CHECK(settled.outcomes() ==
        Outcomes{sectors(1, 'd') + sectors(1, 'o'), sectors(1, 'd') + sectors(1, 'n')});
}

TEST_CASE("a durable write in flight is as uncertain as any other", "[io][memory][crash]") {
  SettledFile settled(1);
  const auto gate = settled.files.hold([](const io::CallInfo&) { return true; });
  std::thread writer([&] { write(*settled.file, 0, sectors(1, 'n'), WriteMode::durable); });
  gate->wait_until_held();
  CHECK(settled.outcomes() == Outcomes{sectors(1, 'o'), sectors(1, 'n')});
  gate->release();
  writer.join();
  CHECK(settled.outcomes() == Outcomes{sectors(1, 'n')});
}

TEST_CASE("a sync does not cover a write that returned after it began", "[io][memory][crash]") {
  SettledFile settled(1);
  const auto gate = settled.files.hold(
      [](const io::CallInfo& call) { return call.kind == io::CallKind::sync_data; });
  std::thread syncer([&] { CHECK(settled.file->sync_data().is_ok()); });
  gate->wait_until_held();
  write(*settled.file, 0, sectors(1, 'n'));
  gate->release();
  syncer.join();
  CHECK(settled.outcomes() == Outcomes{sectors(1, 'o'), sectors(1, 'n')});
}

TEST_CASE("two small writes to one sector cannot arrive in the wrong order",
          "[io][memory][crash]") {
  const SettledFile settled(1);
  write(*settled.file, 0, "1");
  write(*settled.file, 10, "2");
  const std::string old = sectors(1, 'o');
  std::string first = old;
  first[0] = '1';
  std::string both = first;
  both[10] = '2';
  CHECK(settled.outcomes() == Outcomes{old, first, both});
}

TEST_CASE("a file is as long as what survives of it", "[io][memory][crash]") {
  const SettledFile settled(1);
  write(*settled.file, 512, sectors(1, 'n'));
  write(*settled.file, 1024, "end");
  Outcomes lengths;
  for (const std::string& outcome : settled.outcomes()) {
    lengths.insert(std::to_string(outcome.size()));
    CHECK(outcome.substr(0, 512) == sectors(1, 'o'));
  }
  CHECK(lengths == Outcomes{"512", "1024", "1027"});
  // A missing middle reads as zeros; a length may survive without its data.
  CHECK(settled.outcomes().contains(sectors(1, 'o') + sectors(1, '\0') + "end"));
  CHECK(settled.outcomes().contains(sectors(1, 'o') + sectors(1, '\0')));
}

TEST_CASE("a change of size is uncertain until a sync", "[io][memory][crash]") {
  const SettledFile settled(2);
  REQUIRE(settled.file->resize(512).is_ok());
  CHECK(settled.outcomes() == Outcomes{sectors(2, 'o'), sectors(1, 'o')});
  REQUIRE(settled.file->sync_data().is_ok());
  CHECK(settled.outcomes() == Outcomes{sectors(1, 'o')});
}

TEST_CASE("a new name is uncertain until its directory is synced, the data until the file is",
          "[io][memory][crash]") {
  SettledFile settled(1);
  const auto file = open_file(settled.files, "/d/new");
  write(*file, 0, sectors(1, 'n'));
  CHECK(settled.outcomes("/d/new") == Outcomes{"missing", "", sectors(1, 'n'), sectors(1, '\0')});
  REQUIRE(file->sync_data().is_ok());
  CHECK(settled.outcomes("/d/new") == Outcomes{"missing", sectors(1, 'n')});
  REQUIRE(settled.files.sync_directory("/d").is_ok());
  CHECK(settled.outcomes("/d/new") == Outcomes{sectors(1, 'n')});
}

TEST_CASE("a rename is one step and uncertain until its directory is synced",
          "[io][memory][crash]") {
  SettledFile settled(1);
  const auto file = open_file(settled.files, "/d/new");
  write(*file, 0, "new");
  REQUIRE(file->sync_data().is_ok());
  REQUIRE(settled.files.sync_directory("/d").is_ok());
  REQUIRE(settled.files.rename("/d/new", "/d/a").is_ok());
  const io::Trace trace = settled.files.trace();
  Outcomes seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto image = io::crash_after(trace, trace.events.size() - 1, seed);
    seen.insert(content(*image, "/d/a").substr(0, 3) + "," + content(*image, "/d/new"));
  }
  CHECK(seen == Outcomes{"ooo,new", "new,missing"});
  REQUIRE(settled.files.sync_directory("/d").is_ok());
  CHECK(settled.outcomes() == Outcomes{"new"});
}

TEST_CASE("names are lost independently of each other", "[io][memory][crash]") {
  SettledFile settled(1);
  REQUIRE(settled.files.link("/d/a", "/d/b").is_ok());
  REQUIRE(settled.files.remove("/d/a").is_ok());
  open_file(settled.files, "/d/c");
  const io::Trace trace = settled.files.trace();
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto image = io::crash_after(trace, trace.events.size() - 1, seed);
    std::string names;
    const auto entries = image->list("/d");
    for (const auto& entry : *entries) {
      names += entry.name;
    }
    seen.insert(names);
  }
  CHECK(seen == std::set<std::string>{"a", "", "ab", "b", "ac", "c", "abc", "bc"});
  REQUIRE(settled.files.sync_directory("/d").is_ok());
  CHECK(settled.outcomes("/d/a") == Outcomes{"missing"});
  CHECK(settled.outcomes("/d/b") == Outcomes{sectors(1, 'o')});
}

TEST_CASE("a directory that was not synced into its parent takes its files with it",
          "[io][memory][crash]") {
  SettledFile settled(1);
  REQUIRE(settled.files.make_directory("/d/e", 0700).is_ok());
  const auto file = open_file(settled.files, "/d/e/f");
  REQUIRE(settled.files.sync_directory("/d/e").is_ok());
  CHECK(settled.outcomes("/d/e/f") == Outcomes{"missing", ""});
  REQUIRE(settled.files.sync_directory("/d").is_ok());
  CHECK(settled.outcomes("/d/e/f") == Outcomes{""});
}

TEST_CASE("a crash may happen after any event of a trace", "[io][memory][crash]") {
  SettledFile settled(1);
  write(*settled.file, 0, sectors(1, '1'), WriteMode::durable);  // events 0 and 1
  CHECK(settled.files.note(7, 42) == 2);
  write(*settled.file, 0, sectors(1, '2'), WriteMode::durable);  // events 3 and 4
  const io::Trace trace = settled.files.trace();
  REQUIRE(trace.events.size() == 5);
  CHECK(trace.events[2].note_kind == 7);
  CHECK(trace.events[2].note_value == 42);
  CHECK(content(*io::crash_after(trace, 0, 0), "/d/a") == sectors(1, 'o'));
  CHECK(content(*io::crash_after(trace, 0, 1), "/d/a") == sectors(1, '1'));
  CHECK(content(*io::crash_after(trace, 1, 0), "/d/a") == sectors(1, '1'));
  CHECK(content(*io::crash_after(trace, 2, 0), "/d/a") == sectors(1, '1'));
  CHECK(content(*io::crash_after(trace, 3, 1), "/d/a") == sectors(1, '2'));
  CHECK(content(*io::crash_after(trace, 4, 0), "/d/a") == sectors(1, '2'));

  io::CrashPoints points(trace);
  CHECK_FALSE(points.has_choice());
  points.advance();
  CHECK(points.has_choice());
  std::uint64_t none = 0;
  std::uint64_t all = 0;
  std::uint64_t none_again = 0;
  const auto a = points.power_cut(0, &none);
  const auto b = points.power_cut(1, &all);
  const auto c = points.power_cut(4, &none_again);
  CHECK(none != all);
  CHECK(none == none_again);
}

TEST_CASE("after a kill everything is there that had returned", "[io][memory][crash]") {
  SettledFile settled(2);
  write(*settled.file, 0, sectors(1, '1'));
  open_file(settled.files, "/d/new");
  const auto gate = settled.files.hold([](const io::CallInfo&) { return true; });
  std::thread writer([&] { write(*settled.file, 512, sectors(1, '2')); });
  gate->wait_until_held();
  const io::Trace trace = settled.files.trace();
  gate->release();
  writer.join();
  Outcomes seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto image = io::kill_after(trace, trace.events.size() - 1, seed);
    CHECK(content(*image, "/d/new").empty());
    seen.insert(content(*image, "/d/a"));
  }
  CHECK(seen == Outcomes{sectors(1, '1') + sectors(1, 'o'), sectors(1, '1') + sectors(1, '2')});
}

TEST_CASE("what a kill leaves unsynced is lost by a later power cut", "[io][memory][crash]") {
  const SettledFile settled(1);
  write(*settled.file, 0, sectors(1, 'n'));
  const io::Trace trace = settled.files.trace();
  const auto killed = io::kill_after(trace, trace.events.size() - 1, 0);
  CHECK(content(*killed, "/d/a") == sectors(1, 'n'));
  killed->note(0, 0);
  CHECK(content(*io::crash_after(killed->trace(), 0, 0), "/d/a") == sectors(1, 'o'));
  REQUIRE(open_file(*killed, "/d/a", {})->sync_data().is_ok());
  const io::Trace synced = killed->trace();
  CHECK(content(*io::crash_after(synced, synced.events.size() - 1, 0), "/d/a") == sectors(1, 'n'));
}

TEST_CASE("an image is a disk of its own", "[io][memory][crash]") {
  SettledFile settled(1);
  const std::size_t last = settled.files.note(0, 0);
  const auto image = io::crash_after(settled.files.trace(), last, 0);
  write(*open_file(*image, "/d/a"), 0, sectors(1, 'n'));
  REQUIRE(image->flip_bit("/d/a", 8).is_ok());
  CHECK(content(settled.files, "/d/a") == sectors(1, 'o'));
  CHECK(content(*image, "/d/a") != sectors(1, 'n'));
  CHECK_FALSE(open_file(*image, "/d/a")->is_locked().value());
}

TEST_CASE("after a kill the calls of the next process are not taken for those of the last",
          "[io][memory][crash]") {
  SettledFile settled(4);
  const std::uint64_t calls = settled.files.call_count();
  for (char letter = 'a'; letter < 'a' + 8; ++letter) {
    write(*settled.file, 0, sectors(2, letter));
  }
  const io::Trace trace = settled.files.trace();
  const auto killed = io::kill_after(trace, trace.events.size() - 1, 0);
  const auto file = open_file(*killed, "/d/a");
  for (std::uint64_t i = 0; i < calls + 16; ++i) {
    write(*file, 512, sectors(1, 'z'), WriteMode::durable);
    CHECK(content(*killed, "/d/a").substr(512, 512) == sectors(1, 'z'));
  }
  const io::Trace next = killed->trace();
  const auto image = io::crash_after(next, next.events.size() - 1, 0);
  CHECK(content(*image, "/d/a") == sectors(1, 'o') + sectors(1, 'z') + sectors(2, 'o'));
}

TEST_CASE("a power cut may spoil a sector that was being written, and no other",
          "[io][memory][crash]") {
  SettledFile settled(4);
  settled.files.set_options({.spoils_sectors = true, .facts = {}});
  write(*settled.file, 512, sectors(2, 'n'));
  bool is_spoilt = false;
  for (const std::string& outcome : settled.outcomes()) {
    CHECK(outcome.substr(0, 512) == sectors(1, 'o'));
    CHECK(outcome.substr(1536) == sectors(1, 'o'));
    for (const std::size_t at : {std::size_t{512}, std::size_t{1024}}) {
      const std::string sector = outcome.substr(at, 512);
      is_spoilt = is_spoilt || (sector != sectors(1, 'o') && sector != sectors(1, 'n'));
    }
  }
  CHECK(is_spoilt);
}
