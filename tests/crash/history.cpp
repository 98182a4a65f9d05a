#include "tests/crash/history.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "core/base/assert.hpp"

namespace kifa::crash {

void Expectation::push_back(std::shared_ptr<const OwnedBatch> batch, std::size_t sent_at) {
  const std::uint64_t count = batch->records.size();
  batches.push_back({.batch = std::move(batch),
                     .records_before = records,
                     .record_count = count,
                     .sent_at = sent_at});
  records += count;
}

void Expectation::truncate(std::size_t batch_count, std::uint64_t record_count) {
  KIFA_ASSERT(batch_count <= batches.size());
  KIFA_ASSERT(record_count <= records);
  // A batch of which only some records are there stays with those.
  if (batch_count < batches.size() && batches[batch_count].records_before < record_count) {
    ExpectedBatch& partial = batches[batch_count];
    partial.record_count = record_count - partial.records_before;
    ++batch_count;
  }
  batches.resize(batch_count);
  records = record_count;
}

CheckpointMap Expectation::checkpoints(std::size_t batch_count) const {
  CheckpointMap map;
  for (std::size_t i = 0; i < batch_count; ++i) {
    if (!batches[i].is_whole()) {
      continue;  // its checkpoints belong to records that are gone
    }
    for (const store::Checkpoint& checkpoint : batches[i].batch->checkpoints) {
      const auto key = std::pair(checkpoint.origin, checkpoint.key);
      if (checkpoint.forget) {
        map.erase(key);
      } else {
        map[key] = checkpoint;
      }
    }
  }
  return map;
}

std::size_t History::sent(OwnedBatch batch) {
  const MutexLock lock(mutex_);
  const std::size_t number = sent_.size();
  const std::size_t at = files_.note(static_cast<std::uint64_t>(Note::sent), number);
  order_.push_back(number);
  sent_.push_back({.batch = std::make_shared<const OwnedBatch>(std::move(batch)), .sent_at = at});
  return number;
}

const OwnedBatch& History::batch(std::size_t number) {
  const MutexLock lock(mutex_);
  return *sent_.at(number).batch;
}

void History::refused(std::size_t number) {
  const MutexLock lock(mutex_);
  files_.note(static_cast<std::uint64_t>(Note::refused), number);
  sent_.at(number).is_refused = true;
}

void History::acknowledged(std::size_t number, Lsn first_lsn) {
  const MutexLock lock(mutex_);
  Sent& sent = sent_.at(number);
  sent.first_lsn = first_lsn;
  sent.acknowledged_at = files_.note(static_cast<std::uint64_t>(Note::acknowledged), number);
}

void History::shown(Lsn durable) {
  const MutexLock lock(mutex_);
  const std::size_t at = files_.note(static_cast<std::uint64_t>(Note::shown), durable.value);
  shown_.push_back({.at = at, .records = durable.value});
}

void History::opened(std::size_t batch_count, std::uint64_t record_count) {
  const MutexLock lock(mutex_);
  const std::size_t at = files_.note(static_cast<std::uint64_t>(Note::opened), record_count);
  opened_.push_back({.at = at,
                     .batch_count = batch_count,
                     .record_count = record_count,
                     .sent_before = sent_.size()});
}

void History::allow_purge(Lsn most) {
  const MutexLock lock(mutex_);
  allowed_.push_back(
      {.at = files_.note(static_cast<std::uint64_t>(Note::allowed), most.value), .most = most});
}

void History::order_by_lsn() {
  const MutexLock lock(mutex_);
  KIFA_ASSERT(opened_.size() <= 1);
  std::vector<std::pair<Lsn, std::size_t>> order;
  for (std::size_t number = 0; number < sent_.size(); ++number) {
    KIFA_ASSERT(sent_[number].acknowledged_at.has_value());
    order.emplace_back(sent_[number].first_lsn, number);
  }
  std::ranges::sort(order);
  for (std::size_t i = 0; i < order.size(); ++i) {
    order_[i] = order[i].second;
  }
}

void History::extend(Expectation& expectation, std::size_t from, std::size_t to,
                     std::size_t passed) const {
  for (std::size_t i = from; i < to; ++i) {
    const Sent& sent = sent_[order_[i]];
    // Not yet sent: with several threads another that was sent may stand behind it in the log, but
    // cannot be on the disk before it.
    if (sent.sent_at >= passed) {
      break;
    }
    if (sent.is_refused) {
      continue;
    }
    expectation.push_back(sent.batch, sent.sent_at);
    if (sent.acknowledged_at && *sent.acknowledged_at < passed) {
      expectation.least_batches = std::max(expectation.least_batches, expectation.batches.size());
      expectation.least_records = std::max(expectation.least_records, expectation.records);
    }
  }
}

Expectation History::after(std::size_t passed) const {
  const MutexLock lock(mutex_);
  Expectation expectation = base_;
  std::size_t from = 0;
  for (const Opened& opened : opened_) {
    if (opened.at >= passed) {
      break;
    }
    extend(expectation, from, opened.sent_before, passed);
    expectation.truncate(opened.batch_count, opened.record_count);
    expectation.least_batches = expectation.batches.size();
    expectation.least_records = expectation.records;
    from = opened.sent_before;
  }
  extend(expectation, from, order_.size(), passed);
  for (const Shown& shown : shown_) {
    if (shown.at < passed) {
      expectation.least_records = std::max(expectation.least_records, shown.records);
    }
  }
  for (const Allowed& allowed : allowed_) {
    if (allowed.at < passed) {
      expectation.purge_most = allowed.most.value;
    }
  }
  return expectation;
}

Expectation History::now() const { return after(std::numeric_limits<std::size_t>::max()); }

std::size_t History::acknowledged_count() const {
  const MutexLock lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(
      sent_, [](const Sent& sent) { return sent.acknowledged_at.has_value(); }));
}

}  // namespace kifa::crash
