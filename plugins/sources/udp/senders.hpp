#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plugins/sources/shared/address.hpp"
#include "plugins/sources/shared/network.hpp"
#include "plugins/sources/udp/datagram_batch.hpp"

namespace kifa::plugins::udp_source {

// Who sent a datagram, as text, and whether `allow` names him. Remembered: writing an address as
// text costs more than receiving a datagram.
//
// Threads: confined.
// Limits:  kSendersMax are remembered; then it starts anew.
class Senders final {
 public:
  static constexpr std::size_t kSendersMax = 1024;

  struct Sender {
    std::string name;  // 10.0.0.7:49152, unix:uid=1000,pid=4711
    bool is_allowed = false;
  };

  // Empty: everybody is allowed.
  void set_allowed(std::vector<Network> allow) { allow_ = std::move(allow); }

  // Good until the next call.
  const Sender& find(const Datagram& datagram);
  void clear();
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  std::vector<Network> allow_;
  std::string key_;  // of the last one; scratch
  std::unordered_map<std::string, Sender> known_;
  const Sender* last_ = nullptr;
  std::string last_key_;
};

}  // namespace kifa::plugins::udp_source
