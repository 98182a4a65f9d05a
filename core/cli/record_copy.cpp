#include "core/cli/record_copy.hpp"

#include "core/base/types.hpp"

namespace kifa::cli {

RecordCopy::RecordCopy(const store::RecordView& record) : view_(record) {
  std::size_t bytes = record.pipeline.size() + record.source.size() + record.payload.size();
  for (const store::Attribute& attribute : record.attributes) {
    bytes += attribute.key.size() + attribute.value.size();
  }
  text_.reserve(bytes);
  const auto copy = [this](std::string_view part) {
    const std::size_t offset = text_.size();
    text_.append(part);
    return std::string_view(text_.data() + offset, part.size());
  };
  view_.pipeline = copy(record.pipeline);
  view_.source = copy(record.source);
  for (const store::Attribute& attribute : record.attributes) {
    const std::string_view key = copy(attribute.key);
    attributes_.push_back({.key = key, .value = copy(attribute.value)});
  }
  view_.attributes = attributes_;
  view_.payload = as_byte_view(copy(as_text(record.payload)));
}

}  // namespace kifa::cli
