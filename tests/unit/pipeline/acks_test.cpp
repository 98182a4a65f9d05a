// What senders hear of their records with the option `ack`.

#include "core/pipeline/acks.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "core/pipeline/limits.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/pipeline/rig.hpp"

namespace kifa::pipeline {
namespace {

using test::Rig;
using Texts = std::vector<std::string>;

class AckRig : public Rig {
 public:
  AckRig() {
    options.ack = line_acks();
    sink.settles_at_once = false;
  }
  [[nodiscard]] Texts replies() const { return source.heard.of("reply"); }
};

}  // namespace

TEST_CASE("a sender hears the number of its record when it is durable, not before",
          "[pipeline][ack][W37]") {
  AckRig rig;
  rig.build();
  rig.give("one\ntwo\n");
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"one", "two"});
  CHECK(rig.replies().empty());
  rig.sink.settle_all();
  rig.run();
  CHECK(rig.replies() == Texts{"reply 1 OK 1\nOK 2\n"});
}

TEST_CASE("answers come in the order of the records, filtered and refused ones in their place",
          "[pipeline][ack][filter]") {
  AckRig rig;
  rig.filters.push_back({.keep = "", .drop = "^DEBUG", .mark = {}});
  rig.options.framer = {.record_bytes_max = 16, .oversize = Oversize::reject};
  rig.build();
  rig.give("one\nDEBUG two\nthis one is longer than sixteen bytes\nfour\n");
  rig.run(true);
  rig.give("DEBUG five\n");
  rig.run(true);
  CHECK(rig.replies().empty());
  rig.sink.settle_all();
  rig.run();
  rig.sink.settle_all();
  rig.run();
  std::string heard;
  for (const std::string& reply : rig.replies()) {
    heard += reply.substr(8);
  }
  CHECK(heard == "OK 1\nOK 0\nERR longer than record_bytes_max\nOK 2\nOK 0\n");
}

TEST_CASE("a record that is cut in pieces gets one answer, with the number of its last piece",
          "[pipeline][ack]") {
  AckRig rig;
  rig.options.framer = {.record_bytes_max = 4};
  rig.sink.settles_at_once = true;
  rig.build();
  rig.give("123456789\nab\n");
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"1234", "5678", "9", "ab"});
  CHECK(rig.replies() == Texts{"reply 1 OK 3\nOK 4\n"});
}

TEST_CASE("pieces that a filter drops count as one record too", "[pipeline][ack][filter]") {
  AckRig rig;
  rig.options.framer = {.record_bytes_max = 4};
  rig.filters.push_back({.keep = "", .drop = "x", .mark = {}});
  rig.sink.settles_at_once = true;
  rig.build();
  rig.give("xxxxxxxxx\nab\n");
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"ab"});
  CHECK(rig.replies() == Texts{"reply 1 OK 0\nOK 1\n"});
}

TEST_CASE("when the store fails every sender hears it", "[pipeline][ack][W44]") {
  AckRig rig;
  rig.sink.settles_at_once = true;
  rig.build();
  rig.give("one\n");
  rig.run(true);
  rig.sink.then([](sdk::Batches, std::uint32_t&) {
    return sdk::Status(KIFA_IO, "cannot sync wal-0000000000000001: Input/output error");
  });
  rig.give("two\n");
  rig.run(true);
  CHECK(rig.engine().finished());
  CHECK(rig.replies() == Texts{"reply 1 OK 1\n", "reply 1 ERR the disk does not take it\n"});
}

TEST_CASE("a sender that has ended hears of its last record before it is let go",
          "[pipeline][ack][W20]") {
  AckRig rig;
  rig.build();
  rig.give("a\nb", 1, KIFA_CHUNK_END);
  rig.run(true);
  CHECK(rig.source.heard.count("release") == 0);
  rig.sink.settle_all();
  rig.run();
  CHECK(rig.replies() == Texts{"reply 1 OK 1\nOK 2\n"});
  CHECK(rig.source.heard.all().back() == "release 1");
}

TEST_CASE("streams hear of their own records only", "[pipeline][ack]") {
  AckRig rig;
  rig.build();
  rig.give("a\n", 1);
  rig.run(true);
  rig.give("b\nc\n", 2);
  rig.run(true);
  rig.give("d\n", 1);
  rig.run(true);
  rig.sink.settle_all();
  rig.run();
  std::string of_first;
  for (const std::string& reply : rig.replies()) {
    if (reply.starts_with("reply 1 ")) {
      of_first += reply.substr(8);
    }
  }
  CHECK(of_first == "OK 1\nOK 4\n");
}

TEST_CASE("who takes no answers gets none, and that is said once", "[pipeline][ack][W39]") {
  AckRig rig;
  rig.sink.settles_at_once = true;
  rig.build();
  rig.open(1);
  rig.open(2);
  rig.give("a\n", 1);
  rig.run(true);
  rig.give("b\n", 2);
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"a", "b"});
  CHECK(rig.replies().empty());
  CHECK(std::ranges::count_if(rig.logged(), [](const std::string& line) {
          return line.find("senders hear nothing") != std::string::npos;
        }) == 1);
}

TEST_CASE("many answers are handed over in pieces of a limited size", "[pipeline][ack]") {
  AckRig rig;
  rig.sink.settles_at_once = true;
  rig.build();
  constexpr int kCount = 8000;
  std::string lines;
  std::string expected;
  for (int i = 1; i <= kCount; ++i) {
    lines += "x\n";
    expected += "OK " + std::to_string(i) + "\n";
  }
  rig.give(lines);
  rig.run(true);
  std::string heard;
  for (const std::string& reply : rig.replies()) {
    CHECK(reply.size() <= 2 * kReplyBytesMax);
    heard += reply.substr(8);
  }
  CHECK(heard == expected);
  CHECK(rig.replies().size() > 1);
}

TEST_CASE("answers are made from texts with placeholders", "[pipeline][ack]") {
  const Acks acks({.ok = "{\"stored\":{lsn},\"again\":{lsn}}\r\n", .error = "NAK"});
  std::string answers;
  acks.add_ok(18446744073709551615U, answers);
  acks.add_error("the disk is full", answers);
  CHECK(answers == "{\"stored\":18446744073709551615,\"again\":18446744073709551615}\r\nNAK");
  const Acks byte({.ok = std::string(1, '\0'), .error = "\x15"});
  CHECK(byte.wanted());
  answers.clear();
  byte.add_ok(7, answers);
  CHECK(answers == std::string(1, '\0'));
  CHECK_FALSE(Acks(AckOptions()).wanted());
}

}  // namespace kifa::pipeline
