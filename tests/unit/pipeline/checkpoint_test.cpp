// Positions of resumable streams: what is stored with a batch is exactly where reading goes on.

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/pipeline/rig.hpp"

namespace kifa::pipeline {
namespace {

using test::kMillisecond;
using test::Rig;
using test::StoredPosition;
using Texts = std::vector<std::string>;

// Files of lines that are appended to, and a source that reads them from their checkpoints. Lives
// through restarts of the process; remembers nothing but the files.
class Files {
 public:
  explicit Files(std::mt19937_64& random) : random_(random) {}

  std::map<std::string, std::string> content;

  // What a source would read next, in random pieces of random files, `polls` times. Streams get new
  // numbers in every life.
  void script(Rig& rig, int polls) {
    read_.clear();
    for (const auto& [key, text] : content) {
      const auto stored = rig.sink.checkpoints.find("till/printer " + key);
      const std::uint64_t position =
          stored == rig.sink.checkpoints.end() ? 0 : stored->second.position;
      read_[key] = {next_stream_++, position};
      rig.open(read_[key].stream, KIFA_STREAM_RESUMABLE, key, position);
    }
    for (int i = 0; i < polls; ++i) {
      auto at = read_.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(random_() % read_.size()));
      auto& [key, reading] = *at;
      const std::string& text = content[key];
      const std::uint64_t left = text.size() - std::min(text.size(), reading.position);
      const std::uint64_t size = std::min<std::uint64_t>(left, random_() % 40);
      rig.give(text.substr(reading.position, size), reading.stream);
      reading.position += size;
    }
  }

 private:
  struct Reading {
    std::uint64_t stream = 0;
    std::uint64_t position = 0;
  };
  std::mt19937_64& random_;
  std::map<std::string, Reading> read_;
  std::uint64_t next_stream_ = 1;
};

}  // namespace

TEST_CASE("the position is behind the last record of the batch, not where the source has read",
          "[pipeline][checkpoint]") {
  Rig rig;
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE, "file");
  rig.give("one\ntwo\nhalf a li");
  rig.run(true);
  CHECK(rig.sink.checkpoints["till/printer file"] == StoredPosition{8, ""});
  rig.give("ne\n");
  rig.run(true);
  CHECK(rig.sink.checkpoints["till/printer file"] == StoredPosition{20, ""});
}

TEST_CASE("a batch that is full in the middle of a chunk has the position of its own last record",
          "[pipeline][checkpoint]") {
  Rig rig;
  rig.options.batch.records_max = 2;
  rig.build();
  std::vector<std::uint64_t> positions;
  const test::SinkScript::Write note = [&](sdk::Batches batches, std::uint32_t& taken) {
    for (const sdk::BatchView batch : batches) {
      const kifa_receipt receipt = rig.sink.keep(batch);
      positions.push_back(rig.sink.checkpoints["till/printer file"].position);
      ++taken;
      rig.sink.host->settle(rig.sink.host, &receipt, 1);
    }
    return sdk::Status();
  };
  for (int i = 0; i < 10; ++i) {
    rig.sink.then(note);
  }
  rig.open(1, KIFA_STREAM_RESUMABLE, "file");
  rig.give("one\ntwo\nthree\nfour\nfive\n");
  rig.run();
  CHECK(positions == std::vector<std::uint64_t>{8, 19, 24});
}

TEST_CASE("opening a resumable stream is a checkpoint, even when it never has a byte",
          "[pipeline][checkpoint]") {
  Rig rig;
  rig.build();
  rig.source.then([](sdk::Emitter out) {
    return sdk::Status(out.open({.stream = 1,
                                 .flags = KIFA_STREAM_RESUMABLE,
                                 .position = 700,
                                 .key = "file",
                                 .state = sdk::bytes_of("inode 5")}));
  });
  rig.run();
  CHECK(rig.sink.checkpoints["till/printer file"] == StoredPosition{700, "inode 5"});
  // Opened again: a new state, committed as well.
  rig.source.then([](sdk::Emitter out) {
    return sdk::Status(out.open({.stream = 1,
                                 .flags = KIFA_STREAM_RESUMABLE,
                                 .key = "file",
                                 .state = sdk::bytes_of("inode 6")}));
  });
  rig.run(true);
  CHECK(rig.sink.checkpoints["till/printer file"] == StoredPosition{700, "inode 6"});
  CHECK(rig.sink.payloads().empty());
}

TEST_CASE("a FORGET and an open of one poll are one atom, however many records lie between them",
          "[pipeline][checkpoint]") {
  Rig rig;
  rig.options.batch.records_max = 2;
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE, "old");
  rig.give("one\n");
  rig.run(true);
  // After every write to the sink at least one of the two keys is there.
  bool always_one = true;
  const test::SinkScript::Write check = [&](sdk::Batches batches, std::uint32_t& taken) {
    for (const sdk::BatchView batch : batches) {
      const kifa_receipt receipt = rig.sink.keep(batch);
      always_one = always_one && (rig.sink.checkpoints.contains("till/printer old") ||
                                  rig.sink.checkpoints.contains("till/printer new"));
      ++taken;
      rig.sink.host->settle(rig.sink.host, &receipt, 1);
    }
    return sdk::Status();
  };
  for (int i = 0; i < 20; ++i) {
    rig.sink.then(check);
  }
  rig.source.then([](sdk::Emitter out) {
    static_cast<void>(out.checkpoint({.key = "old", .flags = KIFA_CHECKPOINT_FORGET}));
    static_cast<void>(
        out.chunk({.stream = 1, .data = sdk::bytes_of("2\n3\n4\n5\n6\n"), .position = 4}));
    static_cast<void>(out.open({.stream = 2, .flags = KIFA_STREAM_RESUMABLE, .key = "new"}));
    return sdk::Status::again();
  });
  rig.run(true);
  CHECK(always_one);
  CHECK_FALSE(rig.sink.checkpoints.contains("till/printer old"));
  CHECK(rig.sink.checkpoints.contains("till/printer new"));
  CHECK(rig.sink.record_count() == 6);
}

TEST_CASE("a forgotten key does not come back with the next record of its stream",
          "[pipeline][checkpoint]") {
  Rig rig;
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE, "file");
  rig.give("one\n");
  rig.run(true);
  rig.source.then([](sdk::Emitter out) {
    static_cast<void>(out.chunk({.stream = 1, .data = sdk::bytes_of("two\n"), .position = 4}));
    return sdk::Status(out.checkpoint({.key = "file", .flags = KIFA_CHECKPOINT_FORGET}));
  });
  rig.give("three\n");
  rig.run(true);
  rig.run(true);
  CHECK(rig.sink.record_count() == 3);
  CHECK(rig.sink.checkpoints.empty());
}

TEST_CASE("a source's own checkpoint travels behind everything it gave before",
          "[pipeline][checkpoint]") {
  Rig rig;
  rig.build();
  rig.give("one\n");
  rig.source.then([](sdk::Emitter out) {
    return sdk::Status(
        out.checkpoint({.key = "cursor", .position = 42, .state = sdk::bytes_of("opaque")}));
  });
  rig.run(true);
  rig.run(true);
  CHECK(rig.sink.checkpoints["till/printer cursor"] == StoredPosition{42, "opaque"});
}

TEST_CASE("unfinished bytes of a file are left for the next start, of a connection they are kept",
          "[pipeline][checkpoint]") {
  Rig rig;
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE, "file");
  rig.give("one\nhalf of a file");
  rig.give("two\nhalf of a connection", 2);
  rig.run(true);
  rig.run(true);
  rig.engine().request_stop(rig.clock.now_mono_ns() + 1000 * kMillisecond);
  rig.run();
  CHECK(rig.engine().finished());
  CHECK(rig.sink.payloads() == Texts{"one", "two", "half of a connection"});
  CHECK(rig.sink.records.back().flags == KIFA_RECORD_PARTIAL);
  CHECK(rig.sink.checkpoints["till/printer file"].position == 4);
  CHECK(rig.sink.gaps.empty());
}

TEST_CASE("when a file itself ends, its last line is a record", "[pipeline][checkpoint]") {
  Rig rig;
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE, "file");
  rig.give("one\nlast", 1, KIFA_CHUNK_END);
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"one", "last"});
  CHECK(rig.sink.checkpoints["till/printer file"].position == 8);
  CHECK(rig.source.heard.of("release") == Texts{"release 1"});
}

TEST_CASE("filtered and skipped lines move a file on without a record",
          "[pipeline][checkpoint][filter]") {
  Rig rig;
  rig.filters.push_back({.keep = "", .drop = "^DEBUG", .mark = {}});
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE, "file");
  rig.give("DEBUG one\nDEBUG two\n#junk\n");
  rig.run(true);
  CHECK(rig.sink.payloads().empty());
  CHECK(rig.sink.checkpoints["till/printer file"].position == 26);
  CHECK(rig.counters().records_filtered == 2);
  CHECK(rig.counters().bytes_skipped == 6);
}

TEST_CASE("a truncated record counts only when its end is seen", "[pipeline][checkpoint][W19]") {
  Rig rig;
  rig.options.framer = {.record_bytes_max = 64, .oversize = Oversize::truncate};
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE, "file");
  rig.give("one\n" + std::string(20'000, 'x'));
  rig.run(true);
  CHECK(rig.sink.checkpoints["till/printer file"].position == 4);
  rig.give("\n");
  rig.run(true);
  CHECK(rig.sink.checkpoints["till/printer file"].position == 20'005);
  CHECK(rig.sink.records.back().flags == KIFA_RECORD_TRUNCATED);
}

TEST_CASE("a kill at any moment loses no line of any file and stores none twice",
          "[pipeline][checkpoint][model]") {
  const std::uint32_t seed = GENERATE(take(60, random(1U, 1'000'000'000U)));
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Files files(random);
  std::map<std::string, std::vector<std::string>> lines;
  for (int file = 0; file < 3; ++file) {
    const std::string key = "file" + std::to_string(file);
    for (int line = 0; line < 40; ++line) {
      const std::string debug = random() % 4 == 0 ? "DEBUG " : "";
      std::string text =
          debug + key + " line " + std::to_string(line) + std::string(random() % 30, '.');
      files.content[key] += text + (random() % 2 == 0 ? "\r\n" : "\n");
      if (debug.empty()) {
        lines[key].push_back(text);
      }
    }
  }
  Rig rig;
  rig.filters.push_back({.keep = "", .drop = "^DEBUG", .mark = {}});
  rig.options.batch.records_max = 1 + static_cast<std::uint32_t>(random() % 5);
  rig.options.batch.bytes_max = 4096;
  rig.options.retry_min_ns = kMillisecond;
  rig.sink.settles_at_once = false;
  rig.build();
  for (int life = 0; life < 400; ++life) {
    // The sink may stop taking at any batch; what it took is durable, settled or not.
    const std::uint64_t writes = random() % 6;
    for (std::uint64_t i = 0; i < writes; ++i) {
      rig.sink.then([&](sdk::Batches batches, std::uint32_t& taken) {
        const std::uint32_t most = 1 + static_cast<std::uint32_t>(random() % batches.size());
        for (taken = 0; taken < most; ++taken) {
          rig.sink.unsettled.push_back(rig.sink.keep(batches[taken]));
        }
        return taken < batches.size() ? sdk::Status::again() : sdk::Status();
      });
    }
    files.script(rig, 8);
    for (int turn = 0; turn < 8; ++turn) {
      rig.run(true);
      REQUIRE_FALSE(rig.engine().finished());
      if (random() % 3 == 0) {
        rig.sink.settle_all();
      }
      rig.advance(random() % 2 == 0 ? 200 * kMillisecond : 0);
    }
    rig.sink.writes.clear();
    rig.restart();
    const bool all = std::ranges::all_of(files.content, [&](const auto& file) {
      return rig.sink.checkpoints["till/printer " + file.first].position == file.second.size();
    });
    if (all) {
      break;
    }
  }
  std::map<std::string, std::vector<std::string>> stored;
  for (const std::string& payload : rig.sink.payloads()) {
    stored[payload.substr(0, payload.find(' '))].push_back(payload);
  }
  CHECK(stored == lines);
}

}  // namespace kifa::pipeline
