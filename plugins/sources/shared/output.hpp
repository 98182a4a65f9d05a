#pragma once

#include <sys/types.h>
#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace kifa::plugins {

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

  // How bytes leave: send(2) or write(2), without waiting and without SIGPIPE.
  using Call = ssize_t (*)(int fd, const void* bytes, std::size_t size);
  explicit Output(Call call) : call_(call) {}

  enum class Outcome : std::uint8_t { sent, waits, gone, too_slow };

  // Sends `bytes` behind what waits already, or keeps them.
  Outcome send(int fd, sdk::Bytes bytes);
  // Sends what waits.
  Outcome flush(int fd);

  [[nodiscard]] std::size_t unsent() const { return waiting_.size() - sent_; }
  [[nodiscard]] bool is_high() const { return unsent() >= kUnsentBytesHigh; }

 private:
  struct Sent {
    std::size_t bytes = 0;
    bool gone = false;
  };
  Sent send_some(int fd, sdk::Bytes bytes) const;

  Call call_;
  std::string waiting_;
  std::size_t sent_ = 0;  // of waiting_
};

}  // namespace kifa::plugins
