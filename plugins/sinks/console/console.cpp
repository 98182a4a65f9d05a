// Sink `console`: the records through `format:`, on standard output or standard error.
//
// A batch is settled as soon as its text is with the kernel, with LSN 0: nothing is stored, nothing
// is durable, and there are no checkpoints. When the reader is slow the batches wait with the host;
// of a batch that went out in part the rest follows. When the reader has gone away (`| head`), the
// write ends as UNAVAILABLE with EPIPE: nothing is wrong with the records, but as the required sink
// of a pipeline it cannot go on.

#include <unistd.h>
#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "plugins/sinks/console/output.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::console::Output;

// How long one write() may wait for a slow reader before the host gets its thread back.
constexpr int kPatienceMs = 50;

class Console final : public sdk::Sink {
 public:
  using Sink::Sink;

  sdk::Status configure(const sdk::Settings& settings) override {
    is_stderr_ = settings.text("stream") == "stderr";
    return {};
  }

  sdk::Status start() override {
    written_bytes_ = 0;
    return is_stderr_ ? output_.open(STDERR_FILENO, "standard error")
                      : output_.open(STDOUT_FILENO, "standard output");
  }

  sdk::Status write(sdk::Batches batches, std::uint32_t& taken) override {
    for (const sdk::BatchView batch : batches) {
      // A batch that went out in part is offered again under its ticket.
      if (batch.ticket() != ticket_) {
        ticket_ = batch.ticket();
        written_bytes_ = 0;
      }
      const std::string_view text = batch.text();
      std::string_view left = text.substr(std::min(written_bytes_, text.size()));
      sdk::Status status = output_.write(left, kPatienceMs);
      written_bytes_ = text.size() - left.size();
      if (!status.is_ok()) {
        return status;
      }
      ++taken;
      host().settle(batch.ticket(), 0, KIFA_OK);
    }
    return {};
  }

  // What was taken is written and settled.
  sdk::Status flush(std::int64_t /*deadline_mono_ns*/) override { return {}; }

 private:
  bool is_stderr_ = false;
  Output output_;
  std::uint64_t ticket_ = 0;       // of the batch that was written last
  std::size_t written_bytes_ = 0;  // of its text
};

constexpr auto kOptions = sdk::options(
    sdk::option::choice("stream", "Where the text goes.", "stdout|stderr").by_default("stdout"));

constexpr kifa_component kComponents[] = {sdk::sink<Console>(
    "console", "Prints records on standard output or standard error.", kOptions, KIFA_SINK_TEXT)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.sink.console", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
