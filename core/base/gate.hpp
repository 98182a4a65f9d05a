#pragma once

#include <atomic>
#include <cstdint>

namespace kifa {

// Opens once; whoever waits before it sleeps, and all are woken with one system call.
//
// std::latch and std::atomic::wait yield the processor several times before they sleep. Where many
// threads wait for one disk write that is most of the time that all of them use: with 64 of them
// three yields for each record.
//
// Threads: all of it from any thread. What happened before open() has happened for who returns
//          from wait().
class Gate final {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() = default;

  void open();
  // Returns when the gate is open.
  void wait() const;

 private:
  std::atomic<std::uint32_t> is_open_{0};
};

}  // namespace kifa
