#pragma once

#include <filesystem>
#include <string>

#include "tests/integration/till.hpp"
#include "tests/support/client.hpp"

namespace kifa::test {

// A till whose devices send over the network.
class Till final : public SourceTill {
 public:
  // `options` are further options of the source, `framing` of its framing: ", allow: [...]".
  explicit Till(const std::string& options = {}, const std::string& framing = {},
                const std::string& address = "127.0.0.1:0", const std::string& type = "tcp") {
    take_from("net: { type: " + type + ", address: [\"" + address +
              "\"], listen_address_file: addresses" + options + ", framing: { type: newline" +
              framing + " } }");
  }

  // Its address, once it listens.
  std::string address_of(Process& daemon) const {
    const std::string file = directory().file("addresses");
    const bool listens = daemon.wait_until([&] { return std::filesystem::exists(file); });
    INFO(daemon.err());
    REQUIRE(listens);
    const std::string text = read_file(file);
    return text.substr(0, text.find('\n'));
  }
};

}  // namespace kifa::test
