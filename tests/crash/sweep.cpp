#include "tests/crash/sweep.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <set>

#include <fmt/format.h>

namespace kifa::crash {

namespace {

// The seeds of a kill differ only in what is left of the writes in flight.
constexpr std::uint64_t kKillSeedsMax = 3;
constexpr std::uint64_t kZeroSeedsMax = 2;

bool fills_with_zeros(const io::Trace& trace, std::size_t passed) {
  const auto writes_zeros = [](const io::TraceEvent& event) {
    return event.kind == io::TraceKind::write_begin && event.extent.is_zero();
  };
  // The last event or, when that is the end of a write, the one before.
  return (passed > 0 && writes_zeros(trace.events[passed - 1])) ||
         (passed > 1 && trace.events[passed - 1].kind == io::TraceKind::write_end &&
          writes_zeros(trace.events[passed - 2]));
}

// Whether the disk may be another one after this event. Before a note the store has promised less
// on the same disk, so that the place after it says more.
bool changes_disk(const io::TraceEvent& event) {
  switch (event.kind) {
    case io::TraceKind::note:
    case io::TraceKind::sync_begin:
    case io::TraceKind::failure:
      return false;
    default:
      return true;
  }
}

class Sweeper final {
 public:
  Sweeper(const store::StoreOptions& store, const SweepOptions& options)
      : store_(store), options_(options) {}

  // All places of a trace, or about `points_max` of them.
  void walk(const io::Trace& trace, const History& history, std::uint64_t seeds,
            std::uint64_t points_max, bool is_nested) {
    std::uint64_t places = 0;  // about
    for (std::size_t i = 0; points_max != 0 && i < trace.events.size(); ++i) {
      places += changes_disk(trace.events[i]) && !fills_with_zeros(trace, i) ? 1 : 0;
    }
    const std::uint64_t stride =
        points_max == 0 ? 1 : std::max<std::uint64_t>(1, places / points_max);
    std::uint64_t place = points_max == 0 ? 0 : result_.states % stride;
    for (io::CrashPoints points(trace); result_.violation.empty(); points.advance()) {
      const bool is_place = points.at_end() || (changes_disk(trace.events[points.passed()]) &&
                                                is_worth_it(trace, points.passed()));
      if (is_place && (place++ % stride == 0 || points.at_end())) {
        try_point(points, trace, history.after(points.passed()), seeds, is_nested);
      }
      if (points.at_end()) {
        break;
      }
    }
  }

  [[nodiscard]] const SweepResult& result() const { return result_; }

 private:
  void try_point(const io::CrashPoints& points, const io::Trace& trace,
                 const Expectation& expectation, std::uint64_t seeds, bool is_nested) {
    ++result_.points;
    std::set<std::uint64_t> tried;
    const bool is_kill = options_.kind == CrashKind::kill && !is_nested;
    std::uint64_t count = points.has_choice() ? seeds : 1;
    if (is_kill) {
      count = std::min(seeds, kKillSeedsMax);
    } else if (fills_with_zeros(trace, points.passed())) {
      count = std::min(seeds, kZeroSeedsMax);
    }
    for (std::uint64_t i = 0; i < count && result_.violation.empty(); ++i) {
      const std::uint64_t seed = seed_of(i, count);
      std::uint64_t choices = seed;
      const io::CrashImage image = is_kill ? points.kill(seed) : points.power_cut(seed, &choices);
      if (!tried.insert(choices).second) {
        continue;
      }
      ++result_.states;
      History history(*image, expectation);
      const std::string violation =
          check_image(*image, expectation,
                      {.store = store_, .seed = result_.states, .is_same_boot = is_kill}, history);
      if (!violation.empty()) {
        result_.violation = fmt::format("{}; {} after event {}, choice {}:{}\n  and then:{}{}",
                                        violation, is_kill ? "kill" : "power cut", points.passed(),
                                        seed, last_events(trace, points.passed()),
                                        last_events(image->trace(), image->event_count()),
                                        is_nested ? "\n  in a recovery" : "");
        return;
      }
      if (!is_nested && options_.nested_every != 0 && result_.states % options_.nested_every == 0) {
        const std::uint64_t number = result_.states;
        walk(image->trace(), history, options_.nested_seeds, options_.nested_points, true);
        if (!result_.violation.empty()) {
          result_.violation +=
              fmt::format("; of state {}, after event {}, choice {}:{}", number, points.passed(),
                          seed, last_events(trace, points.passed()));
          return;
        }
      }
    }
  }

  bool is_worth_it(const io::Trace& trace, std::size_t passed) {
    return !fills_with_zeros(trace, passed) || zero_places_++ % options_.zero_fill_every == 0;
  }

  // With few choices at a place: nothing, everything, and then others at every place.
  [[nodiscard]] std::uint64_t seed_of(std::uint64_t index, std::uint64_t count) const {
    constexpr std::uint64_t kEnough = 16;
    constexpr std::uint64_t kFixed = 8;
    if (count >= kEnough || index < 2) {
      return index;
    }
    if (index == 2 && result_.points % 2 == 0) {
      return 2 + result_.points / 2 % (kFixed - 2);
    }
    return kFixed + result_.points * kEnough + index;
  }

  static std::string last_events(const io::Trace& trace, std::size_t passed) {
    constexpr std::size_t kShown = 16;
    std::string text;
    for (std::size_t i = passed > kShown ? passed - kShown : 0; i < passed; ++i) {
      text += fmt::format("\n    {} {}", i, io::describe(trace.events[i]));
    }
    return text;
  }

  const store::StoreOptions store_;
  const SweepOptions options_;
  SweepResult result_;
  std::uint64_t zero_places_ = 0;
};

std::uint64_t all_states = 0;  // of all sweeps

}  // namespace

SweepResult sweep(const io::MemoryFileSystem& files, const History& history,
                  const store::StoreOptions& store, const SweepOptions& options) {
  keep_freed_memory();
  Sweeper sweeper(store, options);
  const io::Trace trace = files.trace();
  sweeper.walk(trace, history, options.seeds, options.points, false);
  all_states += sweeper.result().states;
  return sweeper.result();
}

std::uint64_t states_so_far() { return all_states; }

bool is_sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
  return false;
#endif
}

void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, std::numeric_limits<int>::max());
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) {
    return otherwise;
  }
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  return end != text && *end == '\0' && value > 0 ? value : otherwise;
}

}  // namespace kifa::crash
