// A source that plays a till which waits for every answer: it reads one record from a pipe of its
// own, and puts the next one there when the last is acknowledged. What it measures is the time
// from that read to the acknowledgement; stop() writes the times to a file.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <kifa/sdk.hpp>
#include <string>
#include <vector>

using namespace kifa::sdk;

namespace {

constexpr std::uint64_t kStream = 1;

class BenchTill final : public Source {
 public:
  using Source::Source;
  ~BenchTill() override { close_pipe(); }

  Status configure(const Settings& settings) override {
    count_ = static_cast<std::size_t>(settings.integer("count"));
    result_path_ = settings.text("result");
    line_.assign(settings.size_bytes("record_bytes"), 'r');
    line_.push_back('\n');
    incoming_.resize(line_.size());
    return {};
  }

  Status start() override {
    if (::pipe2(pipe_, O_NONBLOCK | O_CLOEXEC) != 0) {
      return Status::from_errno(errno, "cannot make a pipe");
    }
    return send_line();
  }

  Status stop(std::int64_t /*deadline_mono_ns*/) override {
    close_pipe();
    std::ofstream file(result_path_, std::ios::trunc);
    for (const double microseconds : taken_us_) {
      file << microseconds << '\n';
    }
    file.close();
    return file ? Status::ok() : Status(KIFA_IO, "cannot write " + result_path_);
  }

  Status poll(Emitter out, std::int64_t /*deadline_mono_ns*/) override {
    if (out.draining() || taken_us_.size() >= count_) {
      return Status::end();
    }
    if (!opened_) {
      if (const kifa_status status = out.open({.stream = kStream}); status != KIFA_OK) {
        return status;
      }
      opened_ = true;
    }
    const auto before_read = Clock::now();
    const ssize_t got = ::read(pipe_[0], incoming_.data(), incoming_.size());
    if (got < 0) {
      return errno == EAGAIN ? Status::again() : Status::from_errno(errno, "cannot read the pipe");
    }
    read_at_ = before_read;
    const kifa_status status =
        out.chunk({.stream = kStream,
                   .data = Bytes(incoming_.data(), static_cast<std::size_t>(got)),
                   .position = position_});
    if (status != KIFA_OK) {
      return {KIFA_INTERNAL, "the host did not take one record"};
    }
    position_ += static_cast<std::uint64_t>(got);
    return Status::again();
  }

  void descriptors(Descriptors& out) override { out.add(pipe_[0], POLLIN, KIFA_FD_INPUT); }

  void acknowledge(std::uint64_t /*stream*/, std::uint64_t position, kifa_status status) override {
    if (status != KIFA_OK || position < position_) {
      return;
    }
    taken_us_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - read_at_).count());
    if (taken_us_.size() >= count_ || !send_line().is_ok()) {
      host().wake();
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  Status send_line() {
    const ssize_t written = ::write(pipe_[1], line_.data(), line_.size());
    return written == static_cast<ssize_t>(line_.size())
               ? Status::ok()
               : Status::from_errno(errno, "cannot write to the pipe");
  }

  void close_pipe() {
    for (int& fd : pipe_) {
      if (fd >= 0) {
        ::close(fd);
      }
      fd = -1;
    }
  }

  std::size_t count_ = 0;
  std::string result_path_;
  std::string line_;
  std::vector<std::uint8_t> incoming_;
  int pipe_[2] = {-1, -1};
  bool opened_ = false;
  std::uint64_t position_ = 0;
  Clock::time_point read_at_;
  std::vector<double> taken_us_;
};

constexpr auto kOptions = options(
    option::integer("count", "How many records are sent.").by_default("2000").unit("records"),
    option::size("record_bytes", "Size of each record.").by_default("200"),
    option::path("result", "File that gets the times, in microseconds.").required());
constexpr kifa_component kComponents[] = {
    source<BenchTill>("bench_till", "Sends a record when the last was acknowledged.", kOptions)};
constexpr kifa_plugin kPlugin =
    plugin({"kifa.bench.till", "1.0.0", "The kifa authors", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
