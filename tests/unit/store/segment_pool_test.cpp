#include "core/store/segment_pool.hpp"

#include <string>
#include <thread>

#include "core/io/memory_file_system.hpp"
#include "core/store/log_scan_path.hpp"
#include "tests/support/catch.hpp"

namespace kifa::store {
namespace {

TEST_CASE("a segment that comes back while another is filled does not pass it by",
          "[store][pool][W1]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/store", 0700));
  SegmentPool pool(files, {.directory = "/store", .segment_bytes = 1_MiB});
  REQUIRE(pool.make_one().value());
  const auto first = pool.take();
  REQUIRE(first.has_value());

  const auto gate = files.hold([](const io::CallInfo& call) {
    return call.kind == io::CallKind::write && call.path.ends_with(".tmp");
  });
  std::jthread filler([&pool] { CHECK(pool.make_one().value()); });
  gate->wait_until_held();
  REQUIRE(pool.give_back(first->number, 1_MiB));
  gate->release();
  filler.join();

  REQUIRE(pool.spare_count() == 2);
  std::uint64_t last = first->number;
  for (int i = 0; i < 2; ++i) {
    const auto spare = pool.take();
    REQUIRE(spare.has_value());
    CHECK(spare->number > last);
    last = spare->number;
    CHECK(files.info(segment_path("/store", spare->number))->bytes == 1_MiB);
  }
}

}  // namespace
}  // namespace kifa::store
