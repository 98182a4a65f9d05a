// What the pipeline runtime costs per record on the source's thread: 1 MiB chunks of 200-byte lines
// through framing, arena copy and a sink that only settles. PIPELINE's budget is 20 to 25 ns.

#include <benchmark/benchmark.h>
#include <kifa/sdk.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "core/pipeline/sink_writer.hpp"
#include "core/pipeline/source_engine.hpp"

namespace kifa::pipeline {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;

// Gives the same chunk again and again, never dry.
class HotSource final : public sdk::Source {
 public:
  using Source::Source;
  static inline std::string chunk;

  sdk::Status poll(sdk::Emitter out, std::int64_t /*deadline*/) override {
    if (position_ == 0) {
      static_cast<void>(out.open({.stream = 1}));
    }
    const kifa_status status =
        out.chunk({.stream = 1, .data = sdk::bytes_of(chunk), .position = position_});
    position_ += status == KIFA_OK ? chunk.size() : 0;
    return status;
  }

 private:
  std::uint64_t position_ = 0;
};

class Lines final : public sdk::Framing {
 public:
  using Framing::Framing;
  class Stream final {
   public:
    Stream(Lines& /*framing*/, const kifa_stream& /*stream*/) {}
    sdk::Status feed(sdk::View view, sdk::FramingOut out) {
      const std::uint8_t* data = view.bytes.data();
      std::size_t used = 0;
      std::size_t from = view.fresh;
      while (const void* at = std::memchr(data + from, '\n', view.bytes.size() - from)) {
        const auto end = static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - data);
        out.record(view.bytes.subspan(used, end - used), end + 1);
        used = from = end + 1;
      }
      return {};
    }
  };
};

class NullSink final : public sdk::Sink {
 public:
  using Sink::Sink;
  sdk::Status write(sdk::Batches batches, std::uint32_t& taken) override {
    for (const sdk::BatchView batch : batches) {
      host().settle(batch.ticket(), next_lsn_, KIFA_OK);
      next_lsn_ += batch.records().size();
      ++taken;
    }
    return {};
  }

 private:
  std::uint64_t next_lsn_ = 1;
};

constexpr kifa_component kComponents[] = {
    sdk::source<HotSource>("hot", "Gives one chunk for ever."),
    sdk::framing<Lines>("lines", "Lines."),
    sdk::sink<NullSink>("null", "Settles and forgets."),
};
constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.bench", "1.0.0", "kifa", "", "MIT"}, kComponents);

std::unique_ptr<plugin::Instance> make(std::size_t index, plugin::HostCallbacks callbacks) {
  auto made = plugin::Instance::create({&kPlugin, &kComponents[index], "built in"}, "bench",
                                       std::move(callbacks));
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message().c_str());
    std::abort();
  }
  return std::move(*made);
}

void fill_chunk(std::size_t line_bytes) {
  HotSource::chunk.clear();
  while (HotSource::chunk.size() + line_bytes <= kChunkBytes) {
    HotSource::chunk += std::string(line_bytes - 1, 'x') + "\n";
  }
  HotSource::chunk += std::string(kChunkBytes - HotSource::chunk.size(), 'x');
}

void source_thread(benchmark::State& state) {
  fill_chunk(static_cast<std::size_t>(state.range(0)));
  const SystemClock clock;
  const auto log = std::make_shared<Log>(nullptr, LogLevel::error);
  const Logger logger(log, "bench");
  SinkWriter writer({}, clock, logger);
  plugin::HostCallbacks callbacks;
  callbacks.settle = [&](const kifa_receipt* receipts, std::uint32_t count) {
    writer.settle(receipts, count);
  };
  writer.adopt(make(2, callbacks), nullptr);
  while (writer.turn() == 0) {
  }
  const std::unique_ptr<plugin::Instance> source = make(0, {});
  const std::unique_ptr<plugin::Instance> framing = make(1, {});
  SourceCounters counters;
  SourceParts parts;
  parts.pipeline = "bench";
  parts.name = "hot";
  parts.origin = "bench/hot";
  parts.source = source.get();
  parts.framing = framing.get();
  parts.sink = &writer;
  parts.clock = &clock;
  parts.waker = std::make_shared<Waker>();
  parts.counters = &counters;
  parts.log = &logger;
  SourceEngine engine(std::move(parts));
  for (auto _ : state) {
    static_cast<void>(engine.turn(true));
    static_cast<void>(writer.turn());
  }
  const auto records = static_cast<double>(counters.records_emitted.load());
  state.counters["records"] = benchmark::Counter(records, benchmark::Counter::kIsRate);
  state.counters["per_record"] =
      benchmark::Counter(records, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(static_cast<std::int64_t>(counters.bytes_in.load()));
}
BENCHMARK(source_thread)->Arg(20)->Arg(200)->Arg(2000);

// The floor: finding the lines and copying them to a buffer, nothing else.
void framing_and_copy(benchmark::State& state) {
  fill_chunk(static_cast<std::size_t>(state.range(0)));
  std::vector<char> arena(kChunkBytes);
  std::uint64_t records = 0;
  for (auto _ : state) {
    const char* from = HotSource::chunk.data();
    const char* end = from + HotSource::chunk.size();
    char* to = arena.data();
    while (const void* at = std::memchr(from, '\n', static_cast<std::size_t>(end - from))) {
      const auto size = static_cast<std::size_t>(static_cast<const char*>(at) - from);
      std::memcpy(to, from, size);
      to += size;
      from += size + 1;
      ++records;
    }
    benchmark::DoNotOptimize(to);
  }
  state.counters["per_record"] = benchmark::Counter(
      static_cast<double>(records), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(framing_and_copy)->Arg(20)->Arg(200)->Arg(2000);

}  // namespace
}  // namespace kifa::pipeline

BENCHMARK_MAIN();
