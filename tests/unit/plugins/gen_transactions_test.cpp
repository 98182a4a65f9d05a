#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <set>
#include <string>

#include "core/base/crc32c.hpp"
#include "examples/gen-transactions/output.hpp"
#include "examples/gen-transactions/stream.hpp"
#include "tests/support/catch.hpp"

using gen::Format;
using gen::Pacer;
using gen::RecordStream;
using gen::StreamOptions;

namespace {

std::string fetch(StreamOptions options, std::uint64_t count, std::mt19937_64* random = nullptr) {
  RecordStream stream(options);
  std::string bytes;
  for (std::uint64_t left = count; left > 0;) {
    const std::uint64_t ask =
        random == nullptr ? left : 1 + (*random)() % std::min<std::uint64_t>(left, 500);
    const std::size_t bytes_max = random == nullptr ? 100'000 : 1 + (*random)() % 100'000;
    const RecordStream::Piece piece = stream.next(ask, bytes_max);
    REQUIRE(piece.records >= 1);
    REQUIRE(piece.records <= ask);
    bytes += piece.bytes;
    left -= piece.records;
  }
  return bytes;
}

std::uint32_t checksum(const std::string& bytes) {
  return kifa::crc32c(0, kifa::as_byte_view(bytes));
}

}  // namespace

TEST_CASE("a seed stands for the same transactions on every machine", "[gen]") {
  // Written down from one run: a change here changes what every seed means.
  CHECK(checksum(fetch({.format = Format::json, .seed = 1, .size = 0}, 1000)) == 4'065'952'946U);
  CHECK(checksum(fetch({.format = Format::json, .seed = 7, .size = 200}, 50'000)) == 129'751'431U);
  CHECK(checksum(fetch({.format = Format::receipt, .seed = 1, .size = 0}, 1000)) == 3'168'945'204U);
  CHECK(fetch({.format = Format::json, .seed = 1, .size = 0}, 10) !=
        fetch({.format = Format::json, .seed = 2, .size = 0}, 10));
}

TEST_CASE("how transactions are fetched does not change them", "[gen]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const StreamOptions options{.format = Format::json, .seed = random(), .size = 200};
  const std::uint64_t count = RecordStream::kPoolBytes / 200 * 5 / 2;  // round the pool twice
  const std::string at_once = fetch(options, count);
  REQUIRE(at_once.size() == count * 200);
  CHECK(at_once == fetch(options, count, &random));
}

TEST_CASE("every transaction has the size that was asked for, down to the smallest", "[gen]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (const std::size_t extra : {0U, 1U, 2U, 9U, 10U, 50U, 51U, 200U, 4000U}) {
    for (const Format format : {Format::json, Format::receipt}) {
      const std::size_t size =
          extra + (format == Format::json ? gen::kJsonBytesMin : gen::kReceiptBytesMin);
      const char end = format == Format::json ? '\n' : '\f';
      const std::string bytes = fetch({.format = format, .seed = random(), .size = size}, 3000);
      REQUIRE(bytes.size() == 3000 * size);
      for (std::size_t at = 0; at < bytes.size(); at += size) {
        const std::string_view record = std::string_view(bytes).substr(at, size);
        REQUIRE(record.find(end) == size - 1);
      }
    }
  }
}

TEST_CASE("numbers and references of transactions are never given twice", "[gen]") {
  const std::string bytes = fetch({.format = Format::json, .seed = 3, .size = 0}, 40'000);
  std::set<std::string> references;
  std::uint64_t number = 0;
  std::size_t with_reference = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = bytes.find('\n', at);
    const std::string line = bytes.substr(at, end - at);
    REQUIRE(line.substr(0, 12) == "{\"txn\":\"TXN-");
    REQUIRE(std::stoull(line.substr(12, 12)) == ++number);
    if (const std::size_t ref = line.find("\"ref\":\""); ref != std::string::npos) {
      references.insert(line.substr(ref + 7, 10));
      ++with_reference;
    }
    at = end + 1;
  }
  CHECK(number == 40'000);
  CHECK(with_reference > 10'000);
  CHECK(references.size() == with_reference);
}

TEST_CASE("the simulated clock goes over midnight and leap days", "[gen]") {
  // 4 records a second from 2026-01-31 08:00: record 230,401 is the first of February.
  RecordStream stream({.format = Format::json, .seed = 1, .size = 150});
  std::string last;
  for (std::uint64_t number = 0; number < 230'401;) {
    const RecordStream::Piece piece = stream.next(230'401 - number, 1'000'000);
    number += piece.records;
    last = piece.bytes.substr(piece.bytes.size() - 150);
  }
  CHECK(last.find("\"time\":\"2026-02-01T00:00:00.000Z\"") != std::string::npos);
}

TEST_CASE("the pacer lets the asked rate through and never a flood after a stall", "[gen]") {
  const std::uint64_t rate = GENERATE(1ULL, 3ULL, 50ULL, 1'000ULL, 123'457ULL, 1'000'000'000ULL);
  std::int64_t now = 5'000'000;
  Pacer pacer(rate, now);
  std::uint64_t sent = 0;
  const std::int64_t begin = now;
  while (now - begin < 20'000'000'000) {
    now = std::min(pacer.next_ns(), begin + 20'000'000'000);
    const std::uint64_t allowed = pacer.available(now);
    pacer.take(allowed);
    sent += allowed;
  }
  CHECK(sent <= rate * 20);
  CHECK(sent + rate / 1000 + 1 >= rate * 20);
  CHECK(pacer.available(now + 3'600'000'000'000) <= rate / 10 + 1);
}

TEST_CASE("a reader that goes away is a normal end, a full disk is a failure", "[gen]") {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  CHECK(gen::write_all(ends[1], "receipt") == gen::Written::reader_gone);
  ::close(ends[1]);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  CHECK(gen::write_all(full, "receipt") == gen::Written::failed);
  CHECK(errno == ENOSPC);
  ::close(full);
}
