#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/io/memory_file_system.hpp"
#include "core/store/store.hpp"
#include "tests/crash/history.hpp"
#include "tests/support/fake_clock.hpp"

namespace kifa::crash {

// What becomes of the two writes that are in flight at once.
struct FlightPlan {
  int first_errno = 0;   // of the earlier one, which ends last
  int second_errno = 0;  // of the later one, which ends first
  unsigned before = 0;   // big batches sent before anything is held back: three fill a segment
  unsigned more = 0;     // further big batches sent while the first is still in flight
  store::FlushMode flush_mode = store::FlushMode::cautious;
};

// Several threads append at once, and the disk holds the first write back until the others have
// gone as far as they can. Everything must be acknowledged in the end, errors notwithstanding.
//
// Threads: confined.
class Flight final {
 public:
  explicit Flight(const FlightPlan& plan);
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  ~Flight();

  void run();
  // Instead: several threads append batches of all sizes, each without regard to the others.
  void run_producers(std::uint64_t seed);

  [[nodiscard]] const io::MemoryFileSystem& files() const { return files_; }
  [[nodiscard]] const History& history() const { return history_; }
  [[nodiscard]] const store::StoreOptions& store_options() const { return options_; }
  [[nodiscard]] const std::string& violation() const { return violation_; }

 private:
  void open();
  void close();
  void append(std::size_t number);
  void let_others_run(std::size_t acknowledged);

  const FlightPlan plan_;
  BatchMaker maker_;
  test::FakeClock clock_;
  io::MemoryFileSystem files_;
  History history_;
  store::StoreOptions options_;
  std::unique_ptr<store::Store> store_;
  Mutex mutex_;
  std::string violation_;
};

}  // namespace kifa::crash
