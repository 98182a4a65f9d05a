#include "core/cli/record_printer.hpp"

#include <utility>

#include "core/cli/component_settings.hpp"
#include "core/cli/messages.hpp"

namespace kifa::cli {
namespace {

kifa_str as_kifa(std::string_view text) { return {.data = text.data(), .size = text.size()}; }

}  // namespace

RecordPrinter::RecordPrinter(int descriptor)
    : output_(descriptor),
      writer_{.struct_size = sizeof(kifa_writer), .reserved0 = 0, .ctx = this, .append = append} {}

Result<std::unique_ptr<RecordPrinter>> RecordPrinter::open(plugin::Registry& registry,
                                                           const std::string& type,
                                                           int descriptor) {
  auto component = registry.find(KIFA_KIND_FORMATTER, type);
  if (!component) {
    return component.status();
  }
  std::unique_ptr<RecordPrinter> printer(new RecordPrinter(descriptor));
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
  const DefaultSettings settings(*component->component);
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

// Origin first, then the record's own, as records travel in a pipeline.
void RecordPrinter::set_attributes(const store::RecordView& record) {
  attributes_.clear();
  attributes_.push_back({.key = as_kifa("kifa.pipeline"), .value = as_kifa(record.pipeline)});
  attributes_.push_back({.key = as_kifa("kifa.source"), .value = as_kifa(record.source)});
  for (const store::Attribute& attribute : record.attributes) {
    attributes_.push_back({.key = as_kifa(attribute.key), .value = as_kifa(attribute.value)});
  }
}

Status RecordPrinter::print(const store::RecordView& record) {
  set_attributes(record);
  const std::string_view payload = as_text(record.payload);
  const kifa_record printed = {
      .lsn = record.lsn.value,
      .observed_unix_ns = record.observed_unix_ns,
      .payload = {.data = reinterpret_cast<const std::uint8_t*>(payload.data()),
                  .size = payload.size()},
      .attrs = attributes_.data(),
      .attr_count = static_cast<std::uint32_t>(attributes_.size()),
      .flags = record.flags};
  kifa_error error = plugin::empty_error();
  return outcome(formatter_->formatter()->format(formatter_->raw(), &printed, 1,
                                                 sizeof(kifa_record), &writer_, &error),
                 error);
}

Status RecordPrinter::print_text(std::string_view text) { return output_.append(text); }

Status RecordPrinter::finish() {
  const kifa_formatter* table = formatter_->formatter();
  if (table->end != nullptr) {
    kifa_error error = plugin::empty_error();
    KIFA_TRY(outcome(table->end(formatter_->raw(), &writer_, &error), error));
  }
  return output_.flush();
}

}  // namespace kifa::cli
