#include "core/store/cursors.hpp"

#include <cerrno>
#include <string>

#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"

using namespace kifa;         // NOLINT: a test
using namespace kifa::store;  // NOLINT: a test

namespace {

const std::string kDirectory = "/store";

struct Disk {
  Disk() {
    REQUIRE(files.make_directory(kDirectory, 0700).is_ok());
    REQUIRE(files.sync_directory("/").is_ok());
  }
  void set(const Cursor& cursor) {
    const Status status = set_cursor(files, kDirectory, cursor);
    INFO(status.message());
    REQUIRE(status.is_ok());
  }
  CursorList list(io::FileSystem& where) const {
    auto found = list_cursors(where, kDirectory);
    INFO(found.status().message());
    REQUIRE(found.has_value());
    return std::move(*found);
  }
  CursorList list() { return list(files); }
  io::MemoryFileSystem files;
};

const Cursor kForward{.name = "head-office", .kind = CursorKind::cursor, .lsn = {41}};
const Cursor kHold{
    .name = "export.1", .kind = CursorKind::hold, .lsn = {30}, .deadline_unix_ns = 1000};

}  // namespace

TEST_CASE("cursors and holds are listed as they were set", "[store][cursors]") {
  Disk disk;
  CHECK(disk.list().cursors.empty());
  disk.set(kForward);
  disk.set(kHold);
  CHECK(disk.list().cursors == std::vector<Cursor>{kHold, kForward});
  Cursor further = kForward;
  further.lsn = {50};
  disk.set(further);
  CHECK(disk.list().cursors == std::vector<Cursor>{kHold, further});
  REQUIRE(remove_cursor(disk.files, kDirectory, "export.1").is_ok());
  CHECK(disk.list().cursors == std::vector<Cursor>{further});
  CHECK(remove_cursor(disk.files, kDirectory, "export.1").code() == Code::not_found);
}

TEST_CASE("names that are no cursor's are refused", "[store][cursors]") {
  CHECK(is_cursor_name("A-z_0.9"));
  CHECK(is_cursor_name(std::string(64, 'x')));
  Disk disk;
  for (const std::string& name :
       {std::string(), std::string(65, 'x'), std::string(".hidden"), std::string("a/b"),
        std::string("a b"), std::string("ä"), std::string(".."), std::string("a.tmp"),
        std::string("a\0b", 3)}) {
    Cursor cursor = kForward;
    cursor.name = name;
    CHECK(set_cursor(disk.files, kDirectory, cursor).code() == Code::invalid);
    CHECK(remove_cursor(disk.files, kDirectory, name).code() == Code::invalid);
  }
  CHECK_FALSE(disk.files.info("/store/cursors").has_value());
}

TEST_CASE("the lowest needed LSN is that of the slowest cursor or hold", "[store][cursors]") {
  CursorList list;
  CHECK_FALSE(lowest_needed_lsn(list, 1).has_value());
  list.cursors = {kForward};
  CHECK(lowest_needed_lsn(list, 1) == Lsn{42});
  list.cursors = {kForward, kHold};
  CHECK(lowest_needed_lsn(list, 999) == Lsn{30});
  CHECK(lowest_needed_lsn(list, 1000) == Lsn{42});
  CHECK(lowest_needed_lsn(list, std::nullopt) == Lsn{30});
  list.cursors = {kHold};
  CHECK_FALSE(lowest_needed_lsn(list, 1000).has_value());
  list.damaged = {{"x", "its checksum does not hold"}};
  CHECK(lowest_needed_lsn(list, 1000) == Lsn{0});
}

TEST_CASE("who needs what is lowest is told by name, a damaged file with why", "[store][cursors]") {
  CursorList list;
  CHECK_FALSE(lowest_need(list, 1).has_value());
  list.cursors = {kForward, kHold};
  CHECK(lowest_need(list, 999)->who == "hold `" + kHold.name + "` needs LSN 30 and what follows");
  CHECK(lowest_need(list, 1000)->who ==
        "cursor `" + kForward.name + "` needs LSN 42 and what follows");
  CHECK(has_expired(kHold, 1000));
  CHECK_FALSE(has_expired(kHold, 999));
  CHECK_FALSE(has_expired(kHold, std::nullopt));  // a clock that is not believed
  CHECK_FALSE(has_expired(kForward, 1000));
  list.damaged = {{"x", "its checksum does not hold"}};
  CHECK(lowest_need(list, 1000)->who ==
        "cursors/x cannot be read and so keeps everything (its checksum does not hold)");
}

TEST_CASE("every changed bit of a hold makes it hold everything", "[store][cursors]") {
  Disk disk;
  disk.set(kForward);
  disk.set(kHold);
  const std::string path = "/store/cursors/" + kHold.name;
  const auto bytes = disk.files.content(path);
  REQUIRE(bytes.has_value());
  for (std::uint64_t bit = 0; bit < 8 * bytes->size(); ++bit) {
    REQUIRE(disk.files.flip_bit(path, bit).is_ok());
    const CursorList list = disk.list();
    REQUIRE(list.damaged.size() == 1);
    REQUIRE(list.damaged[0].name == kHold.name);
    REQUIRE(list.cursors == std::vector<Cursor>{kForward});
    REQUIRE(lowest_needed_lsn(list, 5000) == Lsn{0});
    REQUIRE(disk.files.flip_bit(path, bit).is_ok());
  }
  CHECK(disk.list().damaged.empty());
}

TEST_CASE("foreign and unreadable files are told and left alone", "[store][cursors]") {
  Disk disk;
  disk.set(kForward);
  REQUIRE(disk.files.make_directory("/store/cursors/folder", 0700).is_ok());
  for (const char* name : {".swp", "a b", "empty", "old.tmp"}) {
    REQUIRE(disk.files
                .open(std::string("/store/cursors/") + name,
                      {.access = io::Access::read_write, .create = true})
                .has_value());
  }
  // Once is no damage: it is read again.
  disk.files.add_fault({.kind = io::CallKind::read, .path_contains = kForward.name});
  CHECK(disk.list().cursors.size() == 1);
  disk.files.add_fault(
      {.kind = io::CallKind::read, .path_contains = kForward.name, .is_lasting = true});
  const CursorList list = disk.list();
  CHECK(list.cursors.empty());
  CHECK(list.foreign == std::vector<std::string>{".swp", "a b", "folder"});
  CHECK(list.unfinished == std::vector<std::string>{"old.tmp"});
  REQUIRE(list.damaged.size() == 2);
  CHECK(list.damaged[0].name == "empty");
  CHECK(list.damaged[1].name == kForward.name);
  disk.files.clear_faults();
  REQUIRE(remove_cursor(disk.files, kDirectory, "empty").is_ok());
  CHECK(disk.list().damaged.empty());
}

TEST_CASE("there is a limit to the number of cursors", "[store][cursors]") {
  Disk disk;
  disk.set(kForward);
  for (std::size_t i = 1; i < kCursorsMax; ++i) {
    REQUIRE(disk.files
                .open("/store/cursors/f" + std::to_string(i),
                      {.access = io::Access::read_write, .create = true})
                .has_value());
  }
  disk.set(kForward);  // replacing is always possible
  CHECK(set_cursor(disk.files, kDirectory, kHold).code() == Code::no_space);
}

TEST_CASE("a failure of any call leaves the old or the new cursor", "[store][cursors]") {
  for (const auto effect : {io::FaultEffect::fail, io::FaultEffect::fail_partly}) {
    for (const bool is_lasting : {false, true}) {
      bool has_struck = true;
      for (std::uint64_t index = 0; has_struck; ++index) {
        Disk disk;
        Cursor cursor = kForward;
        disk.set(cursor);
        cursor.lsn = {99};
        disk.files.add_fault({.effect = effect, .index = index, .is_lasting = is_lasting});
        const Status status = set_cursor(disk.files, kDirectory, cursor);
        has_struck = disk.files.faults_fired() > 0;
        disk.files.clear_faults();
        const CursorList list = disk.list();
        INFO("call " << index << ": " << status.message());
        REQUIRE(list.damaged.empty());
        REQUIRE(list.cursors.size() == 1);
        REQUIRE((list.cursors[0] == cursor || (!status && list.cursors[0] == kForward)));
        disk.set(cursor);
        REQUIRE(disk.list().cursors == std::vector<Cursor>{cursor});
        REQUIRE(disk.list().unfinished.empty());
      }
    }
  }
}

TEST_CASE("a power cut while a cursor is set leaves the old or the new one",
          "[store][cursors][crash]") {
  Disk disk;
  disk.set(kHold);
  disk.files.restart_trace();
  Cursor later = kHold;
  later.lsn = {35};
  disk.set(later);
  const io::Trace trace = disk.files.trace();
  io::CrashPoints points(trace);
  for (;;) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const io::CrashImage image = points.power_cut(seed);
      const CursorList list = disk.list(*image);
      INFO("after " << points.passed() << " events, seed " << seed);
      REQUIRE(list.damaged.empty());
      REQUIRE(list.cursors.size() == 1);
      REQUIRE((list.cursors[0] == later || (list.cursors[0] == kHold && !points.at_end())));
    }
    if (points.at_end()) {
      break;
    }
    points.advance();
  }
}

TEST_CASE("the first cursor of all survives a power cut once it is set",
          "[store][cursors][crash]") {
  Disk disk;
  disk.files.restart_trace();
  disk.set(kHold);
  const io::Trace trace = disk.files.trace();
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const io::CrashImage image = io::crash_after(trace, trace.events.size() - 1, seed);
    REQUIRE(disk.list(*image).cursors == std::vector<Cursor>{kHold});
  }
}
