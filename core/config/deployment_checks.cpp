#include "core/config/deployment_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/base/text.hpp"
#include "core/config/component_binder.hpp"

namespace kifa::config {
namespace {

constexpr std::string_view kDataDir = "data_dir";

[[nodiscard]] Mark place_of(const Setting* setting, const ComponentConfig& owner) {
  return setting != nullptr && setting->mark.line != 0 ? setting->mark : owner.mark;
}

[[nodiscard]] bool same_value(const Setting* a, const Setting* b) {
  if (a == nullptr || b == nullptr) {
    return a == b;
  }
  switch (a->type) {
    case OptionType::boolean:
    case OptionType::integer:
    case OptionType::duration:
    case OptionType::size:
      return a->integer == b->integer;
    case OptionType::number:
      return !(a->number < b->number) && !(b->number < a->number);
    case OptionType::string:
    case OptionType::enumeration:
    case OptionType::path:
      return a->text == b->text;
    case OptionType::string_list:
      return a->list == b->list;
  }
  return false;
}

[[nodiscard]] std::string shown(const Setting* setting) {
  if (setting == nullptr) {
    return "not set";
  }
  if (setting->secret) {
    return "another secret";
  }
  return setting->type == OptionType::string_list
             ? backquoted(fmt::format("[{}]", fmt::join(setting->list, ", ")))
             : backquoted(setting->text);
}

void check_required_sink(const PipelineConfig& pipeline, Diagnostics& diagnostics) {
  std::vector<const SinkConfig*> required;
  for (const SinkConfig& sink : pipeline.sinks) {
    if (sink.required) {
      required.push_back(&sink);
    }
  }
  if (pipeline.sinks.empty() || required.size() == 1) {
    return;
  }
  if (required.empty()) {
    diagnostics.error(pipeline.mark,
                      fmt::format("pipeline {} has no required sink: nothing would be acknowledged",
                                  pipeline.name),
                      "take `required: false` away from one sink: that one keeps the checkpoints");
    return;
  }
  std::vector<std::string> names;
  names.reserve(required.size());
  for (const SinkConfig* sink : required) {
    names.push_back(sink->component.name);
  }
  diagnostics.error(
      required[1]->component.mark,
      fmt::format("pipeline {} has {} required sinks ({}): exactly one can decide what is "
                  "acknowledged and keep the checkpoints",
                  pipeline.name, required.size(), fmt::join(names, ", ")),
      "write `required: false` on the others, which get copies; a second reliable target is a "
      "second pipeline with the source `store`",
      required[0]->component.mark, "the first one is here");
}

void check_retry(const SourceConfig& source, Diagnostics& diagnostics) {
  const Setting* min = find_setting(source.host, host_option::kRetryMin);
  const Setting* max = find_setting(source.host, host_option::kRetryMax);
  if (min != nullptr && max != nullptr && min->integer > max->integer) {
    diagnostics.error(
        place_of(min->defaulted ? max : min, source.component),
        fmt::format("`retry_min` ({}) is longer than `retry_max` ({})", min->text, max->text));
  }
}

// A record that the framing lets through must fit into the sinks that name a limit of their own.
void check_record_limits(const PipelineConfig& pipeline, Diagnostics& diagnostics) {
  for (const SinkConfig& sink : pipeline.sinks) {
    const Setting* takes = find_setting(sink.component.settings, host_option::kRecordBytesMax);
    if (takes == nullptr || takes->type != OptionType::size) {
      continue;
    }
    for (const SourceConfig& source : pipeline.sources) {
      const Setting* gives = find_setting(source.framing_host, host_option::kRecordBytesMax);
      if (gives != nullptr && gives->integer > takes->integer) {
        diagnostics.error(
            place_of(gives, source.framing),
            fmt::format("records of source {} may have {}, but sink {} takes at most {}",
                        source.component.name, format_size_bytes(gives->integer),
                        sink.component.name, format_size_bytes(takes->integer)),
            "make `record_bytes_max` of the framing smaller, or that of the sink larger",
            place_of(takes, sink.component), "the sink's limit");
      }
    }
  }
}

// An option that would do nothing with this kind of `ack`.
void check_unused(const SourceConfig& source, std::string_view option, std::string_view kind,
                  const Setting& ack, Diagnostics& diagnostics) {
  const Setting* setting = find_setting(source.host, option);
  if (setting != nullptr && !setting->defaulted && ack.text != kind) {
    diagnostics.error(place_of(setting, source.component),
                      fmt::format("`{}` does nothing with `ack: {}`", option, ack.text),
                      fmt::format("write `ack: {}`, or take it away", kind));
  }
}

// As the flags of the same names, which refuse each other. A flag over what a file says is no
// contradiction: it is meant for a while.
void check_compaction(const ComponentConfig& sink, Diagnostics& diagnostics) {
  const Setting* enabled = find_setting(sink.settings, "compaction_enabled");
  const Setting* threshold = find_setting(sink.settings, "compaction_threshold");
  if (sink.type != kKifaSinkType || enabled == nullptr || enabled->integer != 0 ||
      enabled->mark.line == 0 || threshold == nullptr || threshold->mark.line == 0) {
    return;
  }
  diagnostics.error(threshold->mark,
                    "`compaction_threshold` does nothing with `compaction_enabled: false`",
                    "take one of them away", enabled->mark, "the other one");
}

struct StoreUser {
  const PipelineConfig* pipeline;
  const ComponentConfig* sink;
};

void compare_users(const StoreUser& first, const StoreUser& other, const std::string& directory,
                   Diagnostics& diagnostics) {
  if (first.pipeline == other.pipeline) {
    diagnostics.error(
        other.sink->mark,
        fmt::format("sinks {} and {} of pipeline {} write to one store, {}: every "
                    "record would be in it twice",
                    first.sink->name, other.sink->name, first.pipeline->name, directory),
        "take one of them away", first.sink->mark, "the other one");
    return;
  }
  std::vector<std::string> names;
  for (const ComponentConfig* sink : {first.sink, other.sink}) {
    for (const Setting& setting : sink->settings) {
      names.push_back(setting.name);
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) {
    const Setting* theirs = find_setting(first.sink->settings, name);
    const Setting* ours = find_setting(other.sink->settings, name);
    if (name == kDataDir || same_value(theirs, ours)) {
      continue;
    }
    diagnostics.error(
        place_of(ours, *other.sink),
        fmt::format("`{}` is {} for sink {} of pipeline {} and {} for sink {} of pipeline {}, but "
                    "both write to one store, {}",
                    name, shown(ours), other.sink->name, other.pipeline->name, shown(theirs),
                    first.sink->name, first.pipeline->name, directory),
        "give both the same value, or set it once under `store:`", place_of(theirs, *first.sink),
        "the other value");
  }
}

}  // namespace

void check_acknowledgement(const SourceConfig& source, const ComponentFacts* facts,
                           bool framing_answers, Diagnostics& diagnostics) {
  const Setting* ack = find_setting(source.host, host_option::kAck);
  if (ack == nullptr) {
    return;  // it is wrong, and that has been said
  }
  check_unused(source, host_option::kAckByte, "byte", *ack, diagnostics);
  check_unused(source, host_option::kNakByte, "byte", *ack, diagnostics);
  check_unused(source, host_option::kAckOk, "template", *ack, diagnostics);
  check_unused(source, host_option::kAckError, "template", *ack, diagnostics);
  if (ack->text == "none") {
    return;
  }
  const Mark place = place_of(ack, source.component);
  const Setting* ok = find_setting(source.host, host_option::kAckOk);
  if (ack->text == "template" && ok != nullptr && ok->text.empty()) {
    diagnostics.error(place, "`ack: template` needs `ack_ok`",
                      "write what a sender hears, for example `ack_ok: \"STORED {lsn}\\r\\n\"`");
  }
  if (facts != nullptr && !facts->can_reply) {
    diagnostics.error(place,
                      fmt::format("source {} cannot answer whoever sends", source.component.type),
                      "take `ack` away");
  }
  if (framing_answers) {
    diagnostics.error(place,
                      fmt::format("framing {} answers devices itself, and two answers to one "
                                  "record would be taken for answers to two",
                                  source.framing.type),
                      "take `ack` away");
  }
}

void check_pipeline(const PipelineConfig& pipeline, Diagnostics& diagnostics) {
  check_required_sink(pipeline, diagnostics);
  for (const SourceConfig& source : pipeline.sources) {
    check_retry(source, diagnostics);
  }
  for (const SinkConfig& sink : pipeline.sinks) {
    check_compaction(sink.component, diagnostics);
  }
  check_record_limits(pipeline, diagnostics);
}

void check_shared_stores(const Deployment& deployment, Diagnostics& diagnostics) {
  std::map<std::string, StoreUser> first_users;
  for (const PipelineConfig& pipeline : deployment.pipelines) {
    for (const SinkConfig& sink : pipeline.sinks) {
      const Setting* directory = find_setting(sink.component.settings, kDataDir);
      if (sink.component.type != kKifaSinkType || directory == nullptr) {
        continue;
      }
      const StoreUser user{&pipeline, &sink.component};
      const auto [first, is_new] = first_users.emplace(directory->text, user);
      if (!is_new) {
        compare_users(first->second, user, directory->text, diagnostics);
      }
    }
  }
}

}  // namespace kifa::config
