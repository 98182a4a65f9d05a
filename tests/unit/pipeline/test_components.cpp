#include "tests/unit/pipeline/test_components.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace kifa::test {

namespace {

template <class T>
T& script_of(const sdk::Settings& settings) {
  return *reinterpret_cast<T*>(settings.integer("script"));
}

class TestSource : public sdk::Source {
 public:
  using Source::Source;
  sdk::Status configure(const sdk::Settings& settings) override {
    script_ = &script_of<SourceScript>(settings);
    script_->host = host().raw();
    return {};
  }
  sdk::Status start() override {
    script_->heard.add("start");
    return script_->start ? script_->start() : sdk::Status();
  }
  sdk::Status stop(std::int64_t /*deadline*/) override {
    script_->heard.add("stop");
    return {};
  }
  sdk::Status resume(const sdk::Strided<kifa_checkpoint>& checkpoints) override {
    std::string all = "resume";
    for (const kifa_checkpoint& entry : checkpoints) {
      all += fmt::format(" {}={}", sdk::text_of(entry.key), entry.position);
    }
    script_->heard.add(all);
    return {};
  }
  sdk::Status poll(sdk::Emitter out, std::int64_t /*deadline*/) override {
    script_->heard.add(out.draining() ? "poll draining" : "poll");
    script_->last_room = out.room();
    SourceScript::Poll next;
    {
      const std::lock_guard lock(script_->mutex);
      if (!script_->polls.empty()) {
        next = std::move(script_->polls.front());
        script_->polls.pop_front();
      } else {
        next = script_->otherwise;
      }
    }
    if (next) {
      return next(out);
    }
    return out.draining() ? sdk::Status::end() : sdk::Status::again();
  }
  void descriptors(sdk::Descriptors& out) override {
    for (const kifa_fd& fd : script_->fds) {
      out.add(fd.fd, fd.events, fd.flags);
    }
  }
  void acknowledge(std::uint64_t stream, std::uint64_t position, kifa_status status) override {
    script_->heard.add(fmt::format("ack {} {} {}", stream, position, status));
  }
  sdk::Status reply(std::uint64_t stream, sdk::Bytes bytes) override {
    script_->heard.add(fmt::format("reply {} {}", stream, sdk::text_of(bytes)));
    return {};
  }
  void release(std::uint64_t stream) override {
    script_->heard.add(fmt::format("release {}", stream));
  }

 private:
  SourceScript* script_ = nullptr;
};

class TestSink : public sdk::Sink {
 public:
  using Sink::Sink;
  sdk::Status configure(const sdk::Settings& settings) override {
    script_ = &script_of<SinkScript>(settings);
    script_->host = host().raw();
    return {};
  }
  sdk::Status start() override {
    script_->heard.add("start");
    return script_->start ? script_->start() : sdk::Status();
  }
  sdk::Status stop(std::int64_t /*deadline*/) override {
    script_->heard.add("stop");
    return {};
  }
  sdk::Status write(sdk::Batches batches, std::uint32_t& taken) override {
    SinkScript::Write next;
    {
      const std::lock_guard lock(script_->mutex);
      ++script_->write_calls;
      if (!script_->writes.empty()) {
        next = std::move(script_->writes.front());
        script_->writes.pop_front();
      }
    }
    if (next) {
      return next(batches, taken);
    }
    if (script_->stalled) {
      return sdk::Status::again();
    }
    for (const sdk::BatchView batch : batches) {
      const kifa_receipt receipt = script_->keep(batch);
      ++taken;
      if (script_->settles_at_once) {
        host().settle({&receipt, 1});
      } else {
        const std::lock_guard lock(script_->mutex);
        script_->unsettled.push_back(receipt);
      }
    }
    return {};
  }
  sdk::Status flush(std::int64_t /*deadline*/) override {
    script_->heard.add("flush");
    if (script_->flush) {
      return script_->flush();
    }
    return {};
  }
  sdk::Status load_checkpoints(std::string_view origin, sdk::CheckpointOut out) override {
    script_->heard.add(fmt::format("load {}", origin));
    const std::string prefix = std::string(origin) + " ";
    for (const auto& [name, entry] : script_->checkpoints) {
      if (name.starts_with(prefix)) {
        const kifa_status status = out.entry({.key = std::string_view(name).substr(prefix.size()),
                                              .position = entry.position,
                                              .state = sdk::bytes_of(entry.state)});
        if (status != KIFA_OK) {
          return status;
        }
      }
    }
    return {};
  }

 private:
  SinkScript* script_ = nullptr;
};

class LineStream {
 public:
  LineStream(FramingScript& script, const kifa_stream& stream)
      : script_(script), datagram_((stream.flags & KIFA_STREAM_DATAGRAM) != 0) {}

  sdk::Status feed(sdk::View view, sdk::FramingOut out) {
    ++script_.feeds;
    script_.bytes_shown += view.bytes.size() - view.fresh;
    std::size_t used = 0;
    for (std::size_t i = view.fresh; i < view.bytes.size(); ++i) {
      if (view.bytes[i] != '\n') {
        continue;
      }
      sdk::Bytes line = view.bytes.subspan(used, i - used);
      if (!line.empty() && line.back() == '\r') {
        line = line.first(line.size() - 1);
      }
      if (!script_.fails_at.empty() && sdk::text_of(line) == script_.fails_at) {
        return sdk::Status::invalid("this line is not to be");
      }
      used = i + 1;
      take(out, line, used);
    }
    if (view.tick) {
      script_.heard.add(fmt::format("tick {}", view.bytes.size()));
    }
    if ((view.end || view.tick) && used < view.bytes.size()) {
      out.record(view.bytes.subspan(used), view.bytes.size(),
                 datagram_ ? 0 : static_cast<std::uint32_t>(KIFA_RECORD_PARTIAL));
      used = view.bytes.size();
    }
    if (script_.silence_ns != 0 && used < view.bytes.size()) {
      out.wake_at(out.now_mono_ns() + script_.silence_ns);
    }
    return {};
  }
  void durable(sdk::FramingOut out, std::span<const kifa_outcome> outcomes) {
    for (const kifa_outcome& outcome : outcomes) {
      const bool filtered = (outcome.flags & KIFA_OUTCOME_FILTERED) != 0;
      script_.heard.add(
          fmt::format("outcome {} {}{}", outcome.lsn, outcome.status, filtered ? " filtered" : ""));
      if (script_.reply_when_durable) {
        out.reply(outcome.status < 0 ? fmt::format("ERR {}\n", outcome.status)
                                     : fmt::format("OK {}\n", outcome.lsn));
      }
    }
  }

 private:
  // `?` asks for a status at once; `#` separates records and belongs to none; others are records.
  void take(sdk::FramingOut out, sdk::Bytes line, std::size_t used) {
    if (sdk::text_of(line) == "?") {
      out.skip(used, KIFA_GAP_DELIMITER);
      out.reply(script_.reply_at_arrival);
    } else if (sdk::text_of(line).starts_with("#")) {
      out.skip(used, KIFA_GAP_MALFORMED);
    } else {
      out.record(line, used);
    }
  }

  FramingScript& script_;
  const bool datagram_;
};

class AnsweringLines : public sdk::Framing {
 public:
  using Framing::Framing;
  class Stream : public LineStream {
   public:
    Stream(AnsweringLines& framing, const kifa_stream& stream)
        : LineStream(*framing.script_, stream) {}
  };
  sdk::Status configure(const sdk::Settings& settings) override {
    script_ = &script_of<FramingScript>(settings);
    return {};
  }

 private:
  FramingScript* script_ = nullptr;
};

class Lines : public sdk::Framing {
 public:
  using Framing::Framing;
  class Stream {
   public:
    Stream(Lines& framing, const kifa_stream& stream) : lines_(*framing.script_, stream) {}
    sdk::Status feed(sdk::View view, sdk::FramingOut out) { return lines_.feed(view, out); }

   private:
    LineStream lines_;
  };
  sdk::Status configure(const sdk::Settings& settings) override {
    script_ = &script_of<FramingScript>(settings);
    return {};
  }

 private:
  FramingScript* script_ = nullptr;
};

class TestFormatter : public sdk::Formatter {
 public:
  using Formatter::Formatter;
  sdk::Status begin(sdk::Writer out) override { return out.append(std::string_view("BEGIN\n")); }
  sdk::Status format(const sdk::Records& records, sdk::Writer out) override {
    for (const kifa_record& record : records) {
      const std::string line = fmt::format("[{}] {}\n", record.lsn, sdk::text_of(record.payload));
      if (const kifa_status status = out.append(std::string_view(line)); status != KIFA_OK) {
        return status;
      }
    }
    return {};
  }
  sdk::Status end(sdk::Writer out) override { return out.append(std::string_view("END\n")); }
};

constexpr kifa_component kComponents[] = {
    sdk::source<TestSource>("test_bytes", "Gives bytes as its script says.", {},
                            KIFA_SOURCE_BYTES | KIFA_SOURCE_REPLIES),
    sdk::source<TestSource>("test_records", "Gives records as its script says.", {},
                            KIFA_SOURCE_RECORDS | KIFA_SOURCE_REPLIES),
    sdk::sink<TestSink>("test_sink", "Keeps everything in memory.", {}, KIFA_SINK_CHECKPOINTS),
    sdk::sink<TestSink>("test_text", "Keeps text in memory.", {},
                        KIFA_SINK_CHECKPOINTS | KIFA_SINK_TEXT),
    sdk::framing<Lines>("lines", "Lines."),
    sdk::framing<AnsweringLines>("answering_lines", "Lines that are answered when durable."),
    sdk::formatter<TestFormatter>("test_format", "One line each."),
    sdk::source<TestSource>("test_live", "Gives bytes that nobody keeps back.", {},
                            KIFA_SOURCE_BYTES | KIFA_SOURCE_REPLIES | KIFA_SOURCE_LIVE),
};
constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.test", "1.0.0", "kifa", "", "MIT"}, kComponents);

plugin::Component component(std::size_t index) {
  return {&kPlugin, &kComponents[index], "built in"};
}

}  // namespace

std::vector<std::string> Heard::of(std::string_view word) const {
  std::vector<std::string> found;
  for (const std::string& what : all()) {
    if (what.starts_with(word)) {
      found.push_back(what);
    }
  }
  return found;
}

kifa_receipt SinkScript::keep(sdk::BatchView batch) {
  const std::lock_guard lock(mutex);
  const std::uint64_t first = next_lsn;
  for (const kifa_record& record : batch.records()) {
    StoredRecord kept;
    kept.lsn = next_lsn++;
    kept.origin = std::string(batch.origin());
    kept.payload = std::string(sdk::text_of(record.payload));
    kept.flags = record.flags;
    kept.attrs = record.attrs;
    for (std::uint32_t i = 0; i < record.attr_count; ++i) {
      kept.attributes.emplace_back(sdk::text_of(record.attrs[i].key),
                                   sdk::text_of(record.attrs[i].value));
    }
    kept.write = write_calls;
    records.push_back(std::move(kept));
  }
  for (const kifa_gap& gap : batch.gaps()) {
    gaps.push_back({next_lsn - 1, gap.reason, gap.stream, gap.records, gap.bytes,
                    std::string(sdk::text_of(gap.detail))});
  }
  for (const kifa_checkpoint& entry : batch.checkpoints()) {
    const std::string name =
        std::string(batch.origin()) + " " + std::string(sdk::text_of(entry.key));
    if ((entry.flags & KIFA_CHECKPOINT_FORGET) != 0) {
      checkpoints.erase(name);
    } else {
      checkpoints[name] = {entry.position, std::string(sdk::text_of(entry.state))};
    }
  }
  text += batch.text();
  batch_sizes.push_back(batch.records().size());
  return {batch.ticket(), first, KIFA_OK, 0};
}

void SinkScript::settle(std::size_t count, kifa_status status) {
  std::vector<kifa_receipt> receipts;
  {
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < count && !unsettled.empty(); ++i) {
      receipts.push_back(unsettled.front());
      receipts.back().status = status;
      unsettled.pop_front();
    }
  }
  if (!receipts.empty()) {
    host->settle(host, receipts.data(), static_cast<std::uint32_t>(receipts.size()));
  }
}

void SinkScript::settle_all(kifa_status status) { settle(SIZE_MAX, status); }

std::vector<std::string> SinkScript::payloads() const {
  const std::lock_guard lock(mutex);
  std::vector<std::string> all;
  all.reserve(records.size());
  for (const StoredRecord& record : records) {
    all.push_back(record.payload);
  }
  return all;
}

std::size_t SinkScript::record_count() const {
  const std::lock_guard lock(mutex);
  return records.size();
}

plugin::Component source_component(bool whole_records) { return component(whole_records ? 1 : 0); }
plugin::Component live_source_component() { return component(7); }
plugin::Component sink_component(bool text) { return component(text ? 3 : 2); }
plugin::Component framing_component(bool answers) { return component(answers ? 5 : 4); }
plugin::Component formatter_component() { return component(6); }

config::Setting script_setting(const void* script) {
  config::Setting setting;
  setting.name = "script";
  setting.type = config::OptionType::integer;
  setting.integer = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(script));
  return setting;
}

}  // namespace kifa::test
