// Formatter `csv`: a row a record, for spreadsheets and databases (RFC 4180).
//
//   lsn,timestamp,pipeline,source,data,data_base64
//   1,2026-01-31T18:30:00.123456789Z,"till-1","app","{""txn"":""TXN-001""}",
//
// Texts are quoted always, numbers and times never. A payload that is no text (not UTF-8, or with
// control characters other than tab, CR and LF) stands in `data_base64` and leaves `data` empty; if
// `data_base64` is chosen alone, all payloads stand there. So a parser gets every byte back.
//
// `formula_guard: true` puts an apostrophe before texts that a spreadsheet may take for a formula,
// and before those that begin with an apostrophe: who reads takes away one from each that has any.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "plugins/formatters/csv/cell.hpp"
#include "plugins/formatters/csv/columns.hpp"
#include "plugins/formatters/shared/base64.hpp"
#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/record_text.hpp"
#include "plugins/formatters/shared/time_text.hpp"

namespace {

namespace sdk = kifa::sdk;
namespace csv = kifa::plugins::csv;
using csv::Content;
using kifa::plugins::attribute_text;
using kifa::plugins::OutputBuffer;
using kifa::plugins::SecondText;
using kifa::plugins::UnixTime;
using kifa::plugins::write_number;

constexpr std::size_t kNumbersBytesMax = 32;  // of a cell that is a number or a time

class Csv final : public sdk::Formatter {
 public:
  using Formatter::Formatter;

  sdk::Status configure(const sdk::Settings& settings) override {
    columns_ = csv::columns_of(settings.has("columns") ? settings.list("columns")
                                                       : std::vector<std::string>());
    delimiter_ = csv::delimiter_of(settings.text("delimiter"));
    line_end_ = settings.text("line_end") == "lf" ? "\n" : "\r\n";
    header_ = settings.boolean("header");
    guard_ = settings.boolean("formula_guard");
    has_data_ = std::any_of(columns_.begin(), columns_.end(), [](const csv::Column& column) {
      return column.content == Content::data;
    });
    return {};
  }

  sdk::Status begin(sdk::Writer out) override {
    buffer_.clear();
    if (!header_) {
      return {};
    }
    bool is_first = true;
    for (const csv::Column& column : columns_) {
      kifa_status status = KIFA_OK;
      begin_cell(is_first);
      is_first = false;
      if (column.content == Content::attribute) {
        status = write_text(column.name, out);
      } else {
        buffer_.append(column.name);
      }
      if (status != KIFA_OK) {
        return status;
      }
    }
    buffer_.append(line_end_);
    return buffer_.hand_over(out);
  }

  sdk::Status format(const sdk::Records& records, sdk::Writer out) override {
    buffer_.clear();
    for (const kifa_record& record : records) {
      const bool is_text = has_data_ && csv::is_text(sdk::bytes_of(record.payload));
      bool is_first = true;
      for (const csv::Column& column : columns_) {
        begin_cell(is_first);
        is_first = false;
        if (const kifa_status status = write_cell(column, record, is_text, out);
            status != KIFA_OK) {
          return status;
        }
      }
      buffer_.append(line_end_);
      if (const kifa_status status = buffer_.hand_over_if_large(out); status != KIFA_OK) {
        return status;
      }
    }
    return buffer_.hand_over(out);
  }

 private:
  void begin_cell(bool is_first) {
    if (!is_first) {
      buffer_.append({&delimiter_, 1});
    }
  }

  // `is_text`: the payload is, and a column holds it as such.
  kifa_status write_cell(const csv::Column& column, const kifa_record& record, bool is_text,
                         sdk::Writer out) {
    switch (column.content) {
      case Content::data:
        return is_text ? write_quoted(sdk::text_of(record.payload), out) : KIFA_OK;
      case Content::data_base64:
        return is_text ? KIFA_OK : write_base64(sdk::bytes_of(record.payload), out);
      case Content::pipeline:
        return write_text(attribute_text(record, kifa::plugins::kPipelineKey), out);
      case Content::source:
        return write_text(attribute_text(record, kifa::plugins::kSourceKey), out);
      case Content::attribute:
        return write_text(attribute_text(record, column.key), out);
      case Content::flags:
        kifa::plugins::append_flags(buffer_, record.flags, " ");
        return KIFA_OK;
      default:
        buffer_.advance_to(write_numbers(column.content, record, buffer_.room(kNumbersBytesMax)));
        return KIFA_OK;
    }
  }

  char* write_numbers(Content content, const kifa_record& record, char* at) {
    switch (content) {
      case Content::lsn:
        return record.lsn != 0 ? write_number(at, record.lsn) : at;
      case Content::timestamp:
        return second_.write_timestamp(at, UnixTime::from_ns(record.observed_unix_ns));
      case Content::timestamp_ms:
        return write_number(at, UnixTime::from_ns(record.observed_unix_ns).milliseconds());
      case Content::timestamp_ns:
        return write_number(at, record.observed_unix_ns);
      default:
        return write_number(at, record.payload.size);
    }
  }

  kifa_status write_text(std::string_view value, sdk::Writer out) {
    if (csv::is_text(sdk::bytes_of(value))) {
      return write_quoted(value, out);
    }
    visible_.clear();
    csv::make_visible(visible_, sdk::bytes_of(value));
    return write_quoted(visible_.view(), out);
  }

  kifa_status write_quoted(std::string_view value, sdk::Writer out) {
    buffer_.append(guard_ && csv::looks_like_formula(value) ? "\"'" : "\"");
    const kifa_status status = csv::write_doubling_quotes(buffer_, sdk::bytes_of(value), out);
    buffer_.append("\"");
    return status;
  }

  kifa_status write_base64(sdk::Bytes payload, sdk::Writer out) {
    // Of the starts of a formula base64 has one: + for payloads that begin with the bits 111110.
    if (guard_ && !payload.empty() && payload.front() >> 2U == 0x3EU) {
      buffer_.append("'");
    }
    return kifa::plugins::write_base64(buffer_, payload, out);
  }

  std::vector<csv::Column> columns_;
  bool has_data_ = false;
  char delimiter_ = ',';
  std::string_view line_end_;
  bool header_ = true;
  bool guard_ = false;
  OutputBuffer buffer_;
  OutputBuffer visible_;  // of one cell
  SecondText second_;
};

constexpr auto kOptions = sdk::options(
    sdk::option::list("columns",
                      "Which columns, in this order: lsn, timestamp, timestamp_ms, timestamp_ns, "
                      "pipeline, source, attr.KEY, flags, size, data, data_base64. Otherwise lsn, "
                      "timestamp, pipeline, source, data, data_base64."),
    sdk::option::boolean("header", "Writes a first row with the names of the columns.")
        .by_default("true"),
    sdk::option::text("delimiter",
                      "Stands between cells: comma, semicolon, pipe or tab, or the character.")
        .by_default("comma"),
    sdk::option::choice("line_end", "Ends a row: CR LF, as RFC 4180 wants it, or LF.", "crlf|lf")
        .by_default("crlf"),
    sdk::option::boolean("formula_guard",
                         "Puts an apostrophe before texts that a spreadsheet may take for a "
                         "formula, and before those that begin with one.")
        .by_default("false"));

constexpr kifa_component kComponents[] = {
    sdk::formatter<Csv>("csv", "A row a record, for spreadsheets and databases.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.formatter.csv", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
