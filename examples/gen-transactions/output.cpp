#include "examples/gen-transactions/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gen {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kPauseNsMin = 1'000'000;

// Time that `records` stand for, rounded up.
std::int64_t time_of(std::uint64_t records, std::uint64_t rate) {
  return static_cast<std::int64_t>((records * kSecondNs + rate - 1) / rate);
}

}  // namespace

Written write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (errno == EPIPE) {
      return Written::reader_gone;
    } else if (errno != EINTR) {
      return Written::failed;
    }
  }
  return Written::all;
}

Pacer::Pacer(std::uint64_t rate, std::int64_t now_ns)
    : rate_(std::clamp<std::uint64_t>(rate, 1, kRateMax)),
      bucket_ns_(std::max(kSecondNs / 10, time_of(1, rate_))),
      now_ns_(now_ns) {}

std::uint64_t Pacer::available(std::int64_t now_ns) {
  saved_ns_ = std::min(saved_ns_ + (now_ns - now_ns_), bucket_ns_);
  now_ns_ = now_ns;
  // The bucket is at most 1 s at rate 1, or 0.1 s at any rate: the product stays below 2^63.
  return static_cast<std::uint64_t>(saved_ns_) * rate_ / kSecondNs;
}

void Pacer::take(std::uint64_t records) { saved_ns_ -= time_of(records, rate_); }

std::int64_t Pacer::next_ns() const {
  return now_ns_ + std::max(time_of(1, rate_) - saved_ns_, kPauseNsMin);
}

}  // namespace gen
