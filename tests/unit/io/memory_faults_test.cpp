#include <cerrno>
#include <string>
#include <thread>

#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/io/memory_support.hpp"

namespace io = kifa::io;
using io::CallKind;
using io::FaultEffect;
using kifa::as_byte_view;
using kifa::test::content;
using kifa::test::kCreate;
using kifa::test::open_file;
using kifa::test::read;
using kifa::test::sectors;
using kifa::test::write;

namespace {

int error_of_write(io::File& file, std::uint64_t offset, std::string_view text) {
  return file.write_at(as_byte_view(text), offset, io::WriteMode::buffered).status().sys_errno();
}

}  // namespace

TEST_CASE("calls are counted, in all and by kind", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  write(*file, 0, "x");
  CHECK(file->sync_data().is_ok());
  CHECK(file->sync_all().is_ok());
  read(*file, 0, 1);
  CHECK_FALSE(files.info("/missing").has_value());
  CHECK(files.call_count() == 6);
  CHECK(files.call_count(CallKind::open) == 1);
  CHECK(files.call_count(CallKind::write) == 1);
  CHECK(files.call_count(CallKind::sync_data) == 1);
  CHECK(files.call_count(CallKind::sync_all) == 1);
  CHECK(files.call_count(CallKind::info) == 1);
}

TEST_CASE("a fault strikes the call with its number, once or from then on",
          "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  files.add_fault({.sys_errno = ENOSPC, .kind = CallKind::write, .index = 1});
  CHECK(error_of_write(*file, 0, "a") == 0);
  CHECK(file->sync_data().is_ok());
  CHECK(error_of_write(*file, 1, "b") == ENOSPC);
  CHECK(error_of_write(*file, 1, "c") == 0);
  CHECK(content(files, "/a") == "ac");
  CHECK(files.faults_fired() == 1);
  files.add_fault({.index = 1, .is_lasting = true});
  CHECK(error_of_write(*file, 2, "d") == 0);
  CHECK(error_of_write(*file, 3, "e") == EIO);
  CHECK(file->info().error().sys_errno() == EIO);
  CHECK(files.open("/b", kCreate).error().message() == "cannot open /b: Input/output error");
  files.clear_faults();
  CHECK(error_of_write(*file, 3, "f") == 0);
  CHECK(content(files, "/a") == "acdf");
}

TEST_CASE("every kind of call can be made to fail and then changes nothing",
          "[io][memory][faults]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/d", 0700).is_ok());
  const auto file = open_file(files, "/a");
  write(*file, 0, "abc");
  files.restart_trace();
  files.add_fault({.sys_errno = EDQUOT, .is_lasting = true});
  const auto fails = [](const kifa::Status& status) { return status.sys_errno() == EDQUOT; };
  CHECK(fails(files.open("/b", kCreate).status()));
  std::byte one{};
  CHECK(fails(file->read_at({&one, 1}, 0).status()));
  CHECK(fails(file->sync_data()));
  CHECK(fails(file->sync_all()));
  CHECK(fails(file->resize(1)));
  CHECK(fails(file->info().status()));
  CHECK(fails(file->try_lock_exclusive().status()));
  CHECK(fails(file->is_locked().status()));
  CHECK(fails(files.make_directory("/e", 0700)));
  CHECK(fails(files.rename("/a", "/b")));
  CHECK(fails(files.link("/a", "/b")));
  CHECK(fails(files.remove("/a")));
  CHECK(fails(files.sync_directory("/")));
  CHECK(fails(files.list("/").status()));
  CHECK(fails(files.info("/a").status()));
  CHECK(fails(files.facts("/").status()));
  files.clear_faults();
  CHECK_FALSE(files.is_changed());
  CHECK(files.list("/")->size() == 2);
  CHECK(content(files, "/a") == "abc");
}

TEST_CASE("a fault may be limited to some paths", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto a = open_file(files, "/wal-1");
  const auto b = open_file(files, "/STATUS");
  files.add_fault({.path_contains = "wal-", .is_lasting = true});
  CHECK(error_of_write(*b, 0, "b") == 0);
  CHECK(error_of_write(*a, 0, "a") == EIO);
}

TEST_CASE("a fault may be limited by a condition", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  files.add_fault({.matches = [](const io::CallInfo& call) { return call.offset >= 100; }});
  CHECK(error_of_write(*file, 0, "a") == 0);
  CHECK(error_of_write(*file, 100, "a") == EIO);
}

TEST_CASE("a short write leaves half of its blocks", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  files.add_fault({.effect = FaultEffect::short_write, .is_lasting = true});
  const auto shortened = [&](std::size_t bytes) {
    return file->write_at(as_byte_view(std::string(bytes, 'x')), 0, io::WriteMode::buffered)
        .value();
  };
  CHECK(shortened(3 * 4096) == 4096);
  CHECK(shortened(4 * 4096) == 8192);
  CHECK(shortened(4096) == 2048);
  CHECK(shortened(64) == 32);
  CHECK(content(files, "/a") == std::string(8192, 'x'));
}

TEST_CASE("a write may fail after a part of it has arrived", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  files.add_fault({.effect = FaultEffect::fail_partly, .kind = CallKind::write});
  CHECK(error_of_write(*file, 0, std::string(8192, 'x')) == EIO);
  CHECK(content(files, "/a") == std::string(4096, 'x'));
}

TEST_CASE("a change of names may happen and still be reported as failed", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  open_file(files, "/a");
  files.add_fault({.effect = FaultEffect::fail_partly, .kind = CallKind::rename});
  CHECK(files.rename("/a", "/b").sys_errno() == EIO);
  CHECK(files.info("/b").has_value());
}

TEST_CASE("a failed sync loses its writes on the disk and shows them in the cache",
          "[io][memory][faults]") {
  io::MemoryFileSystem files({.facts = {.block_bytes = 512}});
  const auto cached = open_file(files, "/a");
  write(*cached, 0, sectors(2, 'o'));
  REQUIRE(cached->sync_data().is_ok());
  REQUIRE(files.sync_directory("/").is_ok());
  write(*cached, 0, sectors(1, 'n'));
  files.add_fault({.kind = CallKind::sync_data});
  CHECK(cached->sync_data().sys_errno() == EIO);
  write(*cached, 512, sectors(1, 'm'));
  CHECK(cached->sync_data().is_ok());  // although the first sector is lost
  CHECK(read(*cached, 0, 1024) == sectors(1, 'n') + sectors(1, 'm'));

  const auto direct = open_file(files, "/a", {.direct = true});
  const io::AlignedBuffer buffer(1024);
  REQUIRE(direct->read_at(buffer.span(), 0).value() == 1024);
  CHECK(kifa::as_text(buffer.span()) == sectors(1, 'o') + sectors(1, 'm'));

  const io::Trace trace = files.trace();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto image = io::crash_after(trace, trace.events.size() - 1, seed);
    CHECK(content(*image, "/a") == sectors(1, 'o') + sectors(1, 'm'));
  }
  const auto killed = io::kill_after(trace, trace.events.size() - 1, 0);
  CHECK(content(*killed, "/a") == sectors(1, 'n') + sectors(1, 'm'));
}

TEST_CASE("a sync may fail and leave its writes uncertain", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  REQUIRE(files.sync_directory("/").is_ok());
  write(*file, 0, sectors(1, 'n'));
  files.add_fault({.effect = FaultEffect::fail_partly, .kind = CallKind::sync_data});
  CHECK(file->sync_data().sys_errno() == EIO);
  const io::Trace trace = files.trace();
  CHECK(content(*io::crash_after(trace, trace.events.size() - 1, 0), "/a").empty());
  CHECK(content(*io::crash_after(trace, trace.events.size() - 1, 1), "/a") == sectors(1, 'n'));
}

TEST_CASE("a gate holds one write so that another can overtake it", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  const auto gate = files.hold([](const io::CallInfo& call) { return call.offset == 0; });
  std::thread first([&] { CHECK(error_of_write(*file, 0, "1") == 0); });
  gate->wait_until_held();
  CHECK(gate->is_held());
  write(*file, 1, "2");
  CHECK(content(files, "/a") == std::string("\0"
                                            "2",
                                            2));
  gate->release();
  first.join();
  CHECK(content(files, "/a") == "12");
  write(*file, 0, "3");  // a gate holds once
  CHECK(content(files, "/a") == "32");
}

TEST_CASE("a test can wait for an event of another thread", "[io][memory]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  // Checked behind the join: Catch2's own checks are for one thread at a time.
  kifa::Result<std::size_t> written = 0;
  std::thread writer(
      [&] { written = file->write_at(kifa::as_byte_view("1"), 0, io::WriteMode::buffered); });
  files.wait_for_event(
      [](const io::TraceEvent& event) { return event.kind == io::TraceKind::write_end; });
  CHECK(content(files, "/a") == "1");
  writer.join();
  CHECK(written.has_value());
}

TEST_CASE("two writes in flight may fail each for itself", "[io][memory][faults]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  const auto gate = files.hold([](const io::CallInfo& call) { return call.offset == 0; });
  files.add_fault({.matches = [](const io::CallInfo& call) { return call.offset == 0; }});
  int first_error = 0;
  std::thread first([&] { first_error = error_of_write(*file, 0, "1"); });
  gate->wait_until_held();
  CHECK(error_of_write(*file, 1, "2") == 0);
  gate->release();
  first.join();
  CHECK(first_error == EIO);
}
