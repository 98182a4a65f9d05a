#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "examples/crash-test/check.hpp"
#include "examples/crash-test/loop_disk.hpp"
#include "examples/crash-test/writer.hpp"

namespace crash {

// Crashes of one store, one after the other.
//
// Threads: confined. The process has no other threads: it forks.
class Cycles final {
 public:
  // `disk`: its power is cut while the writer works; none: the writer is killed.
  Cycles(WriterOptions options, LoopDisk* disk);
  Cycles(const Cycles&) = delete;
  Cycles& operator=(const Cycles&) = delete;
  ~Cycles();

  struct Outcome {
    std::uint64_t acknowledged = 0;  // in this cycle; 0: the cycle says nothing
    std::uint64_t records = 0;       // in the store now
    std::string violation;           // a sentence; empty: nothing acknowledged is missing
    kifa::Status obstacle;           // why the cycle could not be carried out
  };
  // One crash and what it left. `checks_all`: of all records, and not only of the last ones.
  Outcome run(bool checks_all);

 private:
  kifa::Status crash_writer();
  kifa::Status kill_in_start_up();
  [[nodiscard]] pid_t start_writer();
  bool wait_for_acknowledgement(pid_t writer) const;

  const WriterOptions options_;
  LoopDisk* const disk_;
  std::mt19937_64 random_;
  Progress* progress_ = nullptr;  // shared with the writer
  std::uint64_t records_ = 0;     // after the last cycle
};

}  // namespace crash
