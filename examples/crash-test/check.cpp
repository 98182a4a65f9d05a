#include "examples/crash-test/check.hpp"

#include <kifa/store.hpp>

#include "examples/crash-test/records.hpp"

namespace crash {

namespace store = kifa::store;

namespace {

Finding violated(std::uint64_t records, std::string violation) {
  return {.records = records, .violation = std::move(violation)};
}

}  // namespace

Finding check_store(const std::string& directory, const Expected& expected) {
  auto reader = store::Reader::open(directory, kifa::io::posix_file_system());
  if (!reader) {
    const bool may_be_missing =
        reader.error().code() == kifa::Code::not_found && expected.acknowledged == 0;
    return may_be_missing ? Finding() : violated(0, reader.error().message());
  }
  std::uint64_t next = expected.check_from;
  std::string violation;
  const kifa::Status read = (*reader)->scan(
      {.first = {expected.check_from}},
      [&](const store::RecordView& record) {
        if (record.lsn.value != next) {
          violation = "record " + std::to_string(record.lsn.value) + " stands where " +
                      std::to_string(next) + " belongs";
        } else if (kifa::as_text(record.payload) != payload_of(next, expected.seed)) {
          violation = "record " + std::to_string(next) + " has other bytes than it was given";
        }
        ++next;
        return violation.empty();
      },
      [&](const store::Event& event) {
        if (event.kind == store::EventKind::gap) {
          violation = "the store reports a gap: " + event.text;
        }
        return violation.empty();
      });
  const std::uint64_t records = next - 1;
  if (!read || !violation.empty()) {
    return violated(records, read ? violation : read.message());
  }
  if (records < expected.acknowledged) {
    return violated(records, "record " + std::to_string(expected.acknowledged) +
                                 " was acknowledged, and the store ends with " +
                                 std::to_string(records));
  }
  if (records > expected.attempted) {
    return violated(records, "record " + std::to_string(records) + " was never offered");
  }
  return {.records = records, .violation = {}};
}

}  // namespace crash
