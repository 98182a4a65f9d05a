// store-journal: keeps the sales of a shop in a store, one a line, and reads them back.
//
//   store-journal DIR                     stores every line of standard input; prints its number
//                                         once it is on the disk
//   store-journal DIR --read [--from-time TIME] [--to-time TIME] [--follow]
//                                         prints what was stored, and with --follow what comes
//   store-journal DIR --verify            reads all of the store, and prints what is wrong with it
//   store-journal DIR --hold NAME --days N
//                                         retention leaves what is there alone, for so many days
//   store-journal DIR --release NAME      gives that up
//
// Exits: 0 all stored or printed, no fault; 1 failed, with a sentence; 64 usage.

#include <time.h>

#include <algorithm>
#include <charconv>
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
constexpr std::int64_t kDayNs = 86'400'000'000'000;

struct Arguments {
  std::string directory = {};
  bool read = false;
  bool follow = false;
  bool verify = false;
  store::Selection selection = {};
  std::string hold = {};  // names
  std::string release = {};
  std::uint16_t days = 0;
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

bool take_days(std::string_view text, std::uint16_t& days) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), days);
  return failed == std::errc() && end == text.data() + text.size() && days != 0;
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
    } else if (word == "--verify") {
      arguments.verify = true;
    } else if ((word == "--hold" || word == "--release") && i + 1 < count) {
      (word == "--hold" ? arguments.hold : arguments.release) = words[++i];
    } else if (word == "--days" && i + 1 < count) {
      if (!take_days(words[++i], arguments.days)) {
        return std::nullopt;
      }
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
  const bool is_good = arguments.hold.empty() == (arguments.days == 0);
  return is_good ? std::optional(arguments) : std::nullopt;
}

// Stores the sales as they come. What the cashier sees a number for survives a power cut.
Status keep_sales(const Arguments& arguments) {
  const auto tell = [](store::Severity, const std::string& text) { std::cerr << text << '\n'; };
  auto journal = store::Store::open({.directory = arguments.directory, .table_at_close = true},
                                    store::this_machine(tell));
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

// Every byte is checked, also beside a till that sells. The anchor, written down elsewhere, tells
// later whether a sale up to it was changed.
Status verify_sales(const Arguments& arguments) {
  const auto report = store::verify_store(
      kifa::io::posix_file_system(),
      {.directory = arguments.directory,
       .on_fault = [](const store::VerifyFault& fault) { std::cerr << fault.text << '\n'; }});
  if (!report) {
    return report.error();
  }
  if (report->faults != 0) {
    return {kifa::Code::corrupt, arguments.directory + " is damaged"};
  }
  std::cout << report->records << " sales, no fault\n";
  if (report->anchor) {
    std::cout << "anchor " << store::to_string(*report->anchor) << '\n';
  }
  return {};
}

// The accountant needs what is there; retention leaves it alone until the days have passed.
Status hold_sales(const Arguments& arguments) {
  kifa::io::FileSystem& files = kifa::io::posix_file_system();
  auto reader = store::Reader::open(arguments.directory, files);
  if (!reader) {
    return reader.error();  // a hold of no store would wait for nothing
  }
  const auto stats = (*reader)->stats();
  if (!stats) {
    return stats.error();
  }
  const std::int64_t now = kifa::SystemClock().now_unix_ns();
  KIFA_TRY(store::set_cursor(files, arguments.directory,
                             {.name = arguments.hold,
                              .kind = store::CursorKind::hold,
                              .lsn = std::max(stats->first_lsn, Lsn{1}),
                              .deadline_unix_ns = now + kDayNs * arguments.days}));
  const auto list = store::list_cursors(files, arguments.directory);
  if (!list) {
    return list.error();
  }
  for (const store::Cursor& cursor : list->cursors) {
    std::cout << cursor.name << " keeps sales from " << cursor.lsn.value << " on\n";
  }
  return {};
}

Status do_as_told(const Arguments& arguments) {
  if (!arguments.hold.empty()) {
    return hold_sales(arguments);
  }
  if (!arguments.release.empty()) {
    return store::remove_cursor(kifa::io::posix_file_system(), arguments.directory,
                                arguments.release);
  }
  if (arguments.verify) {
    return verify_sales(arguments);
  }
  return arguments.read ? print_sales(arguments) : keep_sales(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = arguments_from(argc, argv);
  if (!arguments) {
    std::cerr
        << "usage: store-journal DIR [--read [--from-time TIME] [--to-time TIME] [--follow]]\n"
           "       store-journal DIR --verify | --hold NAME --days N | --release NAME\n"
           "TIME is 2026-01-31T18:30:00Z (UTC) or seconds since 1970\n";
    return kExitUsage;
  }
  const Status status = do_as_told(*arguments);
  if (!status) {
    std::cerr << "store-journal: " << status.message() << '\n';
    return kExitFailure;
  }
  return 0;
}
