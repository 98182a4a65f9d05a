#include "plugins/sinks/kifa/batch_converter.hpp"

#include <string>

namespace kifa::plugins::kifa_sink {

namespace {

constexpr std::string_view kPipelineKey = "kifa.pipeline";
constexpr std::string_view kSourceKey = "kifa.source";

std::string_view words_of(std::uint32_t reason) {
  switch (reason) {
    case KIFA_GAP_OVERFLOW:
      return "dropped because nobody could take it in time";
    case KIFA_GAP_OVERSIZE:
      return "longer than record_bytes_max";
    case KIFA_GAP_MALFORMED:
      return "bytes that belong to no record";
    case KIFA_GAP_TRUNCATED:
      return "cut by the transport";
    case KIFA_GAP_DEVICE:
      return "lost in the device or the kernel";
    default:
      return "lost";
  }
}

}  // namespace

std::span<const store::Attribute> BatchConverter::convert_attributes(
    std::span<const kifa_attr> attributes) {
  const std::size_t begin = attributes_.size();
  for (const kifa_attr& attribute : attributes) {
    const std::string_view key = sdk::text_of(attribute.key);
    const std::string_view value = sdk::text_of(attribute.value);
    const bool is_origin =
        (key == kPipelineKey && value == pipeline_) || (key == kSourceKey && value == source_);
    if (!is_origin) {
      attributes_.push_back({.key = key, .value = value});
    }
  }
  return std::span<const store::Attribute>(attributes_).subspan(begin);
}

void BatchConverter::convert_records(sdk::Records records) {
  // All attributes must be there before a record may point to them: count first.
  const kifa_attr* last = nullptr;
  std::size_t attribute_count = 0;
  for (const kifa_record& record : records) {
    attribute_count += record.attrs == last ? 0 : record.attr_count;
    last = record.attrs;
  }
  attributes_.clear();
  attributes_.reserve(attribute_count);
  records_.resize(records.size());
  last = nullptr;
  std::uint32_t last_count = 0;
  std::span<const store::Attribute> converted;
  std::size_t index = 0;
  for (const kifa_record& record : records) {
    if (record.attrs != last || record.attr_count != last_count) {
      last = record.attrs;
      last_count = record.attr_count;
      converted = convert_attributes({record.attrs, record.attr_count});
    }
    store::RecordView& view = records_[index++];
    view.observed_unix_ns = record.observed_unix_ns;
    view.flags = record.flags;
    view.pipeline = pipeline_;
    view.source = source_;
    view.attributes = converted;
    view.payload = std::as_bytes(std::span(record.payload.data, record.payload.size));
  }
}

void BatchConverter::convert_checkpoints(sdk::BatchView batch) {
  const sdk::Strided<kifa_checkpoint> all = batch.checkpoints();
  if (checkpoints_.size() < all.size()) {
    checkpoints_.resize(all.size());
  }
  std::size_t index = 0;
  for (const kifa_checkpoint& checkpoint : all) {
    store::Checkpoint& converted = checkpoints_[index++];
    converted.origin.assign(batch.origin());
    converted.key.assign(sdk::text_of(checkpoint.key));
    converted.position = checkpoint.position;
    converted.state.assign(sdk::text_of(checkpoint.state));
    converted.forget = (checkpoint.flags & KIFA_CHECKPOINT_FORGET) != 0;
  }
}

void BatchConverter::convert_gaps(sdk::BatchView batch, std::int64_t now_unix_ns) {
  events_.clear();
  for (const kifa_gap& gap : batch.gaps()) {
    store::Event event;
    event.kind = store::EventKind::gap;
    event.observed_unix_ns = now_unix_ns;
    event.records = gap.records;
    event.bytes = gap.bytes;
    event.text = batch.origin();
    event.text += ": ";
    event.text += words_of(gap.reason);
    if (gap.detail.size > 0) {
      event.text += ": ";
      event.text += sdk::text_of(gap.detail);
    }
    events_.push_back(std::move(event));
  }
}

store::BatchView BatchConverter::convert(sdk::BatchView batch, std::int64_t now_unix_ns) {
  const std::string_view origin = batch.origin();
  const std::size_t slash = origin.find('/');
  pipeline_ = origin.substr(0, slash);
  source_ = slash == std::string_view::npos ? std::string_view() : origin.substr(slash + 1);
  convert_records(batch.records());
  convert_checkpoints(batch);
  convert_gaps(batch, now_unix_ns);
  return {.pipeline = pipeline_,
          .source = source_,
          .records = records_,
          .checkpoints = std::span(checkpoints_).first(batch.checkpoints().size()),
          .events = events_};
}

}  // namespace kifa::plugins::kifa_sink
