#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pipeline/filter.hpp"
#include "core/pipeline/sink_writer.hpp"
#include "core/pipeline/source_engine.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/unit/pipeline/test_components.hpp"

namespace kifa::test {

inline constexpr std::int64_t kMillisecond = 1'000'000;

// One source, its framing and its sink, turned by hand on a clock that stands still: no thread, no
// sleep. Set the public fields, then build().
class Rig {
 public:
  FakeClock clock;
  SourceScript source;
  SinkScript sink;
  FramingScript framing;
  SinkScript copy;  // of the best-effort sink, with has_copy
  pipeline::SourceOptions options;
  pipeline::SinkOptions sink_options;
  std::vector<config::FilterConfig> filters;
  bool whole_records = false;
  bool live = false;
  bool answers = false;
  // A plugin's only component, instead of the framing that does what its script says.
  const kifa_plugin* real_framing = nullptr;
  std::vector<config::Setting> real_framing_settings;
  bool has_copy = false;
  bool copy_is_text = false;
  // False: the sink's worker does nothing in run(); turn_sink() is called by the test.
  bool sink_works = true;

  Rig() = default;
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig();

  // Everything made; the sink started, the source not yet.
  void build();
  // Turns source and sinks until nothing is left to do, and says what the source waits for. Fails
  // the test when they never come to rest: that would be a busy loop.
  pipeline::Wait run(bool ready = false);
  void turn_sink();
  void advance(std::int64_t ns) { clock.advance(std::chrono::nanoseconds(ns)); }
  // run() and move the clock to what is waited for, until the source is finished.
  void run_to_end();

  // Polls: opens stream 1 (once) and gives these bytes.
  void give(std::string_view bytes, std::uint64_t stream = 1, std::uint32_t chunk_flags = 0);
  // Lets the source return END.
  void end();
  void open(std::uint64_t stream, std::uint32_t flags = 0, std::string key = {},
            std::uint64_t position = 0);

  [[nodiscard]] pipeline::SourceEngine& engine() { return *engine_; }
  [[nodiscard]] pipeline::SinkWriter& writer() { return *writer_; }
  [[nodiscard]] pipeline::SinkWriter& copy_writer() { return *copy_writer_; }
  [[nodiscard]] pipeline::SourceCounters& counters() { return counters_; }
  [[nodiscard]] const std::vector<std::string>& logged() const { return logged_; }
  [[nodiscard]] bool has_logged(std::string_view part) const;

  // A new process on the same sink: everything but the scripts is gone.
  void restart();

 private:
  std::unique_ptr<plugin::Instance> make(const plugin::Component& component, std::string name,
                                         const void* script, plugin::HostCallbacks callbacks);
  std::unique_ptr<plugin::Instance> make(const plugin::Component& component, std::string name,
                                         std::vector<config::Setting> settings,
                                         plugin::HostCallbacks callbacks);
  std::unique_ptr<pipeline::SinkWriter> make_sink(SinkScript& script, bool required, bool text);

  std::vector<std::string> logged_;
  std::shared_ptr<pipeline::Log> log_;
  std::unique_ptr<pipeline::Logger> logger_;
  pipeline::SourceCounters counters_;
  std::shared_ptr<pipeline::Waker> waker_;
  std::unique_ptr<pipeline::RecordFilter> filter_;
  std::unique_ptr<pipeline::SinkWriter> writer_;
  std::unique_ptr<pipeline::SinkWriter> copy_writer_;
  std::unique_ptr<plugin::Instance> source_instance_;
  std::unique_ptr<plugin::Instance> framing_instance_;
  std::unique_ptr<pipeline::SourceEngine> engine_;
  std::map<std::uint64_t, std::uint64_t> positions_;  // of streams opened by give() and open()
};

}  // namespace kifa::test
