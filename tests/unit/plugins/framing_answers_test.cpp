// What a device hears from the framing `stx_etx` through the host: engine, batches and outcomes are
// the real ones.

#include <algorithm>
#include <string>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/config/options.hpp"
#include "core/plugin/component_settings.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/pipeline/rig.hpp"

extern "C" const kifa_plugin* kifa_builtin_stx_etx() noexcept;

namespace kifa::pipeline {
namespace {

using test::kMillisecond;
using test::Rig;
using Texts = std::vector<std::string>;

// A till's line to a framing that answers. The check is the XOR of payload and ETX.
class AnsweringRig : public Rig {
 public:
  AnsweringRig() {
    real_framing = kifa_builtin_stx_etx();
    config::Diagnostics diagnostics("shop.yaml", "");
    real_framing_settings =
        config::bind_options(nullptr, plugin::option_specs(real_framing->components[0]), {},
                             "framing stx_etx", diagnostics);
    for (config::Setting& setting : real_framing_settings) {
      if (setting.name == "replies") {
        setting.integer = 1;
      }
    }
    sink.settles_at_once = false;
  }

  void start() {
    build();
    open(1, KIFA_STREAM_REPLY);
  }
  [[nodiscard]] Texts replies() const { return source.heard.of("reply"); }
};

std::string frame(const std::string& payload) {
  char sum = '\x03';
  for (const char byte : payload) {
    sum = static_cast<char>(sum ^ byte);
  }
  return "\x02" + payload + "\x03" + sum;
}

}  // namespace

TEST_CASE("a till hears ACK when its frame is on disk, not before", "[plugins][stx_etx][outcome]") {
  AnsweringRig rig;
  rig.start();
  rig.give(frame("SALE 1"));
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"SALE 1"});
  CHECK(rig.replies().empty());
  rig.sink.settle_all();
  rig.run();
  CHECK(rig.replies() == Texts{"reply 1 \x06"});
}

TEST_CASE("a till hears NAK to a bad frame while the disk stalls", "[plugins][stx_etx][outcome]") {
  AnsweringRig rig;
  rig.sink.stalled = true;
  rig.start();
  rig.give("\x02SALE 1\x03?");
  rig.run(true);
  CHECK(rig.replies() == Texts{"reply 1 \x15"});
  CHECK(rig.counters().bytes_skipped == 9);
}

TEST_CASE("an impatient till gets one ACK for a frame that it sent three times",
          "[plugins][stx_etx][outcome]") {
  AnsweringRig rig;
  rig.start();
  rig.give(frame("SALE 1"));
  rig.run(true);
  rig.give(frame("SALE 1") + frame("SALE 1"));
  rig.run(true);
  rig.sink.settle_all();
  rig.run();
  CHECK(rig.replies() == Texts{"reply 1 \x06"});
  CHECK(std::ranges::count(rig.sink.payloads(), "SALE 1") == 3);
  CHECK((rig.sink.records.back().flags & KIFA_RECORD_RESENT) != 0);
}

TEST_CASE("a frame that a filter drops is answered too", "[plugins][stx_etx][outcome][filter]") {
  AnsweringRig rig;
  rig.filters.push_back({.keep = "", .drop = "^PING", .mark = {}});
  rig.start();
  rig.give(frame("PING"));
  rig.run(true);
  CHECK(rig.replies() == Texts{"reply 1 \x06"});
}

TEST_CASE("silence in the middle of a frame does not shift the answers",
          "[plugins][stx_etx][outcome]") {
  AnsweringRig rig;
  rig.options.idle_timeout_ns = 100 * kMillisecond;
  rig.start();
  rig.give(frame("SALE 1") + "\x02SAL");
  rig.run(true);
  rig.advance(200 * kMillisecond);
  rig.run();
  REQUIRE(rig.sink.payloads() == Texts{"SALE 1", "SAL"});
  rig.give(frame("SALE 2"));
  rig.run(true);
  rig.sink.settle(2);
  rig.run();
  CHECK(rig.replies() == Texts{"reply 1 \x06"});
  rig.sink.settle_all();
  rig.run();
  CHECK(rig.replies() == Texts{"reply 1 \x06", "reply 1 \x06"});
}

}  // namespace kifa::pipeline
