#include "plugins/sinks/kifa/store_pool.hpp"

#include <kifa/testing/fake_host.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_clock.hpp"

using kifa::Code;
using kifa::Lsn;
using kifa::Result;
using kifa::Status;
using kifa::plugins::kifa_sink::code_of;
using kifa::plugins::kifa_sink::StorePool;
using kifa::testing::FakeHost;

namespace store = kifa::store;

namespace {

// What became of the stores that were opened.
struct Opened {
  int open_count = 0;
  int close_count = 0;
  std::optional<Status> fail_open;
  std::optional<store::Reporter> report;
} opened;

// A store that only counts.
class CountingStore final : public store::Store {
 public:
  Status append(const store::BatchView& /*batch*/, store::DurableCallback /*durable*/) override {
    return {};
  }
  Result<Lsn> append_durable(const store::BatchView& /*batch*/) override { return Lsn{1}; }
  Status flush(std::chrono::nanoseconds /*timeout*/) override { return {}; }
  Status set_flush_mode(store::FlushMode /*mode*/) override { return {}; }
  [[nodiscard]] store::FlushMode flush_mode() const override { return store::FlushMode::cautious; }
  [[nodiscard]] Lsn durable_lsn() const override { return {}; }
  [[nodiscard]] store::StoreCounters counters() const override { return {}; }
  [[nodiscard]] std::vector<store::Checkpoint> checkpoints(
      std::string_view /*origin*/) const override {
    return {};
  }
  bool tick() override { return false; }
  Status close() override {
    ++opened.close_count;
    (*opened.report)(store::Severity::info, "closing");
    return {};
  }
};

Result<std::unique_ptr<store::Store>> open_counting(store::StoreOptions options,
                                                    store::StoreEnvironment environment) {
  if (opened.fail_open) {
    return *opened.fail_open;
  }
  const std::string directory = std::move(options.directory);
  if (const Result<kifa::io::FileInfo> there = environment.files.info(directory); !there) {
    if (Status made = environment.files.make_directory(directory, 0700); !made) {
      return made;
    }
  }
  ++opened.open_count;
  opened.report = environment.report;
  return std::make_unique<CountingStore>();
}

class PoolTest {
 public:
  PoolTest() { opened = {}; }

  kifa::io::MemoryFileSystem files;
  kifa::SystemClock clock;
  StorePool pool{&open_counting, files, clock};
  FakeHost first{"till-1/journal"};
  FakeHost second{"till-2/journal"};
  store::StoreOptions options{.directory = "/data"};
};

}  // namespace

TEST_CASE_METHOD(PoolTest, "sinks that name one directory share a store until the last one goes",
                 "[plugins][kifa]") {
  Result<StorePool::Lease> one = pool.acquire(first.host(), options);
  options.directory = "data";  // the same by another name
  Result<StorePool::Lease> two = pool.acquire(second.host(), options);
  options.directory = "/other";
  Result<StorePool::Lease> other = pool.acquire(second.host(), options);
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  REQUIRE(other.has_value());
  CHECK(one->store == two->store);
  CHECK(one->store != other->store);
  CHECK(opened.open_count == 2);
  CHECK(pool.release(*one).is_ok());
  CHECK(opened.close_count == 0);
  CHECK(pool.release(*two).is_ok());
  CHECK(opened.close_count == 1);
  CHECK(pool.release(*other).is_ok());
  CHECK(opened.close_count == 2);

  options.directory = "/data";
  Result<StorePool::Lease> again = pool.acquire(first.host(), options);
  REQUIRE(again.has_value());
  CHECK(opened.open_count == 3);
  CHECK(pool.release(*again).is_ok());
}

TEST_CASE_METHOD(PoolTest, "the same warning of a store is told once a minute",
                 "[plugins][kifa][W18]") {
  kifa::test::FakeClock fake;
  StorePool timed(&open_counting, files, fake);
  Result<StorePool::Lease> one = timed.acquire(first.host(), options);
  REQUIRE(one.has_value());
  const auto said = [this] { return first.logs().size(); };
  for (int i = 0; i < 10; ++i) {
    (*opened.report)(store::Severity::warning, "no more input is taken");
    fake.advance(std::chrono::seconds(1));
  }
  CHECK(said() == 1);
  (*opened.report)(store::Severity::warning, "another");
  CHECK(said() == 2);
  for (int i = 0; i < 2; ++i) {
    (*opened.report)(store::Severity::error, "an error is told each time");
  }
  CHECK(said() == 4);
  fake.advance(std::chrono::minutes(1));
  (*opened.report)(store::Severity::warning, "another");
  CHECK(said() == 5);
  CHECK(timed.release(*one).is_ok());
}

TEST_CASE_METHOD(PoolTest, "sinks that disagree about one store are told which and how",
                 "[plugins][kifa]") {
  Result<StorePool::Lease> one = pool.acquire(first.host(), options);
  REQUIRE(one.has_value());
  options.flush_mode = store::FlushMode::normal;
  const Result<StorePool::Lease> two = pool.acquire(second.host(), options);
  REQUIRE_FALSE(two.has_value());
  CHECK(two.error().code() == Code::invalid);
  CHECK(two.error().message() ==
        "the sinks till-1/journal and till-2/journal both write to /data but differ in flush_mode "
        "(cautious and normal); give them the same value, or different directories");
  options.flush_mode = store::FlushMode::cautious;
  options.segment_bytes = 1U << 20U;
  CHECK(pool.acquire(second.host(), options)
            .error()
            .message()
            .find("differ in segment_size_mib (16 and 1)") != std::string::npos);
  CHECK(pool.release(*one).is_ok());
}

TEST_CASE_METHOD(PoolTest, "what a store has to say reaches one sink that is still there",
                 "[plugins][kifa]") {
  Result<StorePool::Lease> one = pool.acquire(first.host(), options);
  Result<StorePool::Lease> two = pool.acquire(second.host(), options);
  (*opened.report)(store::Severity::warning, "segment given up");
  CHECK(first.logs() == std::vector<FakeHost::LogLine>{{KIFA_LOG_WARN, "segment given up"}});
  CHECK(second.logs().empty());
  CHECK(pool.release(*one).is_ok());
  (*opened.report)(store::Severity::error, "another");
  CHECK(first.logs().size() == 1);
  CHECK(second.logs() == std::vector<FakeHost::LogLine>{{KIFA_LOG_ERROR, "another"}});
  CHECK(pool.release(*two).is_ok());
  CHECK(second.logs().back() == FakeHost::LogLine{KIFA_LOG_INFO, "closing"});
}

TEST_CASE_METHOD(PoolTest, "receipts go to the sink that wrote, and to nobody once it is gone",
                 "[plugins][kifa]") {
  Result<StorePool::Lease> one = pool.acquire(first.host(), options);
  Result<StorePool::Lease> two = pool.acquire(second.host(), options);
  one->user->settle(7, {.status = {}, .first_lsn = {100}});
  one->user->settle(8, {.status = Status(Code::io, "the disk failed"), .first_lsn = {}});
  one->user->settle(9, {.status = Status(Code::io, "the disk failed"), .first_lsn = {}});
  const std::vector<kifa_receipt> receipts = first.receipts();
  REQUIRE(receipts.size() == 3);
  CHECK(receipts[0].ticket == 7);
  CHECK(receipts[0].first_lsn == 100);
  CHECK(receipts[0].status == KIFA_OK);
  CHECK(receipts[1].status == KIFA_IO);
  CHECK(receipts[2].status == KIFA_IO);
  CHECK(first.logs() == std::vector<FakeHost::LogLine>{{KIFA_LOG_ERROR, "the disk failed"}});
  CHECK(second.receipts().empty());
  CHECK(pool.release(*one).is_ok());
  one->user->settle(10, {});  // the store is open still, for the other
  CHECK(first.receipts().size() == 3);
  CHECK(pool.release(*two).is_ok());
}

TEST_CASE_METHOD(PoolTest, "a store that does not open leaves nothing behind", "[plugins][kifa]") {
  opened.fail_open = Status(Code::locked, "/data is locked by process 4711");
  const Result<StorePool::Lease> refused = pool.acquire(first.host(), options);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message() == "/data is locked by process 4711");
  opened.fail_open.reset();
  Result<StorePool::Lease> lease = pool.acquire(first.host(), options);
  REQUIRE(lease.has_value());
  CHECK(pool.release(*lease).is_ok());
}

TEST_CASE("failures of a store keep their kind", "[plugins][kifa]") {
  CHECK(code_of(Code::ok) == KIFA_OK);
  CHECK(code_of(Code::locked) == KIFA_LOCKED);
  CHECK(code_of(Code::no_space) == KIFA_NO_SPACE);
  CHECK(code_of(Code::unsupported) == KIFA_UNSUPPORTED);
  CHECK(code_of(Code::corrupt) == KIFA_CORRUPT);
  CHECK(code_of(Code::io) == KIFA_IO);
  CHECK(code_of(Code::not_found) == KIFA_IO);
  CHECK(code_of(Code::invalid) == KIFA_INVALID);
  CHECK(code_of(Code::unavailable) == KIFA_UNAVAILABLE);
  CHECK(code_of(Code::no_memory) == KIFA_NO_MEMORY);
  CHECK(code_of(Code::closed) == KIFA_INTERNAL);
  CHECK(code_of(Code::internal) == KIFA_INTERNAL);
}
