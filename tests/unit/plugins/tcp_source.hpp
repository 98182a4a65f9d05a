#pragma once

#include <utility>

#include "tests/unit/plugins/network_source.hpp"

extern "C" const kifa_plugin* kifa_builtin_tcp() noexcept;

namespace kifa::plugins::testing {

class TcpSource final : public NetworkSource {
 public:
  explicit TcpSource(Texts texts = {}) : NetworkSource(*kifa_builtin_tcp(), std::move(texts)) {}
};

}  // namespace kifa::plugins::testing
