#pragma once

#include <signal.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/client.hpp"
#include "tests/support/temporary_directory.hpp"

namespace kifa::test {

// A store, and daemons that take lines over the network into it.
class Till final {
 public:
  // `options` are further options of the source, `framing` of its framing: ", allow: [...]".
  explicit Till(const std::string& options = {}, const std::string& framing = {},
                const std::string& address = "127.0.0.1:0", const std::string& type = "tcp") {
    write_file(config_,
               "version: 1\nstore: { data_dir: data, segment_size_mib: 4 }\npipelines:\n"
               "  till:\n    sources:\n      net:\n        { type: " +
                   type + ", address: [\"" + address + "\"], listen_address_file: addresses" +
                   options + ", framing: { type: newline" + framing +
                   " } }\n    sinks: { journal: { type: kifa } }\n");
  }

  [[nodiscard]] Launch launch(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"run", config_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return kifa(arguments);
  }
  // Its address, once it listens.
  std::string address_of(Process& daemon) const {
    const std::string file = directory_.file("addresses");
    const bool listens = daemon.wait_until([&] { return std::filesystem::exists(file); });
    INFO(daemon.err());
    REQUIRE(listens);
    const std::string text = read_file(file);
    return text.substr(0, text.find('\n'));
  }
  void wait_for_durable(Process& daemon, std::uint64_t count) const {
    const bool durable = daemon.wait_until([&] { return this->durable() >= count; });
    INFO(daemon.err());
    REQUIRE(durable);
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

 private:
  TemporaryDirectory directory_;
  std::string config_ = directory_.file("till.yaml");
  std::string data_ = directory_.file("data");
};

}  // namespace kifa::test
