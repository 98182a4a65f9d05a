#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

#include "plugins/sources/tcp/channel.hpp"

namespace kifa::plugins::tcp_source {

// Answers to one peer, which reads them when it likes; never waits.
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
  Outcome send(Channel& channel, sdk::Bytes bytes);
  // Sends what waits.
  Outcome flush(Channel& channel);

  [[nodiscard]] std::size_t unsent() const { return waiting_.size() - sent_; }
  [[nodiscard]] bool is_high() const { return unsent() >= kUnsentBytesHigh; }

 private:
  std::string waiting_;
  std::size_t sent_ = 0;  // of waiting_
};

}  // namespace kifa::plugins::tcp_source
