// Reloading, with scripted components: who is started, stopped and left alone, and in which order.

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/pipeline/changes.hpp"
#include "tests/unit/pipeline/runner_plan.hpp"

namespace kifa::pipeline {
namespace {

using Strings = std::vector<std::string>;

// Waits for something that other threads bring about; patience belongs to the test's time limit.
template <typename Condition>
void wait_until(const Condition& condition) {
  while (!condition()) {
    std::this_thread::yield();
  }
}

// A pipeline `till` with the sources `same` and another one, in front of one sink.
struct Till {
  PipeSource same;
  PipeSource old_one;
  PipeSource new_one;
  test::SinkScript journal;
  Plan plan;
  config::Deployment wanted;

  Till() {
    auto& pipeline = plan.pipeline("till");
    plan.source(pipeline, "same", &same.script);
    plan.source(pipeline, "other", &old_one.script);
    plan.sink(pipeline, "journal", &journal);
    // The same but for the script, and so for a setting, of one source.
    wanted = plan.deployment;
    wanted.pipelines.front().sources.back().component.settings = {
        test::script_setting(&new_one.script)};
  }

  void reload(Runner& runner) {
    {
      const std::lock_guard lock(plan.mutex);
      plan.next = Replacement{.deployment = wanted, .registry = nullptr};
    }
    runner.request_reload();
  }
};

TEST_CASE("a reload replaces the source that has changed and leaves the other alone",
          "[pipeline][reload]") {
  Till till;
  const auto runner = till.plan.runner();
  std::thread device([&] {
    till.same.write("one\n");
    wait_until([&] { return till.plan.has_come_to(RunPhase::started); });
    till.reload(*runner);
    wait_until([&] { return till.plan.has_come_to(RunPhase::reloaded); });
    till.same.write("two\n");
    till.new_one.write("three\n");
    till.same.finish();
    till.new_one.finish();
  });
  CHECK(runner->run().is_ok());
  device.join();
  CHECK(till.same.script.heard.count("start") == 1);
  CHECK(till.old_one.script.heard.count("stop") == 1);
  CHECK(till.new_one.script.heard.count("start") == 1);
  CHECK(till.journal.heard.count("start") == 1);
  Strings payloads = till.journal.payloads();
  std::sort(payloads.begin(), payloads.end());
  CHECK(payloads == Strings{"one", "three", "two"});
  CHECK(runner->summary().records_acknowledged == 3);
  CHECK(till.plan.phases ==
        std::vector{RunPhase::started, RunPhase::reloading, RunPhase::reloaded});
}

TEST_CASE("a new pipeline starts when the one that it replaces has ended", "[pipeline][reload]") {
  Till till;
  test::SinkScript new_journal;
  std::size_t stopped_before = 0;
  new_journal.start = [&] {
    stopped_before = till.journal.heard.count("stop") + till.same.script.heard.count("stop");
    return sdk::Status();
  };
  till.wanted.pipelines.front().sinks.front().component.settings = {
      test::script_setting(&new_journal)};
  const auto runner = till.plan.runner();
  std::thread device([&] {
    till.same.write("one\n");
    wait_until([&] { return till.journal.record_count() == 1; });
    till.reload(*runner);
    wait_until([&] { return till.plan.has_come_to(RunPhase::reloaded); });
    till.same.write("two\n");
    wait_until([&] { return new_journal.record_count() == 1; });
    runner->request_stop();
  });
  CHECK(runner->run().is_ok());
  device.join();
  CHECK(stopped_before == 2);
  CHECK(till.journal.payloads() == Strings{"one"});
  CHECK(new_journal.payloads() == Strings{"two"});
  CHECK(runner->summary().records_acknowledged == 2);
  CHECK(till.plan.phases.back() == RunPhase::stopping);
}

TEST_CASE("a configuration that cannot be run changes nothing", "[pipeline][reload]") {
  Till till;
  till.wanted.pipelines.push_back(till.wanted.pipelines.front());
  till.wanted.pipelines.back().name = "office";
  till.wanted.pipelines.back().sinks.front().component.type = "no such type";
  const auto runner = till.plan.runner();
  std::thread device([&] {
    wait_until([&] { return till.plan.has_come_to(RunPhase::started); });
    till.reload(*runner);
    wait_until([&] { return till.plan.has_come_to(RunPhase::kept); });
    till.old_one.write("one\n");
    wait_until([&] { return till.journal.record_count() == 1; });
    runner->request_stop();
  });
  CHECK(runner->run().is_ok());
  device.join();
  CHECK(till.plan.has_logged("nothing was changed: no such sink type"));
  CHECK(till.old_one.script.heard.count("start") == 1);
  CHECK(till.new_one.script.heard.count("start") == 0);
}

TEST_CASE("a source that does not return is left behind by a reload, and others go on",
          "[pipeline][reload]") {
  Till till;
  Gate in_poll;
  Gate may_return;
  till.old_one.script.then([&](sdk::Emitter) {
    in_poll.open();
    may_return.wait();
    return sdk::Status::end();
  });
  const auto runner = till.plan.runner(kSecond / 10);
  std::thread device([&] {
    in_poll.wait();
    till.reload(*runner);
    wait_until([&] { return till.plan.has_come_to(RunPhase::reloaded); });
    till.new_one.write("one\n");
    wait_until([&] { return till.journal.record_count() == 1; });
    may_return.open();
    runner->request_stop();
  });
  CHECK(runner->run().is_ok());
  device.join();
  CHECK(till.plan.has_logged("till/other: it did not return in time and was left behind"));
  CHECK(till.same.script.heard.count("start") == 1);
  CHECK(till.journal.payloads() == Strings{"one"});
}

TEST_CASE("a pipeline may end while a reload waits for another one", "[pipeline][reload]") {
  Till till;
  test::SourceScript slow;
  test::SinkScript office_journal;
  Gate in_poll;
  Gate may_return;
  slow.then([&](sdk::Emitter) {
    in_poll.open();
    may_return.wait();
    return sdk::Status::again();
  });
  auto& office = till.plan.pipeline("office");
  till.plan.source(office, "slow", &slow);
  till.plan.sink(office, "journal", &office_journal);
  till.wanted.pipelines.front().sources.pop_back();  // and no office
  const auto runner = till.plan.runner();
  std::thread device([&] {
    in_poll.wait();
    wait_until([&] { return till.plan.has_come_to(RunPhase::started); });
    till.same.finish();
    till.reload(*runner);
    // Its last source has parted: the pipeline is done, and the reload is not.
    wait_until([&] { return till.journal.heard.count("stop") == 1; });
    may_return.open();
    wait_until([&] { return till.plan.has_come_to(RunPhase::reloaded); });
  });
  CHECK(runner->run().is_ok());
  device.join();
  CHECK(till.old_one.script.heard.count("stop") == 1);
  CHECK(office_journal.heard.count("stop") == 1);
}

TEST_CASE("a stop while a reload waits starts nothing new", "[pipeline][reload]") {
  Till till;
  Gate in_poll;
  Gate may_return;
  till.old_one.script.then([&](sdk::Emitter) {
    in_poll.open();
    may_return.wait();
    return sdk::Status::again();
  });
  const auto runner = till.plan.runner();
  std::thread device([&] {
    in_poll.wait();
    till.reload(*runner);
    wait_until([&] { return till.plan.has_come_to(RunPhase::reloading); });
    runner->request_stop();
    wait_until([&] { return till.plan.has_come_to(RunPhase::stopping); });
    may_return.open();
  });
  CHECK(runner->run().is_ok());
  device.join();
  CHECK(till.new_one.script.heard.count("start") == 0);
  CHECK_FALSE(till.plan.has_come_to(RunPhase::reloaded));
}

TEST_CASE("values that mean the same are no change, whoever writes them", "[pipeline][reload]") {
  Plan plan;
  auto& now = plan.pipeline("till");
  plan.source(now, "printer", nullptr);
  config::Setting linger;
  linger.name = config::host_option::kLinger;
  linger.type = config::OptionType::duration;
  linger.text = "5ms";
  linger.integer = 5'000'000;
  linger.defaulted = true;
  now.sources.front().host = {linger};
  config::PipelineConfig wanted = now;
  wanted.sources.front().host.front().text = "5000us";
  wanted.sources.front().host.front().defaulted = false;
  wanted.sources.front().component.mark = {7, 9};
  CHECK(change_between(now, wanted) == Change::none);
  wanted.sources.front().host.front().integer = 6'000'000;
  CHECK(change_between(now, wanted) == Change::sources);
  wanted = now;
  wanted.filters.push_back({.keep = "", .drop = "x", .mark = {}});
  CHECK(change_between(now, wanted) == Change::whole);
  wanted = now;
  wanted.sources.clear();
  CHECK(change_between(now, wanted) == Change::sources);
}

}  // namespace
}  // namespace kifa::pipeline
