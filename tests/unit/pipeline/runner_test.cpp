// The runner with its real threads and the machine's clock.

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/pipeline/runner_plan.hpp"

namespace kifa::pipeline {
TEST_CASE("run returns when every source has ended and all is settled", "[pipeline][runner]") {
  Plan plan;
  PipeSource one;
  PipeSource two;
  test::SinkScript journal;
  test::SinkScript screen;
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "one", &one.script);
  plan.source(pipeline, "two", &two.script);
  plan.sink(pipeline, "journal", &journal);
  plan.sink(pipeline, "screen", &screen, false, "test_text");
  const std::unique_ptr<Runner> runner = plan.runner();
  std::thread device([&] {
    one.write(numbered_lines(20'000));
    one.finish();
    two.write("other\n");
    two.finish();
  });
  const Status status = runner->run();
  device.join();
  CHECK(status.is_ok());
  CHECK(runner->summary().records_acknowledged == 20'001);
  Texts of_one;
  for (const test::StoredRecord& record : journal.records) {
    if (record.origin == "till/one") {
      of_one.push_back(record.payload);
    }
  }
  check_numbered(of_one, 20'000);
  CHECK(journal.heard.all().back() == "stop");
  CHECK(screen.text.starts_with("BEGIN\n"));
  CHECK(screen.text.ends_with("END\n"));
  CHECK(plan.has_logged("till/one: records acknowledged: 20000"));
}

TEST_CASE("a stop drains and ends a silent source at once", "[pipeline][runner][stop][W31]") {
  Plan plan;
  PipeSource device;
  test::SinkScript journal;
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "printer", &device.script);
  plan.sink(pipeline, "journal", &journal);
  const std::unique_ptr<Runner> runner = plan.runner();
  device.write("one\ntwo\nhalf");
  std::thread stopper([&] { runner->request_stop(); });
  const std::int64_t before = SystemClock().now_mono_ns();
  const Status status = runner->run();
  stopper.join();
  INFO(status.message());
  CHECK(status.is_ok());
  CHECK(SystemClock().now_mono_ns() - before < kSecond);
  // Stopped before its first poll or after: never half a drain.
  const Texts payloads = journal.payloads();
  CHECK((payloads.empty() || payloads == Texts{"one", "two", "half"}));
}

TEST_CASE("a failing sink stops its pipeline with its status and not the process or the others",
          "[pipeline][runner][W44]") {
  Plan plan;
  PipeSource good;
  PipeSource bad;
  test::SinkScript good_sink;
  test::SinkScript bad_sink;
  bad_sink.then([](sdk::Batches, std::uint32_t&) {
    return sdk::Status(KIFA_IO, "cannot sync wal-0000000000000001: Input/output error");
  });
  auto& first = plan.pipeline("bad");
  plan.source(first, "printer", &bad.script);
  plan.sink(first, "journal", &bad_sink);
  auto& second = plan.pipeline("good");
  plan.source(second, "printer", &good.script);
  plan.sink(second, "journal", &good_sink);
  const std::unique_ptr<Runner> runner = plan.runner();
  bad.write("one\n");
  Gate failed;
  std::thread device([&] {
    failed.wait();
    good.write(numbered_lines(1000));
    good.finish();
  });
  // The good pipeline gets its input only after the bad one has stopped its sink.
  std::thread watcher([&] {
    while (bad_sink.heard.count("stop") == 0) {
      std::this_thread::yield();
    }
    failed.open();
  });
  const Status status = runner->run();
  device.join();
  watcher.join();
  CHECK(status.code() == Code::io);
  CHECK(status.message().find("bad/journal") != std::string::npos);
  CHECK(status.message().find("Input/output error") != std::string::npos);
  check_numbered(good_sink.payloads(), 1000);
  CHECK(runner->summary().records_failed == 1);
  CHECK(bad.script.heard.count("ack") == 1);
}

TEST_CASE("a sink call that never returns does not hang the stop", "[pipeline][runner][stop]") {
  Plan plan;
  PipeSource device;
  test::SinkScript journal;
  Gate in_write;
  Gate may_return;
  Gate returned;
  journal.then([&](sdk::Batches batches, std::uint32_t& taken) {
    in_write.open();
    may_return.wait();
    taken = batches.size();
    for (std::uint32_t i = 0; i < batches.size(); ++i) {
      const kifa_receipt receipt = journal.keep(batches[i]);
      journal.host->settle(journal.host, &receipt, 1);
    }
    returned.open();
    return sdk::Status();
  });
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "printer", &device.script);
  plan.sink(pipeline, "journal", &journal);
  const std::unique_ptr<Runner> runner = plan.runner(kSecond / 10);
  device.write("one\ntwo\n");
  std::thread stopper([&] {
    in_write.wait();
    runner->request_stop();
  });
  const Status status = runner->run();
  stopper.join();
  CHECK(status.code() == Code::io);
  CHECK(status.message().find("did not return in time") != std::string::npos);
  CHECK(status.message().find("2 records") != std::string::npos);
  CHECK(runner->summary().drain_left_records == 2);
  // What was left behind may still use all that it needs, and comes to its end.
  may_return.open();
  returned.wait();
  while (journal.heard.count("stop") == 0 && device.script.heard.count("stop") == 0) {
    std::this_thread::yield();
  }
}

TEST_CASE("receipts from another thread reach the source", "[pipeline][runner]") {
  Plan plan;
  PipeSource device;
  test::SinkScript journal;
  journal.settles_at_once = false;
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "printer", &device.script);
  plan.sink(pipeline, "journal", &journal);
  const std::unique_ptr<Runner> runner = plan.runner();
  std::atomic<bool> done = false;
  std::thread settler([&] {
    while (!done) {
      journal.settle_all();
      std::this_thread::yield();
    }
  });
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      device.write("line " + std::to_string(i) + "\n");
    }
    device.finish();
  });
  const Status status = runner->run();
  done = true;
  settler.join();
  writer.join();
  CHECK(status.is_ok());
  check_numbered(journal.payloads(), 200);
  CHECK(runner->summary().records_acknowledged == 200);
}

TEST_CASE("a sink that says AGAIN now and then loses nothing under load", "[pipeline][runner]") {
  Plan plan;
  PipeSource device;
  test::SinkScript journal;
  for (int i = 0; i < 8; ++i) {
    journal.then([&, i](sdk::Batches batches, std::uint32_t& taken) {
      const std::uint32_t most = i % 2 == 0 ? 0 : 1;
      for (; taken < most; ++taken) {
        const kifa_receipt receipt = journal.keep(batches[taken]);
        journal.host->settle(journal.host, &receipt, 1);
      }
      return i % 4 == 0 ? sdk::Status::again() : sdk::Status();
    });
  }
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "printer", &device.script);
  plan.sink(pipeline, "journal", &journal);
  config::Setting queue;
  queue.name = config::host_option::kQueue;
  queue.integer = 65536;
  pipeline.sinks[0].host.push_back(queue);
  const std::unique_ptr<Runner> runner = plan.runner();
  std::thread writer([&] {
    device.write(numbered_lines(100'000));
    device.finish();
  });
  const Status status = runner->run();
  writer.join();
  CHECK(status.is_ok());
  check_numbered(journal.payloads(), 100'000);
}

TEST_CASE("a deployment that cannot be is refused in one sentence", "[pipeline][runner]") {
  Plan plan;
  test::SinkScript journal;
  test::SourceScript source;
  auto& pipeline = plan.pipeline("till");
  std::string expected;
  SECTION("two required sinks") {
    plan.source(pipeline, "printer", &source);
    plan.sink(pipeline, "journal", &journal);
    plan.sink(pipeline, "second", &journal);
    expected = "two required sinks";
  }
  SECTION("no required sink") {
    plan.source(pipeline, "printer", &source);
    plan.sink(pipeline, "journal", &journal, false);
    expected = "no required sink";
  }
  SECTION("no source") {
    plan.sink(pipeline, "journal", &journal);
    expected = "has no source";
  }
  SECTION("an unknown type") {
    plan.source(pipeline, "printer", &source);
    plan.sink(pipeline, "journal", &journal, true, "nats");
    expected = "no such sink type";
  }
  const auto runner = create_runner(plan.deployment, find_component, {});
  REQUIRE_FALSE(runner.has_value());
  CHECK(runner.error().message().find(expected) != std::string::npos);
}

}  // namespace kifa::pipeline
