// A framing with a secret, of which nothing may be shown.

#include <kifa/sdk.hpp>

using namespace kifa::sdk;

namespace {

class Vault final : public Framing {
 public:
  using Framing::Framing;

  class Stream {
   public:
    Stream(const Vault& /*framing*/, const kifa_stream& /*stream*/) {}

    Status feed(View view, FramingOut out) const {
      if (!view.bytes.empty()) {
        out.record(view.bytes, view.bytes.size());
      }
      return {};
    }
  };
};

constexpr auto kOptions = options(option::text("key", "Opens the vault.").secret());
constexpr kifa_component kComponents[] = {
    framing<Vault>("vault", "Takes every piece as a record.", kOptions)};
constexpr kifa_plugin kPlugin =
    plugin({"org.kifa.test.vault", "1.0.0", "kifa", "https://example.com", "MIT OR Apache-2.0"},
           kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
