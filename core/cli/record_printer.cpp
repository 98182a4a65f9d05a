#include "core/cli/record_printer.hpp"

#include <utility>

#include "core/base/assert.hpp"
#include "core/cli/format_options.hpp"
#include "core/cli/messages.hpp"
#include "core/plugin/component_settings.hpp"

namespace kifa::cli {
RecordPrinter::RecordPrinter(ByteSink& output)
    : output_(output),
      writer_{.struct_size = sizeof(kifa_writer), .reserved0 = 0, .ctx = this, .append = append} {}

Result<std::unique_ptr<RecordPrinter>> RecordPrinter::open(plugin::Registry& registry,
                                                           const std::string& type,
                                                           const std::vector<std::string>& options,
                                                           ByteSink& output) {
  auto component = registry.find(KIFA_KIND_FORMATTER, type);
  if (!component) {
    return component.status();
  }
  std::unique_ptr<RecordPrinter> printer(new RecordPrinter(output));
  plugin::HostCallbacks callbacks;
  callbacks.log = [](std::int32_t level, std::string_view message) {
    if (level >= KIFA_LOG_WARN) {
      complain(message);
    }
  };
  auto formatter = plugin::Instance::create(*component, "query/" + type, std::move(callbacks));
  if (!formatter) {
    return formatter.status();
  }
  printer->formatter_ = std::move(*formatter);
  auto bound = format_settings(*component->component, options);
  if (!bound) {
    return bound.status();
  }
  const plugin::AbiSettings settings(std::move(*bound));
  KIFA_TRY(printer->formatter_->configure(settings.view()));
  KIFA_TRY(printer->formatter_->start());
  return printer;
}

kifa_status RecordPrinter::append(const kifa_writer* writer, const void* data,
                                  size_t size) noexcept {
  auto* self = static_cast<RecordPrinter*>(writer->ctx);
  try {
    self->output_status_ = self->output_.append({static_cast<const char*>(data), size});
  } catch (...) {  // out of memory: nothing may be thrown through the plugin
    self->output_status_ = Status(Code::no_memory, "no memory left for output");
  }
  return self->output_status_ ? KIFA_OK : KIFA_IO;
}

// What stopped the output is more telling than that the formatter gave up because of it.
Status RecordPrinter::outcome(kifa_status status, const kifa_error& error) const {
  KIFA_TRY(output_status_);
  return plugin::status_from(status, error, formatter_->name());
}

Status RecordPrinter::begin() {
  const kifa_formatter* table = formatter_->formatter();
  if (table->begin == nullptr) {
    return {};
  }
  kifa_error error = plugin::empty_error();
  return outcome(table->begin(formatter_->raw(), &writer_, &error), error);
}

Status RecordPrinter::print(const store::RecordView& record) {
  if (batch_.add(record)) {
    return {};
  }
  KIFA_TRY(format_batch());
  KIFA_ASSERT(batch_.add(record));
  return {};
}

Status RecordPrinter::format_batch() {
  const auto& records = batch_.records();
  if (records.empty()) {
    return {};
  }
  kifa_error error = plugin::empty_error();
  const kifa_status formatted = formatter_->formatter()->format(
      formatter_->raw(), records.data(), static_cast<std::uint32_t>(records.size()),
      sizeof(kifa_record), &writer_, &error);
  batch_.clear();
  return outcome(formatted, error);
}

Status RecordPrinter::print_text(std::string_view text) {
  KIFA_TRY(format_batch());
  return output_.append(text);
}

Status RecordPrinter::flush() {
  KIFA_TRY(format_batch());
  return output_.flush();
}

Status RecordPrinter::finish() {
  KIFA_TRY(format_batch());
  const kifa_formatter* table = formatter_->formatter();
  if (table->end != nullptr) {
    kifa_error error = plugin::empty_error();
    KIFA_TRY(outcome(table->end(formatter_->raw(), &writer_, &error), error));
  }
  return output_.flush();
}

}  // namespace kifa::cli
