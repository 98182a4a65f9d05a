#include "tests/unit/pipeline/rig.hpp"

#include <algorithm>

#include "core/plugin/component_settings.hpp"
#include "tests/support/catch.hpp"

namespace kifa::test {

namespace {

constexpr int kTurnsMax = 10'000;  // more without rest is a busy loop

}  // namespace

Rig::~Rig() {
  engine_.reset();
  copy_writer_.reset();
  writer_.reset();
}

std::unique_ptr<plugin::Instance> Rig::make(const plugin::Component& component, std::string name,
                                            const void* script, plugin::HostCallbacks callbacks) {
  return make(component, std::move(name), std::vector{script_setting(script)},
              std::move(callbacks));
}

std::unique_ptr<plugin::Instance> Rig::make(const plugin::Component& component, std::string name,
                                            std::vector<config::Setting> settings,
                                            plugin::HostCallbacks callbacks) {
  callbacks.clock = &clock;
  auto instance = plugin::Instance::create(component, std::move(name), std::move(callbacks));
  REQUIRE(instance.has_value());
  const plugin::AbiSettings given(std::move(settings));
  REQUIRE((*instance)->configure(given.view()).is_ok());
  return std::move(*instance);
}

std::unique_ptr<pipeline::SinkWriter> Rig::make_sink(SinkScript& script, bool required, bool text) {
  pipeline::SinkOptions of_sink = sink_options;
  of_sink.required = required;
  auto writer = std::make_unique<pipeline::SinkWriter>(
      of_sink, clock, pipeline::Logger(log_, required ? "till/journal" : "till/copy"));
  plugin::HostCallbacks callbacks;
  callbacks.settle = [target = writer.get()](const kifa_receipt* receipts, std::uint32_t count) {
    target->settle(receipts, count);
  };
  std::unique_ptr<pipeline::TextMaker> formatter;
  if (text) {
    formatter = std::make_unique<pipeline::TextMaker>(
        make(formatter_component(), "till/copy/format", nullptr, {}));
  }
  writer->adopt(make(sink_component(text), writer->name(), &script, std::move(callbacks)),
                std::move(formatter));
  return writer;
}

void Rig::build() {
  log_ = std::make_shared<pipeline::Log>(
      [this](pipeline::LogLevel, const std::string& subject, const std::string& message) {
        logged_.push_back(subject + ": " + message);
      },
      pipeline::LogLevel::debug);
  logger_ = std::make_unique<pipeline::Logger>(log_, "till/printer");
  waker_ = std::make_shared<pipeline::Waker>();
  writer_ = make_sink(sink, true, false);
  if (has_copy) {
    copy_writer_ = make_sink(copy, false, copy_is_text);
  }
  if (!filters.empty()) {
    auto filter = pipeline::RecordFilter::create(filters);
    REQUIRE(filter.has_value());
    filter_ = std::move(*filter);
  }
  plugin::HostCallbacks callbacks;
  callbacks.wake = [this] {
    if (engine_ != nullptr) {
      engine_->plugin_wake();
    }
  };
  source_instance_ = make(live ? live_source_component() : source_component(whole_records),
                          "till/printer", &source, callbacks);
  if (real_framing != nullptr) {
    framing_instance_ = make({real_framing, real_framing->components, "built in"},
                             "till/printer/framing", real_framing_settings, {});
  } else if (!whole_records) {
    framing_instance_ = make(framing_component(answers), "till/printer/framing", &framing, {});
  }
  pipeline::SourceParts parts;
  parts.pipeline = "till";
  parts.name = "printer";
  parts.origin = "till/printer";
  parts.options = options;
  parts.source = source_instance_.get();
  parts.framing = framing_instance_.get();
  parts.filter = filter_.get();
  parts.sink = writer_.get();
  if (copy_writer_ != nullptr) {
    parts.copies.push_back(copy_writer_.get());
  }
  parts.clock = &clock;
  parts.waker = waker_;
  parts.counters = &counters_;
  parts.log = logger_.get();
  writer_->attach(waker_);
  engine_ = std::make_unique<pipeline::SourceEngine>(std::move(parts));
  turn_sink();
}

void Rig::restart() {
  engine_.reset();
  copy_writer_.reset();
  writer_.reset();
  source_instance_.reset();
  framing_instance_.reset();
  positions_.clear();
  source.polls.clear();
  sink.unsettled.clear();
  build();
}

void Rig::turn_sink() {
  for (int i = 0; i < kTurnsMax; ++i) {
    const std::int64_t next = writer_->turn();
    const std::int64_t of_copy =
        copy_writer_ != nullptr ? copy_writer_->turn() : pipeline::SinkWriter::kNever;
    if (next != 0 && of_copy != 0) {
      return;
    }
  }
  FAIL("the sink's worker never comes to rest");
}

pipeline::Wait Rig::run(bool ready) {
  for (int i = 0; i < kTurnsMax; ++i) {
    const pipeline::Wait wait = engine_->turn(std::exchange(ready, false));
    if (sink_works) {
      turn_sink();
    }
    if (engine_->finished()) {
      INFO(engine_->result().status.message());
      CHECK(wait.again);  // its thread must not go to sleep
      return wait;
    }
    if (!wait.again && !waker_->take_notice()) {
      return wait;
    }
  }
  FAIL("the source's thread never comes to rest");
  return {};
}

void Rig::run_to_end() {
  for (int i = 0; i < kTurnsMax; ++i) {
    const pipeline::Wait wait = run();
    if (engine_->finished()) {
      return;
    }
    REQUIRE(wait.until != pipeline::kNoTime);
    advance(std::max<std::int64_t>(wait.until - clock.now_mono_ns(), 0));
  }
  FAIL("the source does not end");
}

void Rig::open(std::uint64_t stream, std::uint32_t flags, std::string key, std::uint64_t position) {
  positions_[stream] = position;
  source.then([=](sdk::Emitter out) {
    return out.open({.stream = stream, .flags = flags, .position = position, .key = key}) == KIFA_OK
               ? sdk::Status::ok()
               : sdk::Status::internal("open");
  });
}

void Rig::give(std::string_view bytes, std::uint64_t stream, std::uint32_t chunk_flags) {
  if (!positions_.contains(stream)) {
    open(stream, KIFA_STREAM_REPLY);
  }
  const std::uint64_t position = positions_[stream];
  positions_[stream] += bytes.size();
  source.then([=, text = std::string(bytes)](sdk::Emitter out) -> sdk::Status {
    const kifa_status status = out.chunk({.stream = stream,
                                          .data = sdk::bytes_of(text),
                                          .position = position,
                                          .flags = chunk_flags});
    // After this chunk the source has nothing more, unless the test gave more polls.
    return status == KIFA_OK ? sdk::Status::again() : sdk::Status(status);
  });
}

void Rig::end() {
  source.then([](sdk::Emitter) { return sdk::Status::end(); });
}

bool Rig::has_logged(std::string_view part) const {
  return std::ranges::any_of(
      logged_, [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

}  // namespace kifa::test
