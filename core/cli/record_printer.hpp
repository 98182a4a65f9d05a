#pragma once

#include <kifa/plugin.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/cli/byte_sink.hpp"
#include "core/cli/record_batch.hpp"
#include "core/plugin/instance.hpp"
#include "core/plugin/registry.hpp"
#include "core/store/records.hpp"

namespace kifa::cli {

// Prints records through a formatter plugin.
//
// After flush() or finish() returned ok, everything given has been formatted and handed on by the
// output.
//
// Threads: confined.
// Errors:  of the output as it gives them (EPIPE: the reader has gone); a formatter's own failure
//          names it.
class RecordPrinter final {
 public:
  // Finds, configures and starts the formatter `type`; `options` are NAME=VALUE, see
  // format_options.hpp. `output` must live as long.
  static Result<std::unique_ptr<RecordPrinter>> open(plugin::Registry& registry,
                                                     const std::string& type,
                                                     const std::vector<std::string>& options,
                                                     ByteSink& output);
  RecordPrinter(const RecordPrinter&) = delete;
  RecordPrinter& operator=(const RecordPrinter&) = delete;
  ~RecordPrinter() = default;

  Status begin();
  Status print(const store::RecordView& record);  // may be kept back until more have gathered
  Status print_text(std::string_view text);       // beside the formatter: an event
  Status flush();                                 // more may follow
  Status finish();

 private:
  explicit RecordPrinter(ByteSink& output);
  static kifa_status append(const kifa_writer* writer, const void* data, size_t size) noexcept;
  Status format_batch();
  Status outcome(kifa_status status, const kifa_error& error) const;

  ByteSink& output_;
  Status output_status_;
  kifa_writer writer_;
  std::unique_ptr<plugin::Instance> formatter_;
  RecordBatch batch_;
};

}  // namespace kifa::cli
