#include "core/store/segment_pool.hpp"

#include <string>
#include <thread>
#include <vector>

#include "core/io/memory_file_system.hpp"
#include "core/store/log_scan_path.hpp"
#include "tests/support/catch.hpp"

namespace kifa::store {
namespace {

constexpr std::uint64_t kSegmentBytes = 1_MiB;

TEST_CASE("a segment that is recycled while another is filled is not overtaken by it",
          "[pool][W1]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/data", 0700).is_ok());
  const auto old =
      files.open(segment_path("/data", 1),
                 {.access = io::Access::read_write, .create = true, .exclusive = true});
  REQUIRE(old.has_value());
  SegmentPool pool(files, {.directory = "/data", .segment_bytes = kSegmentBytes, .next_number = 2});
  const auto gate = files.hold([](const io::CallInfo& call) {
    return call.kind == io::CallKind::write && call.path.ends_with(".tmp");
  });
  std::thread filler([&pool] { CHECK(pool.make_one().has_value()); });
  gate->wait_until_held();
  CHECK(pool.recycle(1, kSegmentBytes).is_ok());
  const auto first = pool.take();
  gate->release();
  filler.join();
  const auto second = pool.take();
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(second->number > first->number);
}

}  // namespace
}  // namespace kifa::store
