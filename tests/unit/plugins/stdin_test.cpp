#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <kifa/testing/fake_emitter.hpp>
#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "plugins/sources/stdin/input.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/plugins/redirect.hpp"

extern "C" const kifa_plugin* kifa_builtin_stdin() noexcept;

using kifa::plugins::stdin_source::Input;
using kifa::plugins::testing::bytes_in_pipe;
using kifa::plugins::testing::Fd;
using kifa::plugins::testing::Pipe;
using kifa::plugins::testing::Redirect;
using kifa::plugins::testing::write_all;
using kifa::testing::FakeEmitter;
using kifa::testing::FakeHost;
using kifa::testing::TestInstance;

namespace {

constexpr std::int64_t kFarAway = INT64_MAX;

// The source on a standard input of the test's choice.
class Source final {
 public:
  explicit Source(int fd) : redirect_(STDIN_FILENO, fd), instance_(*kifa_builtin_stdin(), host) {
    REQUIRE(instance_.configure() == KIFA_OK);
    started = instance_.start();
  }

  kifa_status poll(std::int64_t deadline = kFarAway) {
    instance_.reset_error();
    return instance_.source().poll(instance_.raw(), out.raw(), deadline, instance_.error());
  }
  // Polls as a host does until the source runs dry or ends.
  kifa_status poll_on() {
    kifa_status status = KIFA_OK;
    while (status == KIFA_OK) {
      out.set_capacity(4U << 20U);
      status = poll();
    }
    return status;
  }
  std::vector<kifa_fd> descriptors() {
    std::vector<kifa_fd> fds(4);
    fds.resize(instance_.source().descriptors(instance_.raw(), fds.data(), 4));
    return fds;
  }
  [[nodiscard]] std::string message() const { return instance_.message(); }
  // All streams, one behind the other.
  [[nodiscard]] std::string bytes() const {
    std::string all;
    for (const auto& [number, stream] : out.streams) {
      all += stream.bytes;
    }
    return all;
  }

  FakeHost host;
  FakeEmitter out{4U << 20U};
  kifa_status started = KIFA_OK;

 private:
  Redirect redirect_;
  TestInstance instance_;
};

std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random());
  }
  return bytes;
}

// A file with `content`, open for reading, without a name.
Fd file_with(const std::string& content) {
  std::string path = (std::filesystem::temp_directory_path() / "kifa-stdin-XXXXXX").string();
  Fd file(::mkostemp(path.data(), O_CLOEXEC));
  ::unlink(path.c_str());
  write_all(file.get(), content);
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

}  // namespace

TEST_CASE("a silent pipe keeps nobody waiting", "[plugins][stdin][W31]") {
  Pipe pipe;
  Source source(pipe.out.get());
  REQUIRE(source.started == KIFA_OK);
  CHECK(source.poll() == KIFA_AGAIN);  // would hang here
  CHECK(source.poll() == KIFA_AGAIN);
  const std::vector<kifa_fd> fds = source.descriptors();
  REQUIRE(fds.size() == 1);
  CHECK(fds[0].fd == STDIN_FILENO);
  CHECK(fds[0].events == POLLIN);
  CHECK(fds[0].flags == KIFA_FD_INPUT);
  source.out.set_draining();
  CHECK(source.poll() == KIFA_END);
  CHECK(source.descriptors().empty());
  CHECK(source.out.faults.empty());
}

TEST_CASE("every byte of a pipe arrives, in order, up to its end", "[plugins][stdin]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Pipe pipe;
  Source source(pipe.out.get());
  REQUIRE(::fcntl(pipe.in.get(), F_GETPIPE_SZ) == 1 << 20);
  std::string sent;
  for (int round = 0; round < 200; ++round) {
    const std::string piece = random_bytes(random, random() % (round % 10 == 0 ? 900'000 : 5000));
    write_all(pipe.in.get(), piece);
    sent += piece;
    source.out.set_capacity(random() % 1'000'000);
    source.poll();
    if (bytes_in_pipe(pipe.out.get()) > 0) {
      source.poll_on();
    }
  }
  pipe.in.close();
  CHECK(source.poll_on() == KIFA_END);
  CHECK(source.bytes() == sent);
  REQUIRE(source.out.streams.size() == 1);
  CHECK(source.out.streams.begin()->second.ended);
  CHECK(source.poll() == KIFA_END);
  CHECK(source.out.faults.empty());
}

TEST_CASE("the descriptor is shared with others and stays as it was", "[plugins][stdin]") {
  Pipe pipe;
  const int before = ::fcntl(pipe.out.get(), F_GETFL);
  Source source(pipe.out.get());
  write_all(pipe.in.get(), "x");
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(::fcntl(pipe.out.get(), F_GETFL) == before);
}

TEST_CASE("no more is read than there is room for", "[plugins][stdin]") {
  Pipe pipe;
  Source source(pipe.out.get());
  write_all(pipe.in.get(), "0123456789");
  source.out.set_capacity(0);
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(bytes_in_pipe(pipe.out.get()) == 10);
  source.out.set_capacity(4);
  CHECK(source.poll() == KIFA_OK);
  CHECK(source.bytes() == "0123");
  CHECK(bytes_in_pipe(pipe.out.get()) == 6);
  CHECK(source.poll_on() == KIFA_AGAIN);
  CHECK(source.bytes() == "0123456789");
}

TEST_CASE("what the host does not take is handed over again, once", "[plugins][stdin]") {
  Pipe pipe;
  Source source(pipe.out.get());
  CHECK(source.poll() == KIFA_AGAIN);
  write_all(pipe.in.get(), "receipt");
  source.out.fail_next(KIFA_AGAIN);
  CHECK(source.poll() == KIFA_OK);  // not dry: what waits needs room, not input
  CHECK(source.bytes().empty());
  CHECK(source.poll_on() == KIFA_AGAIN);
  CHECK(source.bytes() == "receipt");
  pipe.in.close();
  source.out.fail_next(KIFA_AGAIN);
  CHECK(source.poll() == KIFA_OK);  // the end was not taken
  CHECK(source.poll() == KIFA_END);
  CHECK(source.out.streams.begin()->second.ended);
}

TEST_CASE("a stream that the host ends is followed by another", "[plugins][stdin]") {
  Pipe pipe;
  Source source(pipe.out.get());
  CHECK(source.poll() == KIFA_AGAIN);
  write_all(pipe.in.get(), "taken, and then too much");
  source.out.fail_next(KIFA_NO_MEMORY);
  CHECK(source.poll() == KIFA_AGAIN);
  write_all(pipe.in.get(), "what follows");
  CHECK(source.poll() == KIFA_AGAIN);
  REQUIRE(source.out.streams.size() == 2);
  CHECK(source.out.streams.rbegin()->second.bytes == "what follows");
  pipe.in.close();
  CHECK(source.poll() == KIFA_END);
  CHECK(source.out.streams.rbegin()->second.ended);
  CHECK(source.out.faults.empty());
}

TEST_CASE("a deadline in the past still takes a piece", "[plugins][stdin]") {
  Pipe pipe;
  Source source(pipe.out.get());
  write_all(pipe.in.get(), std::string(200'000, 'x'));
  CHECK(source.poll(0) == KIFA_OK);
  CHECK(source.bytes().size() == 200'000);
}

TEST_CASE("a stop takes what the pipe holds and nothing that comes later", "[plugins][stdin]") {
  Pipe pipe;
  Source source(pipe.out.get());
  write_all(pipe.in.get(), std::string(300'000, 'a'));
  source.out.set_draining();
  source.out.set_capacity(100'000);
  CHECK(source.poll() == KIFA_OK);
  source.out.set_capacity(0);
  CHECK(source.poll() == KIFA_AGAIN);  // not over yet, but no room
  write_all(pipe.in.get(), std::string(50'000, 'b'));
  source.out.set_capacity(4U << 20U);
  CHECK(source.poll() == KIFA_END);
  CHECK(source.bytes() == std::string(300'000, 'a'));
  CHECK(bytes_in_pipe(pipe.out.get()) == 50'000);
  CHECK(source.out.streams.begin()->second.ended);
}

TEST_CASE("files are read from where they stand to their end", "[plugins][stdin]") {
  const std::string content(3'000'000, 'f');
  const Fd file = file_with("head" + content);
  ::lseek(file.get(), 4, SEEK_SET);
  Source source(file.get());
  CHECK(source.poll_on() == KIFA_END);
  CHECK(source.bytes() == content);

  Source empty(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get());
  CHECK(empty.started == KIFA_OK);
  CHECK(empty.poll_on() == KIFA_END);
  CHECK(empty.out.streams.size() == 1);
}

TEST_CASE("a stop leaves a file where it is", "[plugins][stdin]") {
  const Fd file = file_with(std::string(3'000'000, 'f'));
  Source source(file.get());
  source.out.set_capacity(1'000'000);
  CHECK(source.poll() == KIFA_OK);
  source.out.set_capacity(4U << 20U);
  source.out.set_draining();
  CHECK(source.poll() == KIFA_END);
  CHECK(source.bytes().size() == 1'000'000);
  CHECK(::lseek(file.get(), 0, SEEK_CUR) == 1'000'000);
}

TEST_CASE("a socket is read like a pipe", "[plugins][stdin]") {
  int ends[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Fd near(ends[0]);
  Fd far(ends[1]);
  Source source(near.get());
  CHECK(source.poll() == KIFA_AGAIN);
  write_all(far.get(), "over a socket");
  far.close();
  CHECK(source.poll_on() == KIFA_AGAIN);
  CHECK(source.poll_on() == KIFA_END);
  CHECK(source.bytes() == "over a socket");
}

TEST_CASE("a terminal gives lines, and its end-of-file ends the source", "[plugins][stdin]") {
  Fd keyboard(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(::grantpt(keyboard.get()) == 0);
  REQUIRE(::unlockpt(keyboard.get()) == 0);
  const Fd terminal(::open(::ptsname(keyboard.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  Source source(terminal.get());
  write_all(keyboard.get(), "half a li");
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.bytes().empty());
  write_all(keyboard.get(), "ne\n");
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.bytes() == "half a line\n");
  write_all(keyboard.get(), "\x04");
  CHECK(source.poll_on() == KIFA_END);
}

TEST_CASE("an input that cannot be read is one clear sentence", "[plugins][stdin]") {
  Source closed(-1);
  CHECK(closed.started == KIFA_INVALID);
  CHECK(closed.message() == "standard input is closed; connect a file, a pipe or a terminal to it");
  Source directory(Fd(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)).get());
  CHECK(directory.started == KIFA_INVALID);
  CHECK(directory.message() ==
        "standard input is a directory; connect a file, a pipe or a terminal to it");
  Source write_only(Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC)).get());
  CHECK(write_only.started == KIFA_INVALID);
  CHECK(write_only.message() ==
        "standard input is not open for reading; connect a file, a pipe or a terminal to it");
}

TEST_CASE("a device that fails is an error, not an end", "[plugins][stdin]") {
  Fd keyboard(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(::unlockpt(keyboard.get()) == 0);
  Fd(::open(::ptsname(keyboard.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)).close();
  Source source(keyboard.get());  // the other side is gone: EIO
  CHECK(source.poll() == KIFA_IO);
  CHECK(source.message() == "cannot read standard input: Input/output error");
}

TEST_CASE("both ways of not waiting read the same and never wait", "[plugins][stdin]") {
  const auto waiting = GENERATE(Input::Waiting::refused_by_kernel, Input::Waiting::checked_by_poll);
  Pipe pipe;
  Input input;
  REQUIRE(input.open(pipe.out.get(), waiting).is_ok());
  CHECK(input.kind() == Input::Kind::pipe);
  std::vector<std::uint8_t> buffer(100);
  CHECK(input.read(buffer).outcome == Input::Outcome::again);
  write_all(pipe.in.get(), "abc");
  CHECK(input.bytes_ready() == 3);
  const Input::Read read = input.read(buffer);
  CHECK(read.outcome == Input::Outcome::bytes);
  CHECK(std::string(buffer.begin(), buffer.begin() + static_cast<int>(read.bytes)) == "abc");
  CHECK(input.read(buffer).outcome == Input::Outcome::again);
  pipe.in.close();
  CHECK(input.read(buffer).outcome == Input::Outcome::end);
}
