// Framing `fixed`: every `size` bytes are a record.
//
// What is left when the stream or a datagram ends is a record flagged partial. Where the bytes were
// cut into chunks does not matter. Of a record longer than record_bytes_max the host uses up the
// head; its end is known all the same, from the count of bytes that have come.

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>

namespace {

namespace sdk = kifa::sdk;

class Fixed final : public sdk::Framing {
 public:
  using Framing::Framing;

  sdk::Status configure(const sdk::Settings& settings) override {
    size_ = settings.size_bytes("size");
    return {};
  }

  class Stream final {
   public:
    Stream(Fixed& options, const kifa_stream& /*stream*/) : options_(options) {}

    sdk::Status feed(sdk::View view, sdk::FramingOut out) {
      const std::size_t size = view.bytes.size();
      waiting_ += size - view.fresh;
      std::size_t used = 0;
      while (waiting_ >= options_.size_) {
        waiting_ -= options_.size_;
        const std::size_t end = size - static_cast<std::size_t>(waiting_);
        out.record(view.bytes.subspan(used, end - used), end);
        used = end;
      }
      if (view.end) {
        waiting_ = 0;
        if (used < size) {
          out.record(view.bytes.subspan(used), size, KIFA_RECORD_PARTIAL);
        }
      }
      return {};
    }

   private:
    const Fixed& options_;
    std::uint64_t waiting_ = 0;  // bytes of the unfinished record, those used up included
  };

 private:
  std::uint64_t size_ = 0;
};

constexpr auto kOptions =
    sdk::options(sdk::option::size("size", "Bytes of each record.").required().range(1, 16 << 20));

constexpr kifa_component kComponents[] = {
    sdk::framing<Fixed>("fixed", "Every so many bytes are a record.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.framing.fixed", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
