#pragma once

#include <signal.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace kifa::test {

// A store, and daemons that take records from one source into it.
class SourceTill {
 public:
  [[nodiscard]] Launch launch(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"run", config_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return kifa(arguments);
  }
  void wait_for_durable(Process& daemon, std::uint64_t count) const {
    const bool is_durable = daemon.wait_until([&] { return durable() >= count; });
    INFO(daemon.err());
    REQUIRE(is_durable);
  }
  [[nodiscard]] std::uint64_t durable() const {
    const Ending stats = run_kifa({"stats", "-d", data_, "--json"});
    return stats.exit_code == 0 ? json_number(stats.out, "durable_lsn") : 0;
  }
  // Ends well on SIGTERM.
  static Ending stop(Process& daemon) {
    daemon.kill(SIGTERM);
    Ending ended = daemon.wait();
    INFO(ended.err);
    REQUIRE(ended.exit_code == 143);
    return ended;
  }

  [[nodiscard]] const std::string& data() const { return data_; }
  [[nodiscard]] const std::string& config() const { return config_; }
  [[nodiscard]] const TemporaryDirectory& directory() const { return directory_; }

 protected:
  SourceTill() = default;
  // The source with its name, in YAML's flow style: "net: { type: tcp, address: ... }".
  void take_from(const std::string& source) const {
    write_file(config_,
               "version: 1\nstore: { data_dir: data, segment_size_mib: 4 }\npipelines:\n"
               "  till:\n    sources:\n      " +
                   source + "\n    sinks: { journal: { type: kifa } }\n");
  }

 private:
  TemporaryDirectory directory_;
  std::string config_ = directory_.file("till.yaml");
  std::string data_ = directory_.file("data");
};

}  // namespace kifa::test
