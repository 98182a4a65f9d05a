#include "core/store/segment_pool.hpp"

#include <cerrno>
#include <thread>

#include "core/io/memory_file_system.hpp"
#include "core/store/log_scan_path.hpp"
#include "tests/support/catch.hpp"

namespace kifa::store {
namespace {

TEST_CASE("a segment that is given back while a spare is filled keeps the numbers in order",
          "[store][pool]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  SegmentPool pool(files, {.directory = "/store", .segment_bytes = 1_MiB});
  REQUIRE(pool.make_one().value());
  const auto used = pool.take();
  REQUIRE(used.has_value());

  const auto is_fill = [](const io::CallInfo& call) {
    return call.kind == io::CallKind::write && call.path.ends_with(".tmp");
  };
  const auto gate = files.hold(is_fill);
  std::thread filler([&pool] { CHECK(pool.make_one().value()); });
  gate->wait_until_held();
  REQUIRE(pool.give_back(used->number, 1_MiB).is_ok());
  const auto first = pool.take();
  REQUIRE(first.has_value());
  CHECK(first->number > used->number);
  gate->release();
  filler.join();
  const auto second = pool.take();
  REQUIRE(second.has_value());
  CHECK(second->number > first->number);
}

TEST_CASE("the writer waits when the log has as many segments as may wait for tables",
          "[store][pool]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  SegmentPool pool(files, {.directory = "/store",
                           .segment_bytes = 1_MiB,
                           .used_segments = 1,
                           .backlog_segments_max = 2});
  REQUIRE(pool.make_one().value());
  CHECK(pool.has_backlog_room());
  const auto spare = pool.take();
  REQUIRE(spare.has_value());
  CHECK_FALSE(pool.has_backlog_room());
  REQUIRE(pool.give_back(spare->number, 1_MiB).is_ok());
  CHECK(pool.has_backlog_room());
  CHECK(pool.spare_count() == 1);
}

TEST_CASE("in a burst several spares are made ahead, and tables wait until little is left",
          "[store][pool]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  SegmentPool pool(files,
                   {.directory = "/store", .segment_bytes = 1_MiB, .backlog_segments_max = 3});
  REQUIRE(pool.make_one().value());
  CHECK_FALSE(pool.make_one().value());
  CHECK_FALSE(pool.has_burst());
  pool.hurry();
  CHECK(pool.has_burst());
  while (pool.make_one().value()) {
  }
  CHECK(pool.spare_count() == 5);
  REQUIRE(pool.take().has_value());
  CHECK(pool.has_burst());
  REQUIRE(pool.take().has_value());
  CHECK_FALSE(pool.has_burst());
}

TEST_CASE("a stock that the budget does not allow is no failure", "[store][pool]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  SegmentPool pool(files,
                   {.directory = "/store", .segment_bytes = 1_MiB, .disk_budget_bytes = 3_MiB});
  pool.hurry();
  while (pool.make_one().value()) {
  }
  CHECK(pool.spare_count() > 0);
  CHECK(pool.spare_count() < 5);
  CHECK(pool.failure().is_ok());
}

TEST_CASE("as many segments that come back are kept as were asked for", "[store][pool]") {
  const auto wanted = GENERATE(std::size_t{1}, std::size_t{3});
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  SegmentPool pool(files, {.directory = "/store", .segment_bytes = 1_MiB, .spares_max = wanted});
  std::vector<std::uint64_t> used;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(pool.make_one().value());
    used.push_back(pool.take()->number);
  }
  for (const std::uint64_t number : used) {
    REQUIRE(pool.give_back(number, 1_MiB).is_ok());
  }
  CHECK(pool.spare_count() == wanted);
  CHECK(pool.file_bytes() == wanted * 1_MiB);
}

TEST_CASE("of a pool that is trimmed the first spare stays", "[store][pool]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  SegmentPool pool(files, {.directory = "/store", .segment_bytes = 1_MiB});
  pool.hurry();
  while (pool.make_one().value()) {
  }
  const std::uint64_t bytes = pool.file_bytes();
  pool.trim();
  CHECK(pool.spare_count() == 1);
  CHECK(pool.file_bytes() == bytes - 4_MiB);
  CHECK(files.info(segment_path("/store", 1)).has_value());
  CHECK_FALSE(files.info(segment_path("/store", 2)).has_value());
}

TEST_CASE("what is given back beyond the budget is removed", "[store][pool]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  SegmentPool pool(files,
                   {.directory = "/store", .segment_bytes = 1_MiB, .disk_budget_bytes = 8_MiB});
  REQUIRE(pool.make_one().value());
  const auto spare = pool.take();
  REQUIRE(spare.has_value());
  pool.add_bytes(7'500'000);  // tables
  REQUIRE(pool.give_back(spare->number, 1_MiB).is_ok());
  CHECK(pool.spare_count() == 0);
  CHECK_FALSE(files.info(segment_path("/store", spare->number)).has_value());
  CHECK(pool.make_one().error().code() == Code::no_space);
  pool.add_bytes(-7'500'000);
  CHECK(pool.make_one().value());
}

TEST_CASE("the reserve is given once, and made again before any spare", "[store][pool][W18]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  SegmentPool pool(files, {.directory = "/store", .segment_bytes = 1_MiB});
  REQUIRE(pool.make_one().value());
  CHECK_FALSE(pool.make_one().value());  // there is a spare: now the reserve
  CHECK(files.info("/store/RESERVE").has_value());
  CHECK(pool.release_reserve());
  CHECK_FALSE(pool.release_reserve());
  CHECK_FALSE(files.info("/store/RESERVE").has_value());
  REQUIRE(pool.take().has_value());
  files.add_fault({.sys_errno = ENOSPC, .kind = io::CallKind::write, .path_contains = "RESERVE"});
  CHECK(pool.make_one().error().code() == Code::no_space);
  CHECK(pool.spare_count() == 0);
  REQUIRE(pool.make_one().value());
  CHECK(files.info("/store/RESERVE").has_value());
  CHECK(pool.spare_count() == 1);
}

}  // namespace
}  // namespace kifa::store
