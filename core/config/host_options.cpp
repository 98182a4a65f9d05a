#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/limits.hpp"
#include "core/base/types.hpp"
#include "core/config/deployment.hpp"

namespace kifa::config {
namespace {

constexpr double kMillisecond = 1e6;
constexpr double kSecond = 1e9;
constexpr double kHour = 3600 * kSecond;
constexpr double kDay = 24 * kHour;

[[nodiscard]] OptionSpec option(std::string_view name, OptionType type, std::string fallback,
                                std::optional<double> min, std::optional<double> max,
                                std::string summary) {
  OptionSpec spec;
  spec.name = name;
  spec.type = type;
  spec.summary = std::move(summary);
  spec.default_text = std::move(fallback);
  spec.min = min;
  spec.max = max;
  return spec;
}
[[nodiscard]] OptionSpec duration(std::string_view name, std::string fallback, double min,
                                  double max, std::string summary) {
  return option(name, OptionType::duration, std::move(fallback), min, max, std::move(summary));
}
[[nodiscard]] OptionSpec size(std::string_view name, std::string fallback, std::uint64_t min,
                              std::uint64_t max, std::string summary) {
  return option(name, OptionType::size, std::move(fallback), static_cast<double>(min),
                static_cast<double>(max), std::move(summary));
}

[[nodiscard]] OptionSpec text(std::string_view name, std::string summary) {
  return option(name, OptionType::string, "", {}, {}, std::move(summary));
}

[[nodiscard]] std::vector<OptionSpec> make_ack_options() {
  OptionSpec ack = option(host_option::kAck, OptionType::enumeration, "none", {}, {},
                          "What a sender hears of each record once it is durable or refused: "
                          "nothing, `OK <lsn>` or `ERR <reason>` and a line feed, one byte, or "
                          "texts of your own.");
  ack.choices = {"none", "line", "byte", "template"};
  return {
      ack,
      option(host_option::kAckByte, OptionType::integer, "6", 0, 255,
             "With `ack: byte`: says that a record is durable."),
      option(host_option::kNakByte, OptionType::integer, "21", 0, 255,
             "With `ack: byte`: says that a record is refused."),
      text(host_option::kAckOk,
           "With `ack: template`: says that a record is durable; {lsn} is its number."),
      text(host_option::kAckError,
           "With `ack: template`: says that a record is refused; {reason} is why."),
  };
}

[[nodiscard]] std::vector<OptionSpec> make_source_options() {
  std::vector<OptionSpec> options = {
      duration(host_option::kLinger, "5ms", 0, 10 * kSecond,
               "How long records may wait for others to fill a batch while the source has more."),
      size(host_option::kIntake, "4MiB", 64_KiB, 1_GiB,
           "Records that may wait in front of a full sink before the source is no longer read."),
      option(host_option::kBatchRecordsMax, OptionType::integer, "8192", 1, 65536,
             "Records in one batch at most."),
      size(host_option::kBatchBytesMax, "1MiB", 4_KiB, 16_MiB,
           "Payload of one batch at most; a single larger record is a batch of its own."),
      duration(host_option::kRetryMin, "1s", 10 * kMillisecond, kHour,
               "First wait before a source that is unavailable is started again; it grows from "
               "try to try."),
      duration(host_option::kRetryMax, "1m", 10 * kMillisecond, kDay,
               "Longest wait between two tries to start a source."),
  };
  for (OptionSpec& spec : options) {
    spec.unit = spec.name == host_option::kBatchRecordsMax ? "records" : "";
  }
  std::ranges::move(make_ack_options(), std::back_inserter(options));
  return options;
}

[[nodiscard]] std::vector<OptionSpec> make_framing_options() {
  OptionSpec oversize;
  oversize.name = host_option::kOversize;
  oversize.type = OptionType::enumeration;
  oversize.default_text = "split";
  oversize.choices = {"split", "truncate", "reject"};
  oversize.summary =
      "What becomes of a record longer than record_bytes_max: several records, its beginning, or "
      "nothing but a recorded gap.";
  static_assert(limits::kRecordBytesMaxDefault == 1_MiB);
  return {
      size(host_option::kRecordBytesMax, "1MiB", 64, limits::kRecordBytesMaxHighest,
           "Payload of one record at most."),
      oversize,
      duration(host_option::kIdleTimeout, "0s", 0, kDay,
               "Silence after which what has arrived of a record becomes a record of its own; 0s: "
               "wait for its end."),
  };
}

[[nodiscard]] std::vector<OptionSpec> make_sink_options() {
  OptionSpec required;
  required.name = host_option::kRequired;
  required.type = OptionType::boolean;
  required.default_text = "true";
  required.summary =
      "Whether this sink decides what is acknowledged and keeps the checkpoints; exactly one sink "
      "of a pipeline does, the others get copies as far as they keep up.";
  OptionSpec queue_records =
      option(host_option::kQueueRecords, OptionType::integer, "0", 0, 1e9,
             "The same in records; 0: only their size counts. A single batch may be larger.");
  queue_records.unit = "records";
  return {
      required,
      size(host_option::kQueue, "8MiB", 64_KiB, 1_GiB,
           "Batches that may wait for the sink before its sources are held back."),
      queue_records,
      duration(host_option::kStopTimeout, "10s", 100 * kMillisecond, kHour,
               "How long the sink may take to finish what it has been given when kifa stops."),
  };
}

}  // namespace

const std::vector<OptionSpec>& source_host_options() {
  static const std::vector<OptionSpec> options = make_source_options();
  return options;
}

const std::vector<OptionSpec>& framing_host_options() {
  static const std::vector<OptionSpec> options = make_framing_options();
  return options;
}

const std::vector<OptionSpec>& sink_host_options() {
  static const std::vector<OptionSpec> options = make_sink_options();
  return options;
}

}  // namespace kifa::config
