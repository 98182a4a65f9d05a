// The example of <kifa/sdk.hpp>, and one component of every other kind.
#include <kifa/sdk.hpp>

#include <cstring>

namespace {

using namespace kifa::sdk;  // NOLINT: as a vendor writes it

class Semicolon final : public Framing {
 public:
  using Framing::Framing;

  Status configure(const Settings& settings) override {
    skip_empty_ = settings.boolean("skip_empty");
    return {};
  }

  class Stream {
   public:
    Stream(Semicolon& framing, const kifa_stream& /*stream*/) : framing_(framing) {}

    Status feed(View view, FramingOut out) const {
      std::size_t used = 0;
      std::size_t search = view.fresh;
      while (search < view.bytes.size()) {
        const void* hit = std::memchr(view.bytes.data() + search, ';', view.bytes.size() - search);
        if (hit == nullptr) {
          break;
        }
        const auto at =
            static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) - view.bytes.data());
        if (at == used && framing_.skip_empty_) {
          out.skip(at + 1, KIFA_GAP_DELIMITER);
        } else {
          out.record(view.bytes.subspan(used, at - used), at + 1);
        }
        used = search = at + 1;
      }
      if (view.end && used < view.bytes.size()) {
        out.record(view.bytes.subspan(used), view.bytes.size(), KIFA_RECORD_PARTIAL);
      }
      return {};
    }

   private:
    Semicolon& framing_;
  };

 private:
  bool skip_empty_ = false;
};

class Ticker final : public Source {
 public:
  explicit Ticker(Host host)
      : Source(host), ticks_(host.counter("ticks", "records", "Ticks so far.")) {}

  Status configure(const Settings& settings) override {
    left_ = settings.integer("count");
    return {};
  }
  Status poll(Emitter out, std::int64_t /*deadline_mono_ns*/) override {
    if (left_ == 0) {
      return Status::end();
    }
    if (!is_open_) {
      if (const kifa_status status = out.open({.stream = 1}); status != KIFA_OK) {
        return status;
      }
      is_open_ = true;
    }
    const kifa_status status =
        out.chunk({.stream = 1, .data = bytes_of(kTick), .position = position_});
    if (status == KIFA_OK) {
      position_ += kTick.size();
      --left_;
      ticks_.add();
    }
    return status;
  }

 private:
  static constexpr std::string_view kTick = "tick;";

  Metric ticks_;
  std::uint64_t position_ = 0;
  std::int64_t left_ = 0;
  bool is_open_ = false;
};

class Swallow final : public Sink {
 public:
  using Sink::Sink;
  Status write(Batches batches, std::uint32_t& taken) override {
    for (const BatchView batch : batches) {
      host().settle(batch.ticket(), next_lsn_, KIFA_OK);
      next_lsn_ += batch.records().size();
      ++taken;
    }
    return {};
  }

 private:
  std::uint64_t next_lsn_ = 1;
};

class Plain final : public Formatter {
 public:
  using Formatter::Formatter;
  Status format(const Records& records, Writer out) override {
    for (const kifa_record& record : records) {
      if (const kifa_status status = out.append(bytes_of(record.payload)); status != KIFA_OK) {
        return status;
      }
    }
    return {};
  }
};

constexpr auto kFramingOptions =
    options(option::boolean("skip_empty", "Drop records without a byte.").by_default("false"));
constexpr auto kSourceOptions =
    options(option::integer("count", "How many.").unit("records").range(0, 1000).by_default("2"));
constexpr kifa_component kComponents[] = {
    framing<Semicolon>("semicolon", "Ends a record at every semicolon.", kFramingOptions),
    source<Ticker>("ticker", "Ticks.", kSourceOptions),
    sink<Swallow>("swallow", "Takes everything and keeps nothing."),
    formatter<Plain>("plain", "The payload and nothing else.")};
constexpr kifa_plugin kPlugin = plugin(
    {"com.example.good-cpp", "1.0.0", "Example Ltd", "https://example.com", "MIT"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
