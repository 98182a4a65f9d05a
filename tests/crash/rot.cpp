#include "tests/crash/rot.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/store/verify.hpp"
#include "tests/crash/image_check.hpp"
#include "tests/support/fake_clock.hpp"

namespace kifa::crash {

namespace {

bool names_a_file(std::string_view text) { return text.find("/data") != std::string_view::npos; }

// File, offset and, when records are lost, their LSNs. A file that is gone as a whole has no
// offset.
bool names_place(const store::Event& gap) {
  const bool is_gone = gap.text.find("No such file") != std::string::npos;
  const bool names_file = gap.text.find("/data/wal-") != std::string::npos ||
                          gap.text.find("/data/table-") != std::string::npos;
  const bool names_offset = gap.text.find(" at offset ") != std::string::npos;
  const bool names_lsns = gap.first_lost.value == 0 ||
                          gap.text.find(fmt::format("LSN {} to {} ", gap.first_lost.value,
                                                    gap.last_lost.value)) != std::string::npos;
  return names_file && (names_offset || is_gone) && names_lsns;
}

// Whether verify() has a fault for everything that cannot be read, and every fault names its place.
std::string check_verify(io::MemoryFileSystem& files, const std::vector<OwnedRecord>& records,
                         const Seen& seen) {
  std::vector<store::VerifyFault> faults;
  const auto report = store::verify_store(
      files, {.directory = std::string(kDirectory),
              .on_fault = [&](const store::VerifyFault& fault) { faults.push_back(fault); }});
  if (!report) {
    return names_a_file(report.error().message()) ? "" : "verify: " + report.error().message();
  }
  for (const store::VerifyFault& fault : faults) {
    const bool names_lsns = fault.first.value == 0 || fault.text.find("LSN ") != std::string::npos;
    if (!names_a_file(fault.text) || !names_lsns) {
      return "a fault does not name its place: " + fault.text;
    }
  }
  for (std::uint64_t lsn = 1; lsn <= records.size(); ++lsn) {
    const bool is_told = std::ranges::any_of(faults, [lsn](const store::VerifyFault& fault) {
      return fault.first.value <= lsn && lsn <= fault.last.value;
    });
    if (!seen.lsns.contains(lsn) && !is_told) {
      return fmt::format("LSN {} cannot be read, and verify has no fault for it", lsn);
    }
  }
  if (report->records < seen.lsns.size()) {
    return fmt::format("verify finds {} records where {} can be read", report->records,
                       seen.lsns.size());
  }
  return {};
}

std::string check_invented(const Seen& seen, std::uint64_t last, std::uint64_t appended) {
  for (auto at = seen.lsns.upper_bound(last); at != seen.lsns.end(); ++at) {
    if (*at != appended) {
      return fmt::format("LSN {} was never written", *at);
    }
  }
  return {};
}

}  // namespace

Seen read_damaged(store::Reader& reader, const std::vector<OwnedRecord>& records) {
  Seen seen;
  const auto on_record = [&](const store::RecordView& record) {
    const std::uint64_t lsn = record.lsn.value;
    if (!seen.lsns.insert(lsn).second || lsn == 0) {
      seen.problem = fmt::format("LSN {} came twice", lsn);
    } else if (lsn <= records.size() && owned(record) != records[lsn - 1]) {
      seen.problem = fmt::format("LSN {} is not what was written", lsn);
    }
    return true;
  };
  const auto on_event = [&](const store::Event& event) {
    if (event.kind == store::EventKind::gap) {
      if (!names_place(event)) {
        seen.problem = "a gap does not name its place: " + event.text;
      }
      ++seen.gaps;
      for (std::uint64_t lsn = event.first_lost.value;
           lsn != 0 && lsn <= event.last_lost.value && lsn <= 10 * records.size(); ++lsn) {
        seen.lost.insert(lsn);
      }
    }
    return true;
  };
  const Status status = reader.scan({}, on_record, on_event);
  if (!status) {
    seen.problem = "cannot scan: " + status.message();
  }
  return seen;
}

std::string judge(const Seen& seen, const std::vector<OwnedRecord>& records) {
  if (!seen.problem.empty()) {
    return seen.problem;
  }
  for (std::uint64_t lsn = 1; lsn <= records.size(); ++lsn) {
    if (!seen.lsns.contains(lsn) && !seen.lost.contains(lsn)) {
      return fmt::format("LSN {} is missing and nothing says so", lsn);
    }
    if (seen.lsns.contains(lsn) && seen.lost.contains(lsn)) {
      return fmt::format("LSN {} is there and said to be lost", lsn);
    }
  }
  return {};
}

std::string check_reading(io::MemoryFileSystem& files, const std::vector<OwnedRecord>& records,
                          Seen& seen) {
  seen = {};
  auto reader = store::Reader::open(std::string(kDirectory), files);
  if (!reader) {
    const std::string why = reader.error().message();
    return names_a_file(why) ? "" : "reader: " + why;
  }
  seen = read_damaged(**reader, records);
  std::string wrong = judge(seen, records);
  if (wrong.empty()) {
    wrong = check_invented(seen, records.size(), 0);
  }
  if (wrong.empty()) {
    wrong = check_verify(files, records, seen);
  }
  if (wrong.empty() && files.is_changed()) {
    wrong = "reading has changed something";
  }
  return wrong.empty() ? wrong : "before opening: " + wrong;
}

std::string check_opening(io::MemoryFileSystem& files, const store::StoreOptions& options,
                          const std::vector<OwnedRecord>& records, const Seen& before) {
  const test::FakeClock clock;
  auto opened = store::Store::open(options, {.files = files,
                                             .clock = clock,
                                             .report = [](store::Severity, const std::string&) {},
                                             .random_seed = 99,
                                             .background_threads = false});
  if (!opened) {
    const std::string why = opened.error().message();
    return names_a_file(why) ? "" : "open: " + why;
  }
  BatchMaker maker(12);
  const OwnedBatch batch = maker.make(BatchSize::tiny);
  const auto lsn = (*opened)->append_durable(BatchViews(batch).view());
  if (!lsn) {
    return "cannot append: " + lsn.error().message();
  }
  if (lsn->value <= records.size()) {
    return fmt::format("LSN {} was given again", lsn->value);
  }
  if (const Status closed = (*opened)->close(); !closed) {
    return "cannot close: " + closed.message();
  }
  auto reader = store::Reader::open(std::string(kDirectory), files);
  if (!reader) {
    return "last reader: " + reader.error().message();
  }
  const Seen seen = read_damaged(**reader, records);
  if (!seen.lsns.contains(lsn->value)) {
    return "the appended record is missing";
  }
  std::string wrong = judge(seen, records);
  if (wrong.empty()) {
    wrong = check_invented(seen, records.size(), lsn->value);
  }
  if (wrong.empty() && !std::ranges::includes(seen.lsns, before.lsns)) {
    wrong = "a record that could be read is lost";
  }
  return wrong.empty() ? wrong : "after opening: " + wrong;
}

}  // namespace kifa::crash
