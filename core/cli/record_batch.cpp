#include "core/cli/record_batch.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kifa::cli {
namespace {

constexpr std::string_view kPipelineKey = "kifa.pipeline";
constexpr std::string_view kSourceKey = "kifa.source";

std::string_view text_of(kifa_str text) { return {text.data, text.size}; }

std::size_t text_bytes(const store::RecordView& record) {
  std::size_t bytes =
      kPipelineKey.size() + kSourceKey.size() + record.pipeline.size() + record.source.size();
  for (const store::Attribute& attribute : record.attributes) {
    bytes += attribute.key.size() + attribute.value.size();
  }
  return bytes;
}

}  // namespace

RecordBatch::Attributes::Attributes(const store::RecordView& record) {
  text.reserve(text_bytes(record));
  const auto copy = [this](std::string_view part) {
    const std::size_t offset = text.size();
    text.append(part);
    return kifa_str{.data = text.data() + offset, .size = part.size()};
  };
  const auto add = [this, &copy](std::string_view key, std::string_view value) {
    const kifa_str key_copy = copy(key);
    views.push_back({.key = key_copy, .value = copy(value)});
  };
  add(kPipelineKey, record.pipeline);
  add(kSourceKey, record.source);
  for (const store::Attribute& attribute : record.attributes) {
    add(attribute.key, attribute.value);
  }
}

bool RecordBatch::Attributes::equal(const store::RecordView& record) const {
  if (views.size() != record.attributes.size() + 2 || text_of(views[0].value) != record.pipeline ||
      text_of(views[1].value) != record.source) {
    return false;
  }
  return std::equal(record.attributes.begin(), record.attributes.end(), views.begin() + 2,
                    [](const store::Attribute& attribute, const kifa_attr& view) {
                      return attribute.key == text_of(view.key) &&
                             attribute.value == text_of(view.value);
                    });
}

RecordBatch::RecordBatch() {
  payload_.reserve(kPayloadBytesMax);
  records_.reserve(kRecordsMax);
}

bool RecordBatch::add(const store::RecordView& record) {
  if (records_.size() == kRecordsMax ||
      (!records_.empty() && record.payload.size() > payload_.capacity() - payload_.size())) {
    return false;
  }
  const std::size_t offset = payload_.size();
  payload_.append(as_text(record.payload));  // grows only for the first record of a batch
  if (attributes_.empty() || !attributes_.back()->equal(record)) {
    attributes_.push_back(std::make_unique<Attributes>(record));
  }
  const std::vector<kifa_attr>& attributes = attributes_.back()->views;
  records_.push_back(
      {.lsn = record.lsn.value,
       .observed_unix_ns = record.observed_unix_ns,
       .payload = {.data = reinterpret_cast<const std::uint8_t*>(payload_.data()) + offset,
                   .size = record.payload.size()},
       .attrs = attributes.data(),
       .attr_count = static_cast<std::uint32_t>(attributes.size()),
       .flags = record.flags});
  return true;
}

void RecordBatch::clear() {
  payload_.clear();
  records_.clear();
  if (attributes_.size() > 1) {  // the next record most likely has the same
    std::swap(attributes_.front(), attributes_.back());
    attributes_.resize(1);
  }
}

}  // namespace kifa::cli
