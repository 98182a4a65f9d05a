#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/plugins/network_source.hpp"

extern "C" const kifa_plugin* kifa_builtin_udp() noexcept;

namespace kifa::plugins::testing {

class UdpSource final : public NetworkSource {
 public:
  explicit UdpSource(Texts texts = {}) : NetworkSource(*kifa_builtin_udp(), std::move(texts)) {}

  // What each datagram brought, in order.
  [[nodiscard]] std::vector<std::string> payloads() const {
    std::vector<std::string> all;
    for (const auto& datagram : out.datagrams) {
      all.push_back(datagram.bytes);
    }
    return all;
  }
  // Of all gaps with this reason.
  [[nodiscard]] std::uint64_t lost_records(std::uint32_t reason = KIFA_GAP_OVERFLOW) const {
    std::uint64_t lost = 0;
    for (const auto& gap : out.gaps) {
      lost += gap.reason == reason ? gap.records : 0;
    }
    return lost;
  }
  // Polls without waiting until there is nothing more.
  void poll_until_dry() {
    kifa_status status = KIFA_OK;
    while (status == KIFA_OK) {
      out.set_capacity(kRoom);
      status = poll();
    }
    INFO(message());
    REQUIRE(status == KIFA_AGAIN);
  }
};

}  // namespace kifa::plugins::testing
