// Framing `none`: nothing is cut.
//
// On datagrams every message is a record (an empty one is none). On a stream of bytes a record is
// what arrives until the sender has been silent for `silence`, or until the stream ends: right for
// devices that send one job and then wait.
//
// Of a record longer than record_bytes_max the host uses up the head; the silence ends it.

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>

namespace {

namespace sdk = kifa::sdk;

class None final : public sdk::Framing {
 public:
  using Framing::Framing;

  sdk::Status configure(const sdk::Settings& settings) override {
    silence_ns_ = settings.duration_ns("silence");
    return {};
  }

  class Stream final {
   public:
    Stream(None& options, const kifa_stream& /*stream*/) : options_(options) {}

    // A datagram comes whole and with its end.
    sdk::Status feed(sdk::View view, sdk::FramingOut out) {
      if (view.fresh < view.bytes.size()) {
        last_byte_mono_ns_ = out.now_mono_ns();
      }
      if (view.bytes.empty() && !view.tail) {
        return {};
      }
      const std::int64_t silent_at = last_byte_mono_ns_ + options_.silence_ns_;
      if (view.end || (view.tick && out.now_mono_ns() >= silent_at)) {
        out.record(view.bytes, view.bytes.size());
      } else {
        out.wake_at(silent_at);
      }
      return {};
    }

   private:
    const None& options_;
    std::int64_t last_byte_mono_ns_ = 0;
  };

 private:
  std::int64_t silence_ns_ = 0;
};

constexpr auto kOptions =
    sdk::options(sdk::option::duration(
                     "silence", "A stream of bytes that is silent this long has ended its record.")
                     .by_default("50ms")
                     .range(1e6, 3600e9));

constexpr kifa_component kComponents[] = {sdk::framing<None>(
    "none", "A datagram is a record; on a stream, what arrives until it falls silent.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.framing.none", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
