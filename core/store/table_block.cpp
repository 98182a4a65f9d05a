#include "core/store/table_block.hpp"

#include <algorithm>

#include "core/base/assert.hpp"
#include "core/base/crc32c.hpp"

namespace kifa::store {

namespace {
// Six columns of at most 10 bytes.
constexpr std::size_t kColumnsBytesMax = 60;
constexpr std::size_t kSlotsMin = 64;  // a power of two
}  // namespace

std::size_t content_bytes_max(const RecordView& record) {
  std::size_t bytes = kColumnsBytesMax + sizeof(TableGroupEntry) + record.pipeline.size() +
                      record.source.size() + record.payload.size();
  for (const Attribute& attribute : record.attributes) {
    bytes += 2 * sizeof(std::uint32_t) + attribute.key.size() + attribute.value.size();
  }
  return bytes;
}

std::size_t content_bytes_max(const Event& event) {
  return sizeof(TableEventEntry) + event.text.size();
}

void BlockBuilder::count_time(std::int64_t unix_ns) {
  header_.min_unix_ns = std::min(header_.min_unix_ns, unix_ns);
  header_.max_unix_ns = std::max(header_.max_unix_ns, unix_ns);
}

bool BlockBuilder::add(const RecordView& record) {
  if (header_.record_count == 0) {
    header_.first_lsn = record.lsn.value;
    header_.last_lsn = record.lsn.value - 1;
  }
  KIFA_ASSERT(record.lsn.value > header_.last_lsn || header_.record_count == 0);
  lsns_.put_varint(record.lsn.value - header_.last_lsn - 1);
  header_.last_lsn = record.lsn.value;
  // Differences are taken modulo 2^64, so that no pair of times overflows.
  const auto time = static_cast<std::uint64_t>(record.observed_unix_ns);
  const std::uint64_t boot = time - static_cast<std::uint64_t>(record.observed_boot_ns);
  times_.put_difference(time - last_time_);
  boots_.put_difference(boot - last_boot_);
  last_time_ = time;
  last_boot_ = boot;
  sizes_.put_varint(record.payload.size());
  const auto [group, is_new] = group_of(record);
  group_indexes_.put_varint(group);
  flags_.put_varint(record.flags);
  payloads_.put_bytes(record.payload);
  count_time(record.observed_unix_ns);
  ++header_.record_count;
  return is_new;
}

void BlockBuilder::add(const Event& event) {
  if (header_.event_count == 0) {
    header_.first_event = event.number;
    header_.first_after = event.after.value;
  }
  header_.first_after = std::min(header_.first_after, event.after.value);
  header_.last_after = std::max(header_.last_after, event.after.value);
  event_entries_.put(TableEventEntry{.number = event.number,
                                     .after_lsn = event.after.value,
                                     .observed_unix_ns = event.observed_unix_ns,
                                     .records = event.records,
                                     .bytes = event.bytes,
                                     .first_lost = event.first_lost.value,
                                     .last_lost = event.last_lost.value,
                                     .records_before = header_.record_count,
                                     .text_bytes = static_cast<std::uint32_t>(event.text.size()),
                                     .kind = static_cast<std::uint16_t>(event.kind),
                                     .reserved = 0,
                                     .reserved2 = 0});
  event_entries_.put_text(event.text);
  count_time(event.observed_unix_ns);
  ++header_.event_count;
}

std::size_t BlockBuilder::raw_bytes() const {
  return sizeof(TableContentHeader) + lsns_.size() + times_.size() + boots_.size() + sizes_.size() +
         group_indexes_.size() + flags_.size() + group_entries_.size() + event_entries_.size() +
         payloads_.size();
}

bool BlockBuilder::is_group(std::uint32_t index, ByteView entry) const {
  const Group& group = groups_[index];
  return group.bytes == entry.size() &&
         std::memcmp(group_entries_.view().data() + group.offset, entry.data(), entry.size()) == 0;
}

// The index of the record's group, and whether it is a new one.
std::pair<std::uint32_t, bool> BlockBuilder::group_of(const RecordView& record) {
  entry_.clear();
  entry_.put(
      TableGroupEntry{.boot_ordinal = record.boot_ordinal,
                      .pipeline_bytes = static_cast<std::uint32_t>(record.pipeline.size()),
                      .source_bytes = static_cast<std::uint32_t>(record.source.size()),
                      .attribute_count = static_cast<std::uint32_t>(record.attributes.size())});
  entry_.put_text(record.pipeline);
  entry_.put_text(record.source);
  for (const Attribute& attribute : record.attributes) {
    entry_.put(static_cast<std::uint32_t>(attribute.key.size()));
    entry_.put(static_cast<std::uint32_t>(attribute.value.size()));
    entry_.put_text(attribute.key);
    entry_.put_text(attribute.value);
  }
  const ByteView entry = entry_.view();
  if (!groups_.empty() && is_group(last_group_, entry)) {
    return {last_group_, false};
  }
  if (slots_.size() < 2 * (groups_.size() + 1)) {
    rehash();
  }
  const std::uint32_t hash = crc32c(0, entry);
  std::size_t slot = hash & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const std::uint32_t index = slots_[slot] - 1;
    if (groups_[index].hash == hash && is_group(index, entry)) {
      last_group_ = index;
      return {index, false};
    }
  }
  last_group_ = static_cast<std::uint32_t>(groups_.size());
  slots_[slot] = last_group_ + 1;
  groups_.push_back({.hash = hash, .offset = group_entries_.size(), .bytes = entry.size()});
  group_entries_.put_bytes(entry);
  return {last_group_, true};
}

// Makes the hash table twice as large.
void BlockBuilder::rehash() {
  slots_.assign(std::max(kSlotsMin, 2 * slots_.size()), 0);
  for (std::uint32_t index = 0; index < groups_.size(); ++index) {
    std::size_t slot = groups_[index].hash & (slots_.size() - 1);
    while (slots_[slot] != 0) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    slots_[slot] = index + 1;
  }
}

TableBlockHeader BlockBuilder::finish(ByteBuffer& raw) {
  raw.clear();
  raw.put(TableContentHeader{.lsn_bytes = static_cast<std::uint32_t>(lsns_.size()),
                             .time_bytes = static_cast<std::uint32_t>(times_.size()),
                             .boot_bytes = static_cast<std::uint32_t>(boots_.size()),
                             .size_bytes = static_cast<std::uint32_t>(sizes_.size()),
                             .group_bytes = static_cast<std::uint32_t>(group_indexes_.size()),
                             .flag_bytes = static_cast<std::uint32_t>(flags_.size()),
                             .group_count = static_cast<std::uint32_t>(groups_.size()),
                             .group_entry_bytes = static_cast<std::uint32_t>(group_entries_.size()),
                             .event_entry_bytes = static_cast<std::uint32_t>(event_entries_.size()),
                             .payload_bytes = static_cast<std::uint32_t>(payloads_.size())});
  header_.payload_bytes = static_cast<std::uint32_t>(payloads_.size());
  for (ByteBuffer* part : {&lsns_, &times_, &boots_, &sizes_, &group_indexes_, &flags_,
                           &group_entries_, &event_entries_, &payloads_}) {
    raw.put_bytes(part->view());
    part->clear();
  }
  TableBlockHeader header = header_;
  header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  header_ = {};
  last_time_ = 0;
  last_boot_ = 0;
  last_group_ = 0;
  groups_.clear();
  std::ranges::fill(slots_, 0);
  return header;
}

bool BlockContent::parse(const TableBlockHeader& header, ByteView raw) {
  header_ = header;
  records_taken_ = 0;
  events_taken_ = 0;
  lsn_ = header.first_lsn - 1;
  time_ = 0;
  boot_ = 0;
  min_unix_ns_ = INT64_MAX;
  max_unix_ns_ = INT64_MIN;
  min_after_ = UINT64_MAX;
  max_after_ = 0;
  damaged_ = true;
  ByteCursor cursor(raw);
  const auto sizes = cursor.take<TableContentHeader>();
  lsns_ = ByteCursor(cursor.take_bytes(sizes.lsn_bytes));
  times_ = ByteCursor(cursor.take_bytes(sizes.time_bytes));
  boots_ = ByteCursor(cursor.take_bytes(sizes.boot_bytes));
  sizes_ = ByteCursor(cursor.take_bytes(sizes.size_bytes));
  group_indexes_ = ByteCursor(cursor.take_bytes(sizes.group_bytes));
  flags_ = ByteCursor(cursor.take_bytes(sizes.flag_bytes));
  const ByteView groups = cursor.take_bytes(sizes.group_entry_bytes);
  events_ = ByteCursor(cursor.take_bytes(sizes.event_entry_bytes));
  payloads_ = ByteCursor(cursor.take_bytes(sizes.payload_bytes));
  const bool holds = cursor.good() && cursor.at_end() && raw.size() == header.raw_bytes &&
                     sizes.payload_bytes == header.payload_bytes &&
                     (header.record_count == 0 || header.first_lsn != 0);
  damaged_ = !holds || !parse_groups(sizes.group_count, groups) || !take_event_entry();
  return !damaged_;
}

bool BlockContent::parse_groups(std::uint32_t count, ByteView entries) {
  groups_.clear();
  attributes_.clear();
  ByteCursor cursor(entries);
  for (std::uint32_t i = 0; i < count && cursor.good(); ++i) {
    const auto entry = cursor.take<TableGroupEntry>();
    const std::string_view pipeline = cursor.take_text(entry.pipeline_bytes);
    const std::string_view source = cursor.take_text(entry.source_bytes);
    groups_.push_back({.boot_ordinal = entry.boot_ordinal,
                       .pipeline = pipeline,
                       .source = source,
                       .first_attribute = attributes_.size(),
                       .attribute_count = entry.attribute_count});
    for (std::uint32_t k = 0; k < entry.attribute_count && cursor.good(); ++k) {
      const auto key_bytes = cursor.take<std::uint32_t>();
      const auto value_bytes = cursor.take<std::uint32_t>();
      const std::string_view key = cursor.take_text(key_bytes);
      attributes_.push_back({.key = key, .value = cursor.take_text(value_bytes)});
    }
  }
  return cursor.good() && cursor.at_end();
}

// Reads the next event entry ahead: it says before which record the event belongs.
bool BlockContent::take_event_entry() {
  has_event_ = events_taken_ < header_.event_count;
  if (!has_event_) {
    return events_.at_end();
  }
  event_entry_ = events_.take<TableEventEntry>();
  return events_.good() && event_entry_.records_before >= records_taken_ &&
         event_entry_.records_before <= header_.record_count;
}

void BlockContent::count_time(std::int64_t unix_ns) {
  min_unix_ns_ = std::min(min_unix_ns_, unix_ns);
  max_unix_ns_ = std::max(max_unix_ns_, unix_ns);
}

BlockContent::Step BlockContent::next() {
  Step step = Step::damaged;
  if (!damaged_) {
    if (has_event_ && event_entry_.records_before == records_taken_) {
      step = next_event();
    } else if (records_taken_ < header_.record_count) {
      step = next_record();
    } else if (holds_at_end()) {
      return Step::end;
    }
  }
  damaged_ = step == Step::damaged;
  return step;
}

BlockContent::Step BlockContent::next_record() {
  const std::uint64_t missing = lsns_.take_varint();
  time_ += times_.take_difference();
  boot_ += boots_.take_difference();
  const std::uint64_t size = sizes_.take_varint();
  const std::uint64_t group_index = group_indexes_.take_varint();
  const std::uint64_t flags = flags_.take_varint();
  record_.payload = payloads_.take_bytes(size);
  const bool good = lsns_.good() && times_.good() && boots_.good() && sizes_.good() &&
                    group_indexes_.good() && flags_.good() && payloads_.good();
  if (!good || lsn_ >= header_.last_lsn || missing > header_.last_lsn - lsn_ - 1 ||
      (records_taken_ == 0 && missing != 0) || group_index >= groups_.size() ||
      flags > UINT32_MAX) {
    return Step::damaged;
  }
  lsn_ += missing + 1;
  ++records_taken_;
  const Group& group = groups_[group_index];
  record_.lsn = {lsn_};
  record_.observed_unix_ns = static_cast<std::int64_t>(time_);
  record_.observed_boot_ns = static_cast<std::int64_t>(time_ - boot_);
  record_.boot_ordinal = group.boot_ordinal;
  record_.flags = static_cast<std::uint32_t>(flags);
  record_.pipeline = group.pipeline;
  record_.source = group.source;
  record_.attributes = std::span(attributes_).subspan(group.first_attribute, group.attribute_count);
  count_time(record_.observed_unix_ns);
  return Step::record;
}

BlockContent::Step BlockContent::next_event() {
  event_.number = event_entry_.number;
  event_.after = {event_entry_.after_lsn};
  event_.kind = static_cast<EventKind>(event_entry_.kind);
  event_.observed_unix_ns = event_entry_.observed_unix_ns;
  event_.records = event_entry_.records;
  event_.bytes = event_entry_.bytes;
  event_.first_lost = {event_entry_.first_lost};
  event_.last_lost = {event_entry_.last_lost};
  event_.text = events_.take_text(event_entry_.text_bytes);
  if (!events_.good()) {
    return Step::damaged;
  }
  if (events_taken_ == 0 && event_.number != header_.first_event) {
    return Step::damaged;
  }
  count_time(event_.observed_unix_ns);
  min_after_ = std::min(min_after_, event_.after.value);
  max_after_ = std::max(max_after_, event_.after.value);
  ++events_taken_;
  return take_event_entry() ? Step::event : Step::damaged;
}

// Whether everything was used up and the zone map says what was found.
bool BlockContent::holds_at_end() const {
  const bool used_up = lsns_.at_end() && times_.at_end() && boots_.at_end() && sizes_.at_end() &&
                       group_indexes_.at_end() && flags_.at_end() && payloads_.at_end() &&
                       events_.at_end();
  const bool lsns_hold =
      header_.record_count == 0 ? header_.last_lsn == 0 : lsn_ == header_.last_lsn;
  const bool events_hold = header_.event_count == 0 ||
                           (min_after_ == header_.first_after && max_after_ == header_.last_after);
  return used_up && lsns_hold && events_hold && min_unix_ns_ == header_.min_unix_ns &&
         max_unix_ns_ == header_.max_unix_ns;
}

}  // namespace kifa::store
