#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/deployment.hpp"

namespace kifa::config::testing {

[[nodiscard]] inline OptionSpec option(std::string name, OptionType type, std::string summary) {
  OptionSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.summary = std::move(summary);
  return spec;
}
[[nodiscard]] inline OptionSpec with_default(OptionSpec spec, std::string text) {
  spec.default_text = std::move(text);
  return spec;
}
[[nodiscard]] inline OptionSpec with_range(OptionSpec spec, double min, double max) {
  spec.min = min;
  spec.max = max;
  return spec;
}

// The components that the bundled plugins have, with options of every type.
class FakeCatalog final : public ComponentCatalog {
 public:
  FakeCatalog() {
    ComponentFacts& stdin_source = add(ComponentKind::source, "stdin");
    stdin_source.takes_framing = true;
    stdin_source.options = {
        with_default(option("pipe_bytes", OptionType::size, "Size of the pipe."), "1MiB")};

    ComponentFacts& serial = add(ComponentKind::source, "serial");
    serial.takes_framing = true;
    serial.can_reply = true;
    OptionSpec device = option("device", OptionType::path, "The port.");
    device.required = true;
    OptionSpec baud = with_range(
        with_default(option("baud", OptionType::integer, "Speed."), "9600"), 50, 4'000'000);
    baud.unit = "baud";
    OptionSpec pin = option("pin", OptionType::string, "Unlocks the device.");
    pin.secret = true;
    OptionSpec old = option("tty", OptionType::path, "Use `device`.");
    old.deprecated = true;
    serial.options = {device, baud, pin, old};

    ComponentFacts& ticker = add(ComponentKind::source, "ticker");
    ticker.options = {
        with_range(with_default(option("every", OptionType::duration, "Pause."), "1s"), 1e6, 1e12),
        with_default(option("factor", OptionType::number, "Scale."), "1.5"),
        option("labels", OptionType::string_list, "Words.")};

    ComponentFacts& newline = add(ComponentKind::framing, "newline");
    newline.options = {
        with_default(option("strip_cr", OptionType::boolean, "Strips one CR."), "true"),
        with_default(option("skip_empty", OptionType::boolean, "Drops empty records."), "false")};
    add(ComponentKind::framing, "none");
    add(ComponentKind::framing, "stx_etx").answers = true;

    ComponentFacts& kifa = add(ComponentKind::sink, "kifa");
    kifa.keeps_checkpoints = true;
    OptionSpec directory = option("data_dir", OptionType::path, "The folder of the store.");
    directory.required = true;
    OptionSpec mode = with_default(
        option("flush_mode", OptionType::enumeration, "When records reach the disk."), "cautious");
    mode.choices = {"normal", "cautious", "emergency"};
    kifa.options = {
        directory, mode,
        with_default(option("compaction_enabled", OptionType::boolean, "Joins tables."), "true"),
        with_default(option("compaction_threshold", OptionType::integer, "How many."), "4"),
        with_range(
            with_default(option("record_bytes_max", OptionType::size, "Largest record."), "1MiB"),
            64, 16777216)};

    ComponentFacts& console = add(ComponentKind::sink, "console");
    console.takes_format = true;
    add(ComponentKind::formatter, "text");
    add(ComponentKind::formatter, "json").options = {
        with_default(option("indent", OptionType::integer, "Spaces."), "0")};
  }

  ComponentFacts& add(ComponentKind kind, const std::string& type) { return facts_[{kind, type}]; }

  Result<ComponentFacts> facts(ComponentKind kind, std::string_view type,
                               std::string_view plugin_id) override {
    ++lookups;
    const auto found = facts_.find({kind, std::string(type)});
    if (found == facts_.end() || (!plugin_id.empty() && plugin_id != "org.kifa.bundled")) {
      return Status(Code::not_found, "there is no " + std::string(to_string(kind)) + " of type " +
                                         std::string(type));
    }
    return found->second;
  }
  [[nodiscard]] std::vector<std::string> types(ComponentKind kind) override {
    std::vector<std::string> names;
    for (const auto& [key, unused] : facts_) {
      if (key.first == kind) {
        names.push_back(key.second);
      }
    }
    return names;
  }

  int lookups = 0;

 private:
  std::map<std::pair<ComponentKind, std::string>, ComponentFacts> facts_;
};

}  // namespace kifa::config::testing
