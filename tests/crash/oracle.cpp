#include "tests/crash/oracle.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace kifa::crash {

namespace {

bool same(const store::RecordView& read, const ExpectedBatch& expected, std::size_t index) {
  const OwnedRecord& sent = expected.batch->records[index];
  const auto same_attribute = [](const store::Attribute& a, const auto& b) {
    return a.key == b.first && a.value == b.second;
  };
  return as_text(read.payload) == sent.payload && read.flags == sent.flags &&
         read.observed_unix_ns == sent.observed_unix_ns &&
         read.pipeline == expected.batch->pipeline && read.source == expected.batch->source &&
         std::ranges::equal(read.attributes, sent.attributes, same_attribute);
}

// Steps through the records of an expectation.
class Cursor final {
 public:
  explicit Cursor(const Expectation& expectation) : expectation_(expectation) { skip(); }
  [[nodiscard]] bool at_end() const { return batch_ == expectation_.batches.size(); }
  [[nodiscard]] const ExpectedBatch& batch() const { return expectation_.batches[batch_]; }
  [[nodiscard]] std::size_t index() const { return index_; }
  void advance() {
    ++index_;
    skip();
  }

 private:
  void skip() {
    while (!at_end() && index_ == batch().record_count) {
      ++batch_;
      index_ = 0;
    }
  }
  const Expectation& expectation_;
  std::size_t batch_ = 0;
  std::size_t index_ = 0;
};

std::vector<std::string> events_of(const Expectation& expectation, std::size_t batch_count) {
  std::vector<std::string> events;
  for (std::size_t i = 0; i < batch_count; ++i) {
    if (!expectation.batches[i].is_whole()) {
      continue;  // they come with its last record
    }
    const auto& texts = expectation.batches[i].batch->events;
    events.insert(events.end(), texts.begin(), texts.end());
  }
  return events;
}

bool same_checkpoints(const CheckpointMap& a, const CheckpointMap& b) {
  return std::ranges::equal(a, b, [](const auto& left, const auto& right) {
    return left.first == right.first && left.second.position == right.second.position &&
           left.second.state == right.second.state;
  });
}

// The counts of batches whose records together are `records`. Of a batch that is there in part only
// the ones before it count.
std::string candidates(const Expectation& expectation, std::uint64_t records, std::size_t& least,
                       std::size_t& most) {
  const auto& batches = expectation.batches;
  if (records == expectation.records) {
    most = batches.size();
  } else {
    // The first batch that is not there whole.
    const auto missing = std::ranges::find_if(batches, [&](const ExpectedBatch& batch) {
      return batch.records_before + batch.record_count > records;
    });
    most = static_cast<std::size_t>(missing - batches.begin());
    if (missing->records_before < records && missing->batch->payload_bytes() <= kAtomicBatchBytes) {
      return fmt::format("only {} of the {} records of batch {} are there",
                         records - missing->records_before, missing->record_count, most);
    }
  }
  least = most;
  while (least > 0 && batches[least - 1].record_count == 0 &&
         batches[least - 1].records_before == records) {
    --least;
  }
  return {};
}

}  // namespace

std::string observe(store::Reader& reader, const Expectation& expectation, Observed& observed) {
  Cursor cursor(expectation);
  std::string violation;
  std::uint64_t count = 0;
  const auto on_record = [&](const store::RecordView& record) {
    ++count;
    if (record.lsn.value != count) {
      violation = fmt::format("LSN {} came where {} was expected", record.lsn.value, count);
    } else if (cursor.at_end()) {
      violation = fmt::format("record {} was never sent", count);
    } else if (!same(record, cursor.batch(), cursor.index())) {
      violation = fmt::format(
          "record {} is not what was sent: {}", count,
          as_text(record.payload.first(std::min<std::size_t>(record.payload.size(), 8))));
    } else {
      cursor.advance();
    }
    return violation.empty();
  };
  const auto on_event = [&](const store::Event& event) {
    if (event.kind == store::EventKind::gap) {
      violation = fmt::format("a gap was reported without damage: {}", event.text);
    }
    if (event.text.starts_with(kTestEventPrefix)) {
      observed.test_events.push_back(event.text);
    }
    return violation.empty();
  };
  const Status status = reader.scan({}, on_record, on_event);
  observed.records = count;
  if (!status) {
    return fmt::format("cannot scan: {}", status.message());
  }
  if (violation.empty() && reader.durable_lsn().value != count) {
    return fmt::format("the reader names durable LSN {} and shows {} records",
                       reader.durable_lsn().value, count);
  }
  return violation;
}

std::string match(const Expectation& expectation, std::uint64_t records,
                  const std::vector<std::string>* test_events, const CheckpointMap* checkpoints,
                  Found& found) {
  if (records < expectation.least_records) {
    return fmt::format("{} records are there, but {} were acknowledged", records,
                       expectation.least_records);
  }
  if (records > expectation.records) {
    return fmt::format("{} records are there, but only {} were sent", records, expectation.records);
  }
  std::size_t least = 0;
  std::size_t most = 0;
  if (std::string violation = candidates(expectation, records, least, most); !violation.empty()) {
    return violation;
  }
  for (std::size_t count = most + 1; count-- > least;) {
    const bool events_match =
        test_events == nullptr || *test_events == events_of(expectation, count);
    const bool checkpoints_match =
        checkpoints == nullptr || same_checkpoints(*checkpoints, expectation.checkpoints(count));
    if (events_match && checkpoints_match) {
      found = {.batches = count, .records = records};
      if (count < expectation.least_batches) {
        return fmt::format("{} batches are there, but {} were acknowledged", count,
                           expectation.least_batches);
      }
      return {};
    }
  }
  return fmt::format("{} records are there, but their {} are not those of {} to {} batches",
                     records, checkpoints == nullptr ? "events" : "checkpoints or events", least,
                     most);
}

CheckpointMap checkpoints_of(const store::Store& store) {
  CheckpointMap map;
  for (const std::string_view origin : {"tills/printer", "tills/scale"}) {
    for (store::Checkpoint& checkpoint : store.checkpoints(origin)) {
      auto key = std::pair(checkpoint.origin, checkpoint.key);
      map.emplace(std::move(key), std::move(checkpoint));
    }
  }
  return map;
}

}  // namespace kifa::crash
