#include "core/pipeline/settings.hpp"

#include <string_view>
#include <vector>

#include "core/base/assert.hpp"

namespace kifa::pipeline {

namespace {

// Sets `to` to the integer of the setting `name`, if it is there.
template <class T>
void read(const std::vector<config::Setting>& settings, std::string_view name, T& to) {
  if (const config::Setting* setting = config::find_setting(settings, name)) {
    KIFA_ASSERT(setting->integer >= 0);  // the declaration's range says so
    to = static_cast<T>(setting->integer);
  }
}

std::string_view text_of(const std::vector<config::Setting>& settings, std::string_view name) {
  const config::Setting* setting = config::find_setting(settings, name);
  return setting != nullptr ? std::string_view(setting->text) : std::string_view();
}

std::string byte_of(const std::vector<config::Setting>& settings, std::string_view name) {
  std::uint8_t byte = 0;
  read(settings, name, byte);
  return {static_cast<char>(byte)};
}

AckOptions ack_options_of(const std::vector<config::Setting>& settings) {
  namespace names = config::host_option;
  const std::string_view kind = text_of(settings, names::kAck);
  if (kind == "line") {
    return line_acks();
  }
  if (kind == "byte") {
    return {.ok = byte_of(settings, names::kAckByte), .error = byte_of(settings, names::kNakByte)};
  }
  if (kind == "template") {
    return {.ok = std::string(text_of(settings, names::kAckOk)),
            .error = std::string(text_of(settings, names::kAckError))};
  }
  return {};
}

Oversize oversize_of(std::string_view text) {
  if (text == "truncate") {
    return Oversize::truncate;
  }
  return text == "reject" ? Oversize::reject : Oversize::split;
}

}  // namespace

SourceOptions source_options_of(const config::SourceConfig& source) {
  namespace names = config::host_option;
  SourceOptions options;
  read(source.host, names::kLinger, options.linger_ns);
  read(source.host, names::kIntake, options.intake_bytes_max);
  read(source.host, names::kBatchRecordsMax, options.batch.records_max);
  read(source.host, names::kBatchBytesMax, options.batch.bytes_max);
  read(source.host, names::kRetryMin, options.retry_min_ns);
  read(source.host, names::kRetryMax, options.retry_max_ns);
  options.ack = ack_options_of(source.host);
  read(source.framing_host, names::kRecordBytesMax, options.framer.record_bytes_max);
  read(source.framing_host, names::kIdleTimeout, options.idle_timeout_ns);
  if (const config::Setting* setting =
          config::find_setting(source.framing_host, names::kIdleTimeout)) {
    options.idle_timeout_explicit = !setting->defaulted;
  }
  if (const config::Setting* setting =
          config::find_setting(source.framing_host, names::kOversize)) {
    options.framer.oversize = oversize_of(setting->text);
  }
  return options;
}

SinkOptions sink_options_of(const config::SinkConfig& sink) {
  namespace names = config::host_option;
  SinkOptions options;
  options.required = sink.required;
  read(sink.host, names::kQueue, options.queue_bytes_max);
  read(sink.host, names::kQueueRecords, options.queue_records_max);
  read(sink.host, names::kStopTimeout, options.stop_timeout_ns);
  return options;
}

}  // namespace kifa::pipeline
