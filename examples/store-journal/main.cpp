// store-journal: keeps the sales of a shop in a store, one a line, and reads them back.
//
//   store-journal DIR                     stores every line of standard input; prints its number
//                                         once it is on the disk
//   store-journal DIR --read [--from-time TIME] [--to-time TIME] [--follow]
//                                         prints what was stored, and with --follow what comes
//
// Exits: 0 all stored or printed; 1 failed, with a sentence; 64 usage.

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <kifa/store.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

using kifa::Lsn;
using kifa::Result;
using kifa::Status;
namespace store = kifa::store;

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr std::chrono::seconds kWait{1};

struct Arguments {
  std::string directory;
  bool read = false;
  bool follow = false;
  store::Selection selection = {};
};

// "2026-01-31T18:30:00Z" or whole seconds since 1970, in nanoseconds.
std::optional<std::int64_t> time_from(const char* text) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  tm parts{};
  const char* end = ::strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end != nullptr && *end == '\0') {
    return std::int64_t{::timegm(&parts)} * kSecond;
  }
  end = ::strptime(text, "%s", &parts);
  if (end != nullptr && *end == '\0') {
    return std::int64_t{::mktime(&parts)} * kSecond;
  }
  return std::nullopt;
}

std::optional<Arguments> arguments_from(int count, char** words) {
  if (count < 2) {
    return std::nullopt;
  }
  Arguments arguments{.directory = words[1]};
  for (int i = 2; i < count; ++i) {
    const std::string_view word = words[i];
    const bool is_from = word == "--from-time";
    if (word == "--read") {
      arguments.read = true;
    } else if (word == "--follow") {
      arguments.follow = true;
    } else if ((is_from || word == "--to-time") && i + 1 < count) {
      const auto time = time_from(words[++i]);
      if (!time) {
        return std::nullopt;
      }
      (is_from ? arguments.selection.min_unix_ns : arguments.selection.max_unix_ns) = *time;
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

// Stores the sales as they come. What the cashier sees a number for survives a power cut.
Status keep_sales(const Arguments& arguments) {
  const auto tell = [](store::Severity, const std::string& text) { std::cerr << text << '\n'; };
  auto journal = store::Store::open({.directory = arguments.directory}, store::this_machine(tell));
  if (!journal) {
    return journal.error();
  }
  const kifa::SystemClock clock;
  for (std::string sale; std::getline(std::cin, sale);) {
    const store::RecordView record{.observed_unix_ns = clock.now_unix_ns(),
                                   .payload = kifa::as_byte_view(sale)};
    const Result<Lsn> lsn = (*journal)->append_durable(
        {.pipeline = "shop", .source = "till-1", .records = {&record, 1}});
    if (!lsn) {
      return lsn.error();
    }
    std::cout << lsn->value << std::endl;
  }
  return (*journal)->close();
}

Status print_sales(const Arguments& arguments) {
  auto reader = store::Reader::open(arguments.directory, kifa::io::posix_file_system());
  if (!reader) {
    return reader.error();
  }
  store::Selection next = arguments.selection;
  const auto print_record = [](const store::RecordView& record) {
    std::cout << record.lsn.value << ' ' << kifa::as_text(record.payload) << '\n';
    return std::cout.good();
  };
  const auto print_event = [&next](const store::Event& event) {
    next.first_event = std::max(next.first_event, event.number + 1);
    std::cerr << "behind " << event.after.value << ": " << event.text << '\n';
    return true;
  };
  for (;;) {
    KIFA_TRY((*reader)->scan(next, print_record, print_event));
    std::cout.flush();
    next.first = (*reader)->durable_lsn().next();
    if (!arguments.follow || !std::cout.good()) {
      return {};
    }
    for (;;) {
      const Result<bool> more = (*reader)->wait_for_more(kWait);
      if (!more) {
        return more.error();
      }
      if (*more) {
        break;
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = arguments_from(argc, argv);
  if (!arguments) {
    std::cerr
        << "usage: store-journal DIR [--read [--from-time TIME] [--to-time TIME] [--follow]]\n"
           "TIME is 2026-01-31T18:30:00Z (UTC) or seconds since 1970\n";
    return kExitUsage;
  }
  const Status status = arguments->read ? print_sales(*arguments) : keep_sales(*arguments);
  if (!status) {
    std::cerr << "store-journal: " << status.message() << '\n';
    return kExitFailure;
  }
  return 0;
}
