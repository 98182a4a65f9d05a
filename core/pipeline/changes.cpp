#include "core/pipeline/changes.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/pipeline/settings.hpp"

namespace kifa::pipeline {
namespace {

using Settings = std::vector<config::Setting>;

bool is_same_value(const config::Setting& one, const config::Setting& other) {
  if (one.type != other.type || one.list != other.list) {
    return false;
  }
  switch (one.type) {
    case config::OptionType::boolean:
    case config::OptionType::integer:
    case config::OptionType::duration:
    case config::OptionType::size:
      return one.integer == other.integer;  // 1000ms is 1s
    case config::OptionType::number:
      return !(one.number < other.number) && !(other.number < one.number);
    default:
      return one.text == other.text;
  }
}

bool are_same(const Settings& one, const Settings& other) {
  return one.size() == other.size() &&
         std::ranges::all_of(one, [&other](const config::Setting& setting) {
           const config::Setting* same = config::find_setting(other, setting.name);
           return same != nullptr && is_same_value(setting, *same);
         });
}

bool is_same_component(const config::ComponentConfig& one, const config::ComponentConfig& other) {
  return one.name == other.name && one.type == other.type && one.plugin_id == other.plugin_id &&
         are_same(one.settings, other.settings);
}

bool is_same_filter(const config::FilterConfig& one, const config::FilterConfig& other) {
  return one.keep == other.keep && one.drop == other.drop;
}

// What a sink was told that framings let through at most.
std::uint64_t record_bytes_max(const config::PipelineConfig& pipeline) {
  std::uint64_t most = 0;
  for (const config::SourceConfig& source : pipeline.sources) {
    most = std::max(most, source_options_of(source).framer.record_bytes_max);
  }
  return most;
}

}  // namespace

bool is_same(const config::SourceConfig& one, const config::SourceConfig& other) {
  // An idle timeout that is written counts for more streams than the same default.
  return is_same_component(one.component, other.component) && are_same(one.host, other.host) &&
         one.has_framing == other.has_framing &&
         (!one.has_framing || (is_same_component(one.framing, other.framing) &&
                               are_same(one.framing_host, other.framing_host))) &&
         source_options_of(one).idle_timeout_explicit ==
             source_options_of(other).idle_timeout_explicit;
}

bool is_same(const config::SinkConfig& one, const config::SinkConfig& other) {
  return is_same_component(one.component, other.component) && are_same(one.host, other.host) &&
         one.required == other.required && one.has_format == other.has_format &&
         (!one.has_format || is_same_component(one.format, other.format));
}

Change change_between(const config::PipelineConfig& now, const config::PipelineConfig& wanted) {
  const auto same_sink = [](const config::SinkConfig& one, const config::SinkConfig& other) {
    return is_same(one, other);
  };
  if (!std::ranges::equal(now.sinks, wanted.sinks, same_sink) ||
      !std::ranges::equal(now.filters, wanted.filters, is_same_filter) ||
      record_bytes_max(wanted) > record_bytes_max(now)) {
    return Change::whole;
  }
  const bool all_there =
      now.sources.size() == wanted.sources.size() &&
      std::ranges::all_of(now.sources, [&wanted](const config::SourceConfig& source) {
        const config::SourceConfig* same = find_source(wanted, source.component.name);
        return same != nullptr && is_same(source, *same);
      });
  return all_there ? Change::none : Change::sources;
}

const config::SourceConfig* find_source(const config::PipelineConfig& config,
                                        std::string_view name) {
  const auto found = std::ranges::find_if(
      config.sources,
      [name](const config::SourceConfig& source) { return source.component.name == name; });
  return found == config.sources.end() ? nullptr : &*found;
}

}  // namespace kifa::pipeline
