#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/test_instance.hpp>

#include <csignal>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugins/sinks/console/output.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/plugins/redirect.hpp"

extern "C" const kifa_plugin* kifa_builtin_console() noexcept;

using kifa::plugins::console::Output;
using kifa::plugins::testing::Fd;
using kifa::plugins::testing::Pipe;
using kifa::plugins::testing::Redirect;
using kifa::plugins::testing::take_all;
using kifa::testing::FakeHost;
using kifa::testing::TestInstance;

namespace {

// The sink with standard output or standard error somewhere else.
class Sink final {
 public:
  Sink(int target, int fd, const TestInstance::Texts& texts = {})
      : redirect_(target, fd), instance_(*kifa_builtin_console(), host) {
    std::signal(SIGPIPE, SIG_IGN);  // as the host does
    REQUIRE(instance_.configure(texts) == KIFA_OK);
    started = instance_.start();
  }

  // Offers texts as batches with tickets from `ticket` on.
  kifa_status write(std::uint64_t ticket, const std::vector<std::string>& texts) {
    std::vector<kifa_batch> batches(texts.size());
    std::vector<const kifa_batch*> offered;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      batches[i].struct_size = sizeof(kifa_batch);
      batches[i].ticket = ticket + i;
      batches[i].text = {reinterpret_cast<const std::uint8_t*>(texts[i].data()), texts[i].size()};
      offered.push_back(&batches[i]);
    }
    instance_.reset_error();
    return instance_.sink().write(instance_.raw(), offered.data(),
                                  static_cast<std::uint32_t>(offered.size()), &taken,
                                  instance_.error());
  }
  [[nodiscard]] std::string message() const { return instance_.message(); }
  [[nodiscard]] int sys_errno() { return instance_.error()->sys_errno; }

  FakeHost host;
  kifa_status started = KIFA_OK;
  std::uint32_t taken = 0;

 private:
  Redirect redirect_;
  TestInstance instance_;
};

}  // namespace

TEST_CASE("batches are printed in order and settled at once", "[plugins][console]") {
  Pipe pipe;
  Sink sink(STDOUT_FILENO, pipe.in.get());
  REQUIRE(sink.started == KIFA_OK);
  CHECK(sink.write(5, {"one\n", "", "two\n"}) == KIFA_OK);
  CHECK(sink.taken == 3);
  CHECK(take_all(pipe.out.get()) == "one\ntwo\n");
  const std::vector<kifa_receipt> receipts = sink.host.receipts();
  REQUIRE(receipts.size() == 3);
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    CHECK(receipts[i].ticket == 5 + i);
    CHECK(receipts[i].first_lsn == 0);
    CHECK(receipts[i].status == KIFA_OK);
  }
}

TEST_CASE("standard error is an option", "[plugins][console]") {
  Pipe pipe;
  Sink sink(STDERR_FILENO, pipe.in.get(), {{"stream", "stderr"}});
  CHECK(sink.write(1, {"to stderr\n"}) == KIFA_OK);
  CHECK(take_all(pipe.out.get()) == "to stderr\n");
}

TEST_CASE("a reader that stalls gets every byte once, whenever it reads on", "[plugins][console]") {
  Pipe pipe;
  REQUIRE(::fcntl(pipe.in.get(), F_SETPIPE_SZ, 4096) >= 4096);
  Sink sink(STDOUT_FILENO, pipe.in.get());
  const std::vector<std::string> texts = {std::string(3000, 'a'), std::string(9000, 'b'), "c\n"};
  CHECK(sink.write(1, texts) == KIFA_AGAIN);
  CHECK(sink.taken == 1);
  CHECK(sink.host.receipts().size() == 1);
  std::string read;
  std::uint32_t done = sink.taken;
  for (int round = 0; round < 10 && done < texts.size(); ++round) {
    read += take_all(pipe.out.get());
    sink.write(1 + done, {texts.begin() + done, texts.end()});
    done += sink.taken;
  }
  read += take_all(pipe.out.get());
  CHECK(read == texts[0] + texts[1] + texts[2]);
  CHECK(sink.host.receipts().size() == 3);
}

TEST_CASE("a reader that goes away ends the sink with a sentence", "[plugins][console][W43]") {
  Pipe pipe;
  Sink sink(STDOUT_FILENO, pipe.in.get());
  pipe.out.close();
  CHECK(sink.write(1, {"nobody reads this\n"}) == KIFA_UNAVAILABLE);
  CHECK(sink.taken == 0);
  CHECK(sink.sys_errno() == EPIPE);
  CHECK(sink.message() == "whoever read standard output has gone away");
  CHECK(sink.host.receipts().empty());
}

TEST_CASE("a full disk can be waited for", "[plugins][console]") {
  Sink sink(STDOUT_FILENO, Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)).get());
  CHECK(sink.write(1, {"x\n"}) == KIFA_NO_SPACE);
  CHECK(sink.taken == 0);
}

TEST_CASE("a closed standard output is one clear sentence", "[plugins][console]") {
  std::string message;
  {
    Sink sink(STDOUT_FILENO, -1);
    message = sink.message();
    CHECK(sink.started == KIFA_INVALID);
  }
  CHECK(message == "standard output is closed; connect a file, a pipe or a terminal to it");
}

TEST_CASE("both ways of not waiting write the same and never wait for long", "[plugins][console]") {
  const auto waiting =
      GENERATE(Output::Waiting::refused_by_kernel, Output::Waiting::checked_by_poll);
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Pipe pipe;
  REQUIRE(::fcntl(pipe.in.get(), F_SETPIPE_SZ, 65'536) >= 65'536);
  Output output;
  REQUIRE(output.open(pipe.in.get(), "the pipe", waiting).is_ok());
  std::string text(500'000, '\0');
  for (char& byte : text) {
    byte = static_cast<char>(random());
  }
  std::string_view left = text;
  std::string read;
  while (!left.empty()) {
    const std::size_t before = left.size();
    const kifa::sdk::Status status = output.write(left, 0);
    REQUIRE((status.code() == KIFA_AGAIN || left.empty()));
    REQUIRE(left.size() < before);
    read += take_all(pipe.out.get());
  }
  CHECK(read == text);
}
