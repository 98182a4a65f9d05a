#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace kifa::plugins {

// The way out to a peer or device; never waits.
class Outlet {
 public:
  struct Sent {
    std::size_t bytes = 0;
    bool is_gone = false;  // nobody is there any more
  };
  // As many of `bytes` as are taken now.
  virtual Sent send(sdk::Bytes bytes) = 0;

 protected:
  Outlet() = default;
  Outlet(const Outlet&) = default;
  Outlet(Outlet&&) = default;
  Outlet& operator=(const Outlet&) = default;
  Outlet& operator=(Outlet&&) = default;
  ~Outlet() = default;
};

// Answers to one peer or device, which reads them when it likes; never waits.
//
// What the kernel does not take at once is kept, up to kUnsentBytesMax; then the peer is too slow.
//
// Threads: confined.
// Errors:  after gone or too_slow some answer is lost: the connection is of no more use.
class Output final {
 public:
  // So much is kept for a peer that does not read.
  static constexpr std::size_t kUnsentBytesMax = std::size_t{256} << 10U;
  // From here on nothing more should be read of it: who does not hear answers asks no questions.
  static constexpr std::size_t kUnsentBytesHigh = std::size_t{64} << 10U;

  enum class Outcome : std::uint8_t { sent, waits, gone, too_slow };

  // Sends `bytes` behind what waits already, or keeps them.
  Outcome send(Outlet& outlet, sdk::Bytes bytes);
  // Sends what waits.
  Outcome flush(Outlet& outlet);

  [[nodiscard]] std::size_t unsent() const { return waiting_.size() - sent_; }
  [[nodiscard]] bool is_high() const { return unsent() >= kUnsentBytesHigh; }

 private:
  std::string waiting_;
  std::size_t sent_ = 0;  // of waiting_
};

}  // namespace kifa::plugins
