#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/types.hpp"
#include "core/store/records.hpp"
#include "core/store/table_bytes.hpp"
#include "core/store/table_format.hpp"

namespace kifa::store {

// Bytes that a record or an event takes at most in a block's raw content.
[[nodiscard]] std::size_t content_bytes_max(const RecordView& record);
[[nodiscard]] std::size_t content_bytes_max(const Event& event);

// Gathers records and events and makes the raw content of one block of them, in columns.
//
// Threads: confined.
// Limits:  kTableRawBytesMax, which the caller sees to.
class BlockBuilder final {
 public:
  // Returns whether the record is the first of a new group: of a source not seen in this block,
  // perhaps.
  bool add(const RecordView& record);
  void add(const Event& event);

  [[nodiscard]] bool empty() const { return header_.record_count == 0 && header_.event_count == 0; }
  // Of the raw content so far.
  [[nodiscard]] std::size_t raw_bytes() const;
  // Puts the raw content into `raw` and returns a header that says all but how it is stored and
  // where. Then it is empty.
  [[nodiscard]] TableBlockHeader finish(ByteBuffer& raw);

 private:
  struct Group {
    std::uint32_t hash;
    std::size_t offset;  // in group_entries_
    std::size_t bytes;
  };
  std::pair<std::uint32_t, bool> group_of(const RecordView& record);
  [[nodiscard]] bool is_group(std::uint32_t index, ByteView entry) const;
  void rehash();
  void count_time(std::int64_t unix_ns);

  TableBlockHeader header_;
  ByteBuffer lsns_, times_, boots_, sizes_, group_indexes_, flags_;
  ByteBuffer group_entries_, event_entries_, payloads_;
  std::uint64_t last_time_ = 0;
  std::uint64_t last_boot_ = 0;  // unix minus boot time
  std::uint32_t last_group_ = 0;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> slots_;  // hash table of group index + 1; 0: free
  ByteBuffer entry_;                  // of the record that is being added
};

// The raw content of one block, decoded. Views into the giver's bytes.
class BlockContent final {
 public:
  // Takes the content apart; false when it does not hold together or is not what `header` says.
  [[nodiscard]] bool parse(const TableBlockHeader& header, ByteView raw);

  enum class Step : std::uint8_t { record, event, end, damaged };
  // The next record or event, in their order; valid until the next call of parse(). Once it
  // returned end or damaged it does so again. End is returned only if everything was as the header
  // says.
  [[nodiscard]] Step next();
  [[nodiscard]] const RecordView& record() const { return record_; }
  [[nodiscard]] const Event& event() const { return event_; }

 private:
  struct Group {
    std::uint32_t boot_ordinal;
    std::string_view pipeline, source;
    std::size_t first_attribute, attribute_count;
  };
  bool parse_groups(std::uint32_t count, ByteView entries);
  [[nodiscard]] bool take_event_entry();
  [[nodiscard]] Step next_record();
  [[nodiscard]] Step next_event();
  [[nodiscard]] bool holds_at_end() const;
  void count_time(std::int64_t unix_ns);

  TableBlockHeader header_;
  ByteCursor lsns_, times_, boots_, sizes_, group_indexes_, flags_, events_, payloads_;
  std::vector<Group> groups_;
  std::vector<Attribute> attributes_;
  std::uint32_t records_taken_ = 0;
  std::uint32_t events_taken_ = 0;
  bool has_event_ = false;  // event_entry_ is the next event
  TableEventEntry event_entry_;
  std::uint64_t lsn_ = 0;
  std::uint64_t time_ = 0;
  std::uint64_t boot_ = 0;
  std::int64_t min_unix_ns_ = INT64_MAX;
  std::int64_t max_unix_ns_ = INT64_MIN;
  std::uint64_t min_after_ = UINT64_MAX;
  std::uint64_t max_after_ = 0;
  bool damaged_ = false;
  RecordView record_;
  Event event_;
};

}  // namespace kifa::store
