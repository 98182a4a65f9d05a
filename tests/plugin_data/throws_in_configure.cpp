// Throws wherever it can.
#include <kifa/sdk.hpp>

#include <new>
#include <stdexcept>

namespace {

using namespace kifa::sdk;  // NOLINT: as a vendor writes it

class Thrower final : public Source {
 public:
  using Source::Source;
  Status configure(const Settings& settings) override {
    if (settings.has("missing_memory")) {
      throw std::bad_alloc();
    }
    if (settings.has("failure")) {
      throw Failure(Status(KIFA_NO_SPACE, "the printer has no paper", ENOSPC));
    }
    if (settings.has("number")) {
      throw 42;  // NOLINT: whatever vendors do
    }
    throw std::runtime_error("the sky is falling");
  }
  Status start() override { return Status::unavailable(""); }
  Status poll(Emitter /*out*/, std::int64_t /*deadline_mono_ns*/) override {
    throw std::runtime_error("no poll today");
  }
  void acknowledge(std::uint64_t /*stream*/, std::uint64_t /*position*/,
                   kifa_status /*status*/) override {
    throw std::runtime_error("not heard");
  }
};

class Unborn final : public Source {
 public:
  explicit Unborn(Host host) : Source(host) { throw std::runtime_error("not today"); }
  Status poll(Emitter /*out*/, std::int64_t /*deadline_mono_ns*/) override { return {}; }
};

constexpr kifa_component kComponents[] = {source<Thrower>("thrower", "Throws."),
                                          source<Unborn>("unborn", "Throws even earlier.")};
constexpr kifa_plugin kPlugin =
    plugin({"com.acme.thrower", "0.1.0", "Acme Ltd", "https://acme.example", "MIT"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
