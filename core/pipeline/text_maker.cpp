#include "core/pipeline/text_maker.hpp"

#include <utility>

#include "core/base/assert.hpp"

namespace kifa::pipeline {

namespace {

kifa_status append_text(const kifa_writer* writer, const void* data, std::size_t size) noexcept {
  static_cast<Buffer*>(writer->ctx)->append({static_cast<const std::uint8_t*>(data), size});
  return KIFA_OK;
}

kifa_writer writer_to(Buffer& text) { return {sizeof(kifa_writer), 0, &text, &append_text}; }

}  // namespace

TextMaker::TextMaker(std::unique_ptr<plugin::Instance> formatter)
    : formatter_(std::move(formatter)), calls_(*formatter_->formatter()) {}

Status TextMaker::start() {
  begun_ = false;
  return formatter_->start();
}

Status TextMaker::stop(std::int64_t deadline_mono_ns) { return formatter_->stop(deadline_mono_ns); }

Status TextMaker::make(const kifa_batch& batch, Buffer& text) {
  const kifa_writer writer = writer_to(text);
  kifa_error error = plugin::empty_error();
  kifa_status status = KIFA_OK;
  if (!begun_ && calls_.begin != nullptr) {
    status = calls_.begin(formatter_->raw(), &writer, &error);
  }
  begun_ = true;
  if (status >= 0 && batch.record_count != 0) {
    status = calls_.format(formatter_->raw(), batch.records, batch.record_count,
                           batch.record_stride, &writer, &error);
  }
  return plugin::status_from(status, error, formatter_->name());
}

Status TextMaker::finish(Buffer& text) {
  KIFA_ASSERT(has_end());
  const kifa_writer writer = writer_to(text);
  kifa_error error = plugin::empty_error();
  const kifa_status status = calls_.end(formatter_->raw(), &writer, &error);
  return plugin::status_from(status, error, formatter_->name());
}

}  // namespace kifa::pipeline
