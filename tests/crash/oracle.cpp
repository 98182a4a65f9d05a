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
  // Over the first `records` records.
  void pass(std::uint64_t records) {
    while (!at_end() && batch().records_before + batch().record_count <= records) {
      ++batch_;
    }
    index_ = at_end() ? 0 : static_cast<std::size_t>(records - batch().records_before);
    skip();
  }
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

// Whether the events are those of the first batches, except for some at the beginning that went
// with the records before them.
bool same_events(const Expectation& expectation, std::size_t batch_count,
                 const Observed& observed) {
  std::size_t left = observed.test_events.size();
  for (std::size_t i = batch_count; i-- > 0;) {
    const ExpectedBatch& batch = expectation.batches[i];
    if (!batch.is_whole()) {
      continue;  // they come with its last record
    }
    for (std::size_t event = batch.batch->events.size(); event-- > 0;) {
      const bool may_be_gone =
          observed.purged != 0 && batch.records_before + batch.record_count <= observed.purged;
      if (left == 0 && may_be_gone) {
        continue;
      }
      if (left == 0 || observed.test_events[--left] != batch.batch->events[event]) {
        return false;
      }
    }
  }
  return left == 0;
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

namespace {

// Compares what a reader shows with an expectation, one after the other.
class Observer final {
 public:
  Observer(const Expectation& expectation, Observed& observed)
      : expectation_(expectation), observed_(observed), cursor_(expectation) {}

  bool take(const store::RecordView& record) {
    const std::uint64_t lsn = ++observed_.records;
    if (record.lsn.value != lsn) {
      violation_ = fmt::format("LSN {} came where {} was expected", record.lsn.value, lsn);
    } else if (cursor_.at_end()) {
      violation_ = fmt::format("record {} was never sent", lsn);
    } else if (!same(record, cursor_.batch(), cursor_.index())) {
      const auto begin = record.payload.first(std::min<std::size_t>(record.payload.size(), 8));
      violation_ = fmt::format("record {} is not what was sent: {}", lsn, as_text(begin));
    } else {
      cursor_.advance();
    }
    return violation_.empty();
  }

  bool take(const store::Event& event) {
    if (event.kind == store::EventKind::gap) {
      violation_ = fmt::format("a gap was reported without damage: {}", event.text);
    } else if (event.number == 0 && event.kind == store::EventKind::purge) {
      pass_purged(event);
    } else if (event.number == 0) {
      violation_ = fmt::format("the reader made an event of its own: {}", event.text);
    } else if (event.number != last_event_ + 1 && (last_event_ != 0 || observed_.purged == 0)) {
      violation_ = fmt::format("event {} came behind event {}", event.number, last_event_);
    }
    if (event.number != 0) {
      last_event_ = event.number;
    }
    if (event.number != 0 && event.kind == store::EventKind::purge) {
      purge_told_ = purge_told_ || event.last_lost.value == observed_.purged;
    }
    if (event.text.starts_with(kTestEventPrefix)) {
      observed_.test_events.push_back(event.text);
    }
    return violation_.empty();
  }

  std::string end(const store::Reader& reader) {
    if (violation_.empty() && reader.durable_lsn().value != observed_.records) {
      return fmt::format("the reader names durable LSN {} and shows records up to {}",
                         reader.durable_lsn().value, observed_.records);
    }
    if (violation_.empty() && observed_.purged != 0 && !purge_told_) {
      return fmt::format("LSN 1 to {} are gone, and no event in the store says why",
                         observed_.purged);
    }
    return violation_;
  }

 private:
  void pass_purged(const store::Event& event) {
    observed_.purged = event.last_lost.value;
    if (observed_.records != 0 || event.first_lost.value != 1) {
      violation_ = fmt::format("a purge of LSN {} to {} is no beginning of the store",
                               event.first_lost.value, event.last_lost.value);
    } else if (observed_.purged > expectation_.purge_most) {
      violation_ = fmt::format("retention has removed LSN 1 to {} and may remove no more than {}",
                               observed_.purged, expectation_.purge_most);
    }
    cursor_.pass(observed_.purged);
    observed_.records = observed_.purged;
  }

  const Expectation& expectation_;
  Observed& observed_;
  Cursor cursor_;
  std::uint64_t last_event_ = 0;
  bool purge_told_ = false;
  std::string violation_;
};

}  // namespace

std::string observe(store::Reader& reader, const Expectation& expectation, Observed& observed) {
  observed = {};
  Observer observer(expectation, observed);
  const Status status = reader.scan(
      {}, [&](const store::RecordView& record) { return observer.take(record); },
      [&](const store::Event& event) { return observer.take(event); });
  if (!status) {
    return fmt::format("cannot scan: {}", status.message());
  }
  return observer.end(reader);
}

std::string match(const Expectation& expectation, std::uint64_t records, const Observed* observed,
                  const CheckpointMap* checkpoints, Found& found) {
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
    const bool events_match = observed == nullptr || same_events(expectation, count, *observed);
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
