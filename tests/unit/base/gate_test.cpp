#include "core/base/gate.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"

using namespace kifa;  // NOLINT: a test

TEST_CASE("an open gate holds nobody up", "[gate]") {
  Gate gate;
  gate.open();
  gate.wait();
  gate.open();
  gate.wait();
}

TEST_CASE("all who wait at a gate see what happened before it was opened", "[gate]") {
  for (int round = 0; round < 200; ++round) {
    Gate gate;
    int told = 0;
    std::atomic<int> right{0};
    std::vector<std::jthread> waiting;
    for (int i = 0; i < 8; ++i) {
      waiting.emplace_back([&] {
        gate.wait();
        right += told == 42 ? 1 : 0;
      });
    }
    told = 42;
    gate.open();
    waiting.clear();
    REQUIRE(right == 8);
  }
}
