#include "tests/crash/batch.hpp"

#include <cstring>
#include <numeric>

#include <fmt/format.h>

namespace kifa::crash {

namespace {

constexpr std::int64_t kFirstUnixNs = 1'769'884'200'123'000'000;

std::string random_bytes(io::SplitMix& random, std::string_view head, std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t at = head.copy(text.data(), bytes);
  while (at < bytes) {
    const std::uint64_t word = random.next();
    const std::size_t count = std::min(sizeof(word), bytes - at);
    std::memcpy(text.data() + at, &word, count);
    at += count;
  }
  return text;
}

}  // namespace

std::size_t OwnedBatch::payload_bytes() const {
  return std::accumulate(
      records.begin(), records.end(), std::size_t{0},
      [](std::size_t sum, const OwnedRecord& record) { return sum + record.payload.size(); });
}

OwnedRecord BatchMaker::record(std::size_t bytes) {
  OwnedRecord record;
  ++records_;
  // Times go back now and then: nothing may depend on their order.
  record.observed_unix_ns = kFirstUnixNs + static_cast<std::int64_t>(records_ * 1000) -
                            static_cast<std::int64_t>(random_.below(5000));
  record.flags = random_.one_in(8) ? store::kRecordTruncated : 0;
  if (random_.one_in(4)) {
    record.attributes.emplace_back("till", fmt::format("{}", random_.below(10)));
    record.attributes.emplace_back("operator", "");
  }
  record.payload = random_bytes(random_, fmt::format("{} ", records_), bytes);
  return record;
}

void BatchMaker::add_checkpoints(OwnedBatch& batch) {
  const std::uint64_t count = 1 + random_.below(2);
  for (std::uint64_t i = 0; i < count; ++i) {
    store::Checkpoint checkpoint;
    checkpoint.origin = random_.one_in(2) ? "tills/printer" : "tills/scale";
    checkpoint.key = fmt::format("file-{}", random_.below(3));
    checkpoint.position = batches_;  // different in every batch
    checkpoint.state = fmt::format("state of batch {}", batches_);
    batch.checkpoints.push_back(checkpoint);
  }
  if (random_.one_in(6)) {
    store::Checkpoint retired;
    retired.origin = "tills/scale";
    retired.key = "file-9";
    retired.forget = random_.one_in(2);
    retired.position = batches_;
    batch.checkpoints.push_back(retired);
  }
}

OwnedBatch BatchMaker::make(BatchSize size) {
  OwnedBatch batch;
  ++batches_;
  batch.pipeline = "tills";
  batch.source = random_.one_in(3) ? "scale" : "printer";
  const auto add = [&](std::uint64_t count, std::uint64_t bytes_least, std::uint64_t bytes_most) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t bytes = bytes_least + random_.below(bytes_most - bytes_least + 1);
      batch.records.push_back(record(static_cast<std::size_t>(bytes)));
    }
  };
  switch (size) {
    case BatchSize::tiny:
      add(1, 0, 400);
      break;
    case BatchSize::medium:
      add(2 + random_.below(40), 0, 1000);
      break;
    case BatchSize::large:
      random_.one_in(2) ? add(1, 100'000, 250'000) : add(40, 3000, 5000);
      break;
    case BatchSize::huge:
      add(9, 150'000, 250'000);
      break;
    case BatchSize::checkpoint_only:
      break;
  }
  if (size == BatchSize::checkpoint_only || random_.one_in(2)) {
    add_checkpoints(batch);
    if (random_.one_in(4)) {
      batch.events.push_back(fmt::format("{}{}", kTestEventPrefix, batches_));
    }
  }
  return batch;
}

OwnedBatch BatchMaker::make_record(std::size_t bytes) {
  OwnedBatch batch;
  ++batches_;
  batch.pipeline = "tills";
  batch.source = "printer";
  batch.records.push_back(record(bytes));
  return batch;
}

OwnedBatch BatchMaker::make_big_batch(std::size_t bytes) {
  OwnedBatch batch = make_record(bytes / 2);
  batch.records.push_back(record(bytes - bytes / 2));
  return batch;
}

BatchViews::BatchViews(const OwnedBatch& batch) : batch_(batch) {
  attributes_.reserve(batch.records.size());
  for (const OwnedRecord& record : batch.records) {
    auto& attributes = attributes_.emplace_back();
    for (const auto& [key, value] : record.attributes) {
      attributes.push_back({.key = key, .value = value});
    }
    store::RecordView view;
    view.observed_unix_ns = record.observed_unix_ns;
    view.flags = record.flags;
    view.attributes = attributes;
    view.payload = as_byte_view(record.payload);
    records_.push_back(view);
  }
  for (const std::string& text : batch.events) {
    store::Event event;
    event.kind = store::EventKind::clock_jump;  // any that says nothing about lost records
    event.text = text;
    events_.push_back(event);
  }
}

store::BatchView BatchViews::view() const {
  return {.pipeline = batch_.pipeline,
          .source = batch_.source,
          .records = records_,
          .checkpoints = batch_.checkpoints,
          .events = events_};
}

OwnedRecord owned(const store::RecordView& record) {
  OwnedRecord copy;
  copy.observed_unix_ns = record.observed_unix_ns;
  copy.flags = record.flags;
  for (const store::Attribute& attribute : record.attributes) {
    copy.attributes.emplace_back(attribute.key, attribute.value);
  }
  copy.payload = as_text(record.payload);
  return copy;
}

}  // namespace kifa::crash
