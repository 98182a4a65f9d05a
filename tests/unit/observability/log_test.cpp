#include "core/observability/log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/fake_clock.hpp"

using kifa::observability::Log;
using kifa::observability::log_format_for;
using kifa::observability::log_level_from;
using kifa::observability::LogFormat;
using kifa::observability::LogLevel;
using kifa::observability::LogOptions;
using kifa::test::FakeClock;

namespace {

// A pipe that a log writes to and the test reads.
class Pipe {
 public:
  Pipe() { REQUIRE(::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  [[nodiscard]] int input() const { return ends_[1]; }
  [[nodiscard]] std::string read_all() const {
    std::string all;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::read(ends_[0], buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  std::array<int, 2> ends_{};
};

LogOptions options_of(const Pipe& pipe, const FakeClock& clock) {
  LogOptions options;
  options.descriptor = pipe.input();
  options.clock = &clock;
  return options;
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("a line has time, level, subject, sentence and facts", "[observability]") {
  const Pipe pipe;
  const FakeClock clock;
  Log log(options_of(pipe, clock));
  log.info("kifa", "started");
  log.warn("till-1/journal", "segment sealed early",
           {{"segment", "17"}, {"reason", "No space \"left\""}, {"empty", ""}});
  log.error("", "no subject");
  CHECK(pipe.read_all() ==
        "2026-01-31T18:30:00.123Z info  kifa: started\n"
        "2026-01-31T18:30:00.123Z warn  till-1/journal: segment sealed early segment=17 "
        "reason=\"No space \\\"left\\\"\" empty=\"\"\n"
        "2026-01-31T18:30:00.123Z error no subject\n");
}

TEST_CASE("the journal gets priorities and no time", "[observability]") {
  const Pipe pipe;
  const FakeClock clock;
  LogOptions options = options_of(pipe, clock);
  options.format = LogFormat::journal;
  options.level = LogLevel::debug;
  Log log(options);
  log.debug("a", "b");
  log.info("a", "b");
  log.warn("a", "b");
  log.error("a", "b");
  CHECK(pipe.read_all() == "<7>a: b\n<6>a: b\n<4>a: b\n<3>a: b\n");
}

TEST_CASE("levels below the chosen one are dropped, also when it is changed", "[observability]") {
  const Pipe pipe;
  const FakeClock clock;
  Log log(options_of(pipe, clock));
  CHECK(log.level() == LogLevel::info);
  CHECK_FALSE(log.enabled(LogLevel::debug));
  log.debug("a", "hidden");
  log.set_level(LogLevel::error);
  log.warn("a", "hidden too");
  log.set_level(LogLevel::debug);
  CHECK(log.enabled(LogLevel::debug));
  log.debug("a", "shown");
  CHECK(pipe.read_all() == "2026-01-31T18:30:00.123Z debug a: shown\n");
}

TEST_CASE("level names are what --log-level takes", "[observability]") {
  CHECK(*log_level_from("debug") == LogLevel::debug);
  CHECK(*log_level_from("warn") == LogLevel::warn);
  CHECK(log_level_from("loud").status().message() ==
        "the log level is debug, info, warn or error, not `loud`");
  CHECK_FALSE(log_level_from("").has_value());
}

TEST_CASE("a message cannot forge another line or reach the terminal", "[observability]") {
  const Pipe pipe;
  const FakeClock clock;
  Log log(options_of(pipe, clock));
  log.warn("a\nb", "x\n2026 error kifa: all gone\x1b[2J\xff {}%v", {{"k", "a\nb"}});
  const std::string text = pipe.read_all();
  CHECK(text ==
        "2026-01-31T18:30:00.123Z warn  a\\nb: x\\n2026 error kifa: all gone\\x1b[2J\\xff {}%v "
        "k=a\\nb\n");
  log.warn("a", std::string(1'000'000, 'x'));
  CHECK(pipe.read_all().size() < 3000);
}

TEST_CASE("repeated messages are written ten times and then counted", "[observability]") {
  const Pipe pipe;
  FakeClock clock;
  {
    Log log(options_of(pipe, clock));
    for (int i = 0; i < 1000; ++i) {
      log.warn("till", "the device is away");
    }
    CHECK(lines_of(pipe.read_all()) == 10);
    clock.advance(std::chrono::seconds(11));
    log.info("kifa", "something else");
    CHECK(pipe.read_all() ==
          "2026-01-31T18:30:11.123Z warn  till: the device is away (repeated 990 more times)\n"
          "2026-01-31T18:30:11.123Z info  kifa: something else\n");
    for (int i = 0; i < 12; ++i) {
      log.warn("till", "the device is away");
    }
    CHECK(lines_of(pipe.read_all()) == 10);
  }
  // The end of the log is the end of all windows.
  CHECK(pipe.read_all() ==
        "2026-01-31T18:30:11.123Z warn  till: the device is away (repeated 2 more times)\n");
}

TEST_CASE(
    "a descriptor that is closed at the start is never written to, also when a file gets its "
    "number",
    "[observability]") {
  const FakeClock clock;
  const Pipe pipe;
  const int number = ::fcntl(pipe.input(), F_DUPFD_CLOEXEC, 100);
  REQUIRE(number >= 0);
  REQUIRE(::close(number) == 0);
  LogOptions options;
  options.descriptor = number;
  options.clock = &clock;
  Log log(options);
  log.error("a", "b");
  REQUIRE(::dup3(pipe.input(), number, O_CLOEXEC) == number);
  log.error("a", "c");
  CHECK(pipe.read_all().empty());
  CHECK(log.lost_lines() == 2);
  REQUIRE(::close(number) == 0);
}

TEST_CASE("a descriptor that fails costs lines and nothing else", "[observability]") {
  const FakeClock clock;
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  LogOptions options;
  options.descriptor = full;
  options.clock = &clock;
  Log log(options);
  log.error("a", "b");
  log.error("a", "c");
  CHECK(log.lost_lines() == 2);
  REQUIRE(::close(full) == 0);
  log.error("a", "d");
  CHECK(log.lost_lines() == 3);
}

TEST_CASE("a reader that is stuck loses lines but never gets half of one", "[observability]") {
  const Pipe pipe;
  const FakeClock clock;
  Log log(options_of(pipe, clock));
  const std::string filler(1500, 'x');
  int number = 0;
  while (log.lost_lines() == 0 && number < 1000) {
    log.info("a", filler + std::to_string(number++));
  }
  CHECK(log.lost_lines() == 1);
  static_cast<void>(pipe.read_all());
  log.info("a", "again");
  const std::string text = pipe.read_all();
  const std::string line = "2026-01-31T18:30:00.123Z info  a: again\n";
  CHECK((text == line || text == "\n" + line));
}

TEST_CASE("lines of many threads are whole", "[observability]") {
  const Pipe pipe;
  const FakeClock clock;
  Log log(options_of(pipe, clock));
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&log, thread] {
      for (int i = 0; i < 50; ++i) {
        log.info("t" + std::to_string(thread), "message " + std::to_string(i));
      }
    });
  }
  threads.clear();
  const std::string text = pipe.read_all();
  CHECK(lines_of(text) == 200);
  for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1) {
    REQUIRE(text.compare(begin, 32, "2026-01-31T18:30:00.123Z info  t") == 0);
  }
}

TEST_CASE("messages can be JSON lines, whatever they contain", "[observability]") {
  const Pipe pipe;
  const FakeClock clock;
  LogOptions options = options_of(pipe, clock);
  options.format = LogFormat::json;
  Log log(options);
  const std::string path = "a\\b";
  log.warn("till-1/\"printer\"", "line\nfeed", {{"path", path}});
  CHECK(pipe.read_all().ends_with(
      R"("level":"warn","subject":"till-1/\"printer\"","message":"line\\nfeed","path":"a\\b"})"
      "\n"));
}

TEST_CASE("the journal is recognised by its stream, not by the variable alone", "[observability]") {
  const Pipe pipe;
  struct stat status{};
  REQUIRE(::fstat(pipe.input(), &status) == 0);
  const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  CHECK(log_format_for(pipe.input(), stream.c_str()) == LogFormat::journal);
  CHECK(log_format_for(pipe.input(), (stream + "1").c_str()) == LogFormat::text);
  CHECK(log_format_for(pipe.input(), nullptr) == LogFormat::text);
  CHECK(log_format_for(pipe.input(), "") == LogFormat::text);
  CHECK(log_format_for(pipe.input(), "x:y") == LogFormat::text);
  CHECK(log_format_for(-1, stream.c_str()) == LogFormat::text);
}
