#pragma once

#include <cstdint>
#include <string_view>

namespace gen {

// How a write ended.
enum class Written : std::uint8_t {
  all,
  reader_gone,  // EPIPE: nobody reads any more, a normal end
  failed,       // errno says why
};

// Writes all of `bytes` to `fd`, however many calls it takes, also when somebody made the
// descriptor non-blocking. SIGPIPE must be ignored.
Written write_all(int fd, std::string_view bytes);

// Lets `rate` records a second through: a token bucket that holds at most a tenth of a second's
// records, so that a reader that stalled is not flooded afterwards.
//
// Threads: confined to one. The time is the caller's (CLOCK_MONOTONIC in nanoseconds).
class Pacer final {
 public:
  static constexpr std::uint64_t kRateMax = 1'000'000'000;

  Pacer(std::uint64_t rate, std::int64_t now_ns);

  // How many records may go out now; take() says how many did.
  std::uint64_t available(std::int64_t now_ns);
  void take(std::uint64_t records);
  // When it is worth asking again: when the next record is due, at the earliest in a millisecond.
  [[nodiscard]] std::int64_t next_ns() const;

 private:
  std::uint64_t rate_;
  std::int64_t bucket_ns_;  // capacity
  std::int64_t now_ns_;
  std::int64_t saved_ns_ = 0;  // time not yet turned into records
};

}  // namespace gen
