#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/cli/commands.hpp"
#include "core/cli/json.hpp"
#include "core/cli/layers.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/config/options.hpp"

namespace kifa::cli {
namespace {

// One value that counts, and where it is from.
struct Line {
  std::string name;
  std::string value;  // as people read it
  std::string json;
  std::string origin;  // flag, environment, file or default
  std::string by;      // --tcp, KIFA_TCP, shop.yaml:3:5
};

std::string value_text(const config::Setting& setting) {
  if (setting.secret) {
    return "(secret)";
  }
  if (setting.type == config::OptionType::string_list) {
    return fmt::format("[{}]", fmt::join(setting.list, ", "));
  }
  return setting.text;
}

std::string value_json(const config::Setting& setting) {
  if (setting.secret) {
    return "null";
  }
  switch (setting.type) {
    case config::OptionType::boolean:
      return setting.integer != 0 ? "true" : "false";
    case config::OptionType::integer:
      return fmt::to_string(setting.integer);
    case config::OptionType::number:
      return fmt::to_string(setting.number);
    case config::OptionType::string_list: {
      JsonArray list;
      for (const std::string& value : setting.list) {
        list.add(json_string(value));
      }
      return list.finish();
    }
    default:
      return json_string(setting.text);
  }
}

// Walks a deployment and says of each value where it is from.
class Lines {
 public:
  Lines(std::string file, const Origins& origins) : file_(std::move(file)), origins_(origins) {}

  void add_flag(const char* name, const Said<std::string>& said) {
    const std::string origin = origin_of(said.by);
    lines_.push_back({name, said.value, json_string(said.value), origin, said.by});
  }

  void add_deployment(const config::Deployment& deployment) {
    for (const config::PipelineConfig& pipeline : deployment.pipelines) {
      const std::string place = "pipelines." + pipeline.name;
      for (const config::SourceConfig& source : pipeline.sources) {
        const std::string where = fmt::format("{}.sources.{}", place, source.component.name);
        add_component(where, source.component, source.host);
        if (source.has_framing) {
          add_component(where + ".framing", source.framing, source.framing_host);
        }
      }
      for (std::size_t i = 0; i < pipeline.filters.size(); ++i) {
        add_filter(fmt::format("{}.transforms.{}.filter", place, i + 1), pipeline.filters[i]);
      }
      for (const config::SinkConfig& sink : pipeline.sinks) {
        const std::string where = fmt::format("{}.sinks.{}", place, sink.component.name);
        add_component(where, sink.component, sink.host);
        if (sink.has_format) {
          add_component(where + ".format", sink.format, {});
        }
      }
    }
  }

  [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }

 private:
  static std::string origin_of(const std::string& by) {
    if (by.empty()) {
      return "default";
    }
    return by.starts_with("-") ? "flag" : "environment";
  }

  // The layer of the value at `place`, or at `shared` when that is where it stands.
  void locate(const std::string& place, const std::string& shared, config::Mark mark, Line& line) {
    for (const std::string& name : {place, shared}) {
      if (const auto found = origins_.find(name); found != origins_.end() && mark.line == 0) {
        line.by = found->second;
        line.origin = origin_of(line.by);
        return;
      }
    }
    if (mark.line != 0) {
      line.origin = "file";
      line.by = fmt::format("{}:{}:{}", file_, mark.line, mark.column);
    } else {
      line.origin = "default";
    }
  }

  void add_component(const std::string& place, const config::ComponentConfig& component,
                     const std::vector<config::Setting>& host) {
    Line type{place + ".type", component.type, json_string(component.type), "", ""};
    locate(type.name, "", component.mark, type);
    lines_.push_back(std::move(type));
    for (const std::vector<config::Setting>* settings : {&component.settings, &host}) {
      for (const config::Setting& setting : *settings) {
        Line line{fmt::format("{}.{}", place, setting.name), value_text(setting),
                  value_json(setting), "", ""};
        locate(line.name, "store." + setting.name, setting.mark, line);
        lines_.push_back(std::move(line));
      }
    }
  }

  void add_filter(const std::string& place, const config::FilterConfig& filter) {
    for (const auto& [key, pattern] :
         {std::pair("keep", &filter.keep), std::pair("drop", &filter.drop)}) {
      if (!pattern->empty()) {
        Line line{fmt::format("{}.{}", place, key), *pattern, json_string(*pattern), "", ""};
        locate(line.name, "", filter.mark, line);
        lines_.push_back(std::move(line));
      }
    }
  }

  const std::string file_;
  const Origins& origins_;
  std::vector<Line> lines_;
};

std::string as_text(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) {
    text += fmt::format("{}: {}  ({})\n", line.name, line.value,
                        line.by.empty() ? line.origin : line.by);
  }
  return text;
}

std::string as_json(const std::vector<Line>& lines) {
  JsonArray values;
  for (const Line& line : lines) {
    JsonObject value;
    value.text("name", line.name).raw("value", line.json).text("origin", line.origin);
    if (!line.by.empty()) {
      value.text("by", line.by);
    }
    values.add(value.finish());
  }
  return values.finish() + "\n";
}

}  // namespace

int run(const ConfigCommand& command) {
  Origins origins;
  DeploymentFlags flags = command.deployment;
  // Without a source there is no pipeline; one that nobody asked for stands in, and is not shown.
  const bool has_source = !flags.config.empty() || flags.name_a_source();
  flags.from_stdin.value |= !has_source;
  const LoadResult loaded = load_layers(flags, Purpose::check, origins);
  if (const auto* failure = std::get_if<LoadFailure>(&loaded)) {
    complain_verbatim(failure->text);
    return failure->exit_code;
  }
  Lines lines(command.deployment.config, origins);
  lines.add_flag("log_level", command.run.log_level);
  lines.add_flag("log_format", command.run.log_format);
  lines.add_flag("stop_timeout",
                 {.value = config::format_duration_ns(command.run.stop_timeout_ns.value),
                  .by = command.run.stop_timeout_ns.by});
  config::Deployment deployment = std::get<LoadedDeployment>(loaded).deployment;
  if (!has_source) {
    deployment.pipelines.front().sources.clear();
  }
  lines.add_deployment(deployment);
  return print(command.json ? as_json(lines.lines()) : as_text(lines.lines()));
}

}  // namespace kifa::cli
