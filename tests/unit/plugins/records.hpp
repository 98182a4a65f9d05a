#pragma once

#include <kifa/plugin.h>
#include <kifa/testing/fake_writer.hpp>
#include <kifa/testing/test_instance.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Records for formatters, and formatters for records.
namespace kifa::plugins::testing {

[[nodiscard]] inline kifa_str str(std::string_view text) { return {text.data(), text.size()}; }

// What it views must live on.
[[nodiscard]] inline kifa_record record(std::uint64_t lsn, std::int64_t unix_ns,
                                        std::string_view payload,
                                        const std::vector<kifa_attr>& attrs = {},
                                        std::uint32_t flags = 0) {
  return {lsn,
          unix_ns,
          {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()},
          attrs.data(),
          static_cast<std::uint32_t>(attrs.size()),
          flags};
}

// A formatter, configured.
class Formatter final {
 public:
  explicit Formatter(const kifa_plugin* plugin,
                     const kifa::testing::TestInstance::Texts& texts = {})
      : instance_(*plugin, host_) {
    if (instance_.configure(texts) != KIFA_OK) {
      throw std::runtime_error(instance_.message());
    }
  }

  kifa_status format(const std::vector<kifa_record>& records, kifa::testing::FakeWriter& writer) {
    instance_.reset_error();
    return instance_.formatter().format(instance_.raw(), records.data(),
                                        static_cast<std::uint32_t>(records.size()),
                                        sizeof(kifa_record), writer.raw(), instance_.error());
  }
  // What it writes first.
  std::string begin() {
    kifa::testing::FakeWriter writer;
    instance_.reset_error();
    const kifa_status status =
        instance_.formatter().begin(instance_.raw(), writer.raw(), instance_.error());
    return status == KIFA_OK ? writer.text : instance_.message();
  }
  // What it writes, or why it fails.
  std::string format(const std::vector<kifa_record>& records) {
    kifa::testing::FakeWriter writer;
    return format(records, writer) == KIFA_OK ? writer.text : instance_.message();
  }

 private:
  kifa::testing::FakeHost host_;
  kifa::testing::TestInstance instance_;
};

// Why a formatter does not take `texts`; empty when it does.
inline std::string refusal_of(const kifa_plugin* plugin,
                              const kifa::testing::TestInstance::Texts& texts) {
  try {
    const Formatter taken(plugin, texts);
    return {};
  } catch (const std::runtime_error& refused) {
    return refused.what();
  }
}

}  // namespace kifa::plugins::testing
