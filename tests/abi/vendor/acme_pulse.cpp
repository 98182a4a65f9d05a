#include <kifa/sdk.hpp>

#include <cstdint>

namespace {

using namespace kifa::sdk;  // NOLINT: as a vendor writes it

// Says "pulse" once a poll until its count is used up.
class Pulse final : public Source {
 public:
  using Source::Source;

  Status configure(const Settings& settings) override {
    left_ = settings.integer("count");
    return {};
  }
  Status start() override {
    is_open_ = false;
    return {};
  }
  Status poll(Emitter out, std::int64_t /*deadline_mono_ns*/) override {
    if (!is_open_) {
      if (const kifa_status status = out.open({.stream = ++stream_}); status != KIFA_OK) {
        return status;
      }
      is_open_ = true;
    }
    const bool is_last = left_ <= 1;
    const kifa_status status =
        out.chunk({.stream = stream_,
                   .data = bytes_of(std::string_view("pulse\n")),
                   .flags = is_last ? std::uint32_t{KIFA_CHUNK_END} : std::uint32_t{0}});
    if (status != KIFA_OK) {
      return status;
    }
    --left_;
    return is_last ? Status::end() : Status::ok();
  }

 private:
  std::int64_t left_ = 0;
  std::uint64_t stream_ = 0;
  bool is_open_ = false;
};

constexpr auto kOptions =
    options(option::integer("count", "How many pulses.").range(1, 1e6).by_default("3"));
constexpr kifa_component kComponents[] = {source<Pulse>("acme_pulse", "Emits pulses.", kOptions)};
constexpr kifa_plugin kPlugin =
    plugin({"com.acme.pulse", "1.2.0", "Acme Ltd", "https://acme.example", "MIT"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
