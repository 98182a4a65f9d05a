#include "core/cli/layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/config/yaml_text.hpp"
#include "core/store/store.hpp"

namespace kifa::cli {
namespace {

using config::Entry;
using config::Node;

constexpr const char* kPipeline = "daemon";

Node scalar(std::string text) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.text = std::move(text);
  return node;
}

Node quoted(std::string text) {
  Node node = scalar(std::move(text));
  node.quoted = true;
  return node;
}

Node list_of(const std::vector<std::string>& values) {
  Node list;
  list.kind = Node::Kind::sequence;
  for (const std::string& value : values) {
    list.items.push_back(quoted(value));
  }
  return list;
}

Entry* find_entry(Node& node, std::string_view key) {
  const auto found = std::find_if(node.entries.begin(), node.entries.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  return found == node.entries.end() ? nullptr : &*found;
}

// The value at `key` of a mapping; made when it is not there. Null: `node` is no mapping, which
// whoever checks the file will say.
Node* child(Node* node, std::string_view key) {
  if (node == nullptr || (node->kind != Node::Kind::mapping && node->kind != Node::Kind::null)) {
    return nullptr;
  }
  node->kind = Node::Kind::mapping;
  if (Entry* entry = find_entry(*node, key)) {
    return &entry->value;
  }
  node->entries.push_back({.key = std::string(key), .key_mark = {}, .value = {}});
  return &node->entries.back().value;
}

void set(Node* node, std::string_view key, Node value) {
  if (Node* place = child(node, key)) {
    *place = std::move(value);
  }
}

void set_if_missing(Node* node, std::string_view key, Node value) {
  if (node != nullptr && node->find(key) == nullptr) {
    set(node, key, std::move(value));
  }
}

bool is_kifa_sink(const Node& sink) {
  const Node* type = sink.find("type");
  return type != nullptr && type->text == "kifa";
}

// Calls `use` with every sink of the tree, and its place.
template <typename Use>
void for_each_sink(Node& root, const Use& use) {
  Entry* pipelines = find_entry(root, "pipelines");
  if (pipelines == nullptr) {
    return;
  }
  for (Entry& pipeline : pipelines->value.entries) {
    Entry* sinks = find_entry(pipeline.value, "sinks");
    if (sinks == nullptr) {
      continue;
    }
    for (Entry& sink : sinks->value.entries) {
      use(sink.value, fmt::format("pipelines.{}.sinks.{}", pipeline.key, sink.key));
    }
  }
}

// Puts the layers over one document.
class Laying {
 public:
  Laying(const DeploymentFlags& flags, Node& root, Origins& origins)
      : flags_(flags), root_(root), origins_(origins) {}

  Status lay() {
    set_if_missing(&root_, "version", scalar("1"));
    KIFA_TRY(check_one_store());
    KIFA_TRY(lay_store());
    KIFA_TRY(lay_sources());
    lay_capacity();
    return {};
  }

 private:
  Status check_one_store();
  Status lay_store();
  void set_store(const char* key, const std::string& by, Node value);
  Status lay_sources();
  Status lay_list(const char* name, const char* option, const char* flag,
                  const Said<std::vector<std::string>>& said, const Node& framing);
  Status lay_serial(const Node& framing);
  Result<Node*> source(const std::string& name, const char* type, const std::string& by,
                       const Node& framing);
  void lay_capacity();
  [[nodiscard]] Node framing(const char* type) const;

  const DeploymentFlags& flags_;
  Node& root_;
  Origins& origins_;
};

// A data directory that is said for all stores of a file that has several would mix their records.
Status Laying::check_one_store() {
  if (!flags_.data_dir.is_said()) {
    return {};
  }
  std::set<std::string> directories;
  for_each_sink(root_, [&directories](const Node& sink, const std::string& /*where*/) {
    const Node* directory = is_kifa_sink(sink) ? sink.find("data_dir") : nullptr;
    if (directory != nullptr) {
      directories.insert(directory->text);
    }
  });
  if (directories.size() > 1) {
    return {Code::invalid,
            fmt::format("{} names one data directory, and the sinks of {} have {} of their own: "
                        "leave it out",
                        flags_.data_dir.by, flags_.config, directories.size())};
  }
  return {};
}

void Laying::set_store(const char* key, const std::string& by, Node value) {
  if (by.empty()) {
    return;
  }
  set(child(&root_, "store"), key, std::move(value));
  origins_[std::string("store.") + key] = by;
  for_each_sink(root_, [key](Node& sink, const std::string& /*where*/) {
    if (is_kifa_sink(sink)) {
      std::erase_if(sink.entries, [key](const Entry& entry) { return entry.key == key; });
    }
  });
}

Result<std::string> absolute_path(const std::string& path, const std::string& by) {
  std::error_code failed;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failed);
  if (failed) {
    return Status(Code::io, fmt::format("cannot find the working directory: {}; give {} an "
                                        "absolute path",
                                        failed.message(), by));
  }
  return absolute.lexically_normal().string();
}

Status Laying::lay_store() {
  if (flags_.data_dir.is_said()) {
    const auto directory = absolute_path(flags_.data_dir.value, flags_.data_dir.by);
    if (!directory) {
      return directory.status();
    }
    set_store("data_dir", flags_.data_dir.by, quoted(*directory));
  }
  set_store("flush_mode", flags_.flush_mode.by, scalar(flags_.flush_mode.value));
  const std::pair<const char*, const Said<std::uint64_t>*> numbers[] = {
      {"segment_size_mib", &flags_.segment_size_mib},
      {"memtable_flush_threshold_mib", &flags_.memtable_threshold_mib},
      {"compaction_threshold", &flags_.compaction_threshold},
  };
  for (const auto& [key, said] : numbers) {
    set_store(key, said->by, scalar(std::to_string(said->value)));
  }
  set_store("compaction_enabled", flags_.compaction_enabled.by,
            scalar(flags_.compaction_enabled.value ? "true" : "false"));
  return {};
}

// A framing of ours. What is longer than the store takes is split.
Node Laying::framing(const char* type) const {
  Node framing;
  set(&framing, "type", scalar(type));
  if (flags_.segment_size_mib.is_said()) {
    store::StoreOptions options;
    options.segment_bytes = flags_.segment_size_mib.value << 20U;
    const std::uint64_t limit = store::record_bytes_limit(options);
    if (limit < limits::kRecordBytesMaxDefault) {
      set(&framing, "record_bytes_max", scalar(std::to_string(limit)));
    }
  }
  return framing;
}

// The source of the pipeline `daemon` with that name; made with what it needs when it is not there.
// Null: the file is wrong there.
Result<Node*> Laying::source(const std::string& name, const char* type, const std::string& by,
                             const Node& framing) {
  Node* const pipeline = child(child(&root_, "pipelines"), kPipeline);
  Node* const source = child(child(pipeline, "sources"), name);
  if (source == nullptr) {
    return nullptr;
  }
  const std::string place = fmt::format("pipelines.{}.sources.{}", kPipeline, name);
  if (source->kind == Node::Kind::null) {
    set(source, "type", scalar(type));
    set(source, "framing", framing);
    origins_[place + ".type"] = by;
    for (const Entry& entry : framing.entries) {
      origins_[place + ".framing." + entry.key] = by;
    }
  }
  const Node* const written = source->find("type");
  if (written != nullptr && written->text != type) {
    return Status(Code::invalid,
                  fmt::format("{} speaks of the source {}/{} of type {}, and {} has one of that "
                              "name with type {}: give that one another name",
                              by, kPipeline, name, type, flags_.config, written->text));
  }
  if (Node* sinks = child(pipeline, "sinks"); sinks != nullptr && sinks->entries.empty()) {
    set(child(sinks, "journal"), "type", scalar("kifa"));
    origins_[fmt::format("pipelines.{}.sinks.journal.type", kPipeline)] = by;
  }
  return source;
}

Status Laying::lay_list(const char* name, const char* option, const char* flag,
                        const Said<std::vector<std::string>>& said, const Node& framing) {
  if (!said.is_said()) {
    return {};
  }
  std::vector<std::string> values = said.value;
  if (std::string_view(name) == "file") {
    for (std::string& path : values) {
      auto absolute = absolute_path(path, flag);
      if (!absolute) {
        return absolute.status();
      }
      path = std::move(*absolute);
    }
  }
  const Result<Node*> place = source(name, name, said.by, framing);
  if (!place) {
    return place.status();
  }
  set(*place, option, list_of(values));
  origins_[fmt::format("pipelines.{}.sources.{}.{}", kPipeline, name, option)] = said.by;
  return {};
}

// A rate stands behind the last comma; what is no number belongs to the path.
std::pair<std::string, std::string> device_and_rate(const std::string& text) {
  const std::size_t comma = text.rfind(',');
  if (comma == std::string::npos || comma + 1 == text.size() ||
      text.find_first_not_of("0123456789", comma + 1) != std::string::npos) {
    return {text, ""};
  }
  return {text.substr(0, comma), text.substr(comma + 1)};
}

Status Laying::lay_serial(const Node& framing) {
  const Said<std::vector<std::string>>& said = flags_.serial_devices;
  if (!said.is_said()) {
    return {};
  }
  const auto name_of = [](std::size_t number) {
    return number == 1 ? std::string("serial") : fmt::format("serial-{}", number);
  };
  std::size_t number = 0;
  for (const std::string& text : said.value) {
    const std::string name = name_of(++number);
    const Result<Node*> place = source(name, "serial", said.by, framing);
    if (!place) {
      return place.status();
    }
    const auto [device, rate] = device_and_rate(text);
    const std::string where = fmt::format("pipelines.{}.sources.{}.", kPipeline, name);
    set(*place, "device", quoted(device));
    origins_[where + "device"] = said.by;
    if (!rate.empty()) {
      set(*place, "baud", scalar(rate));
      origins_[where + "baud"] = said.by;
    }
  }
  // Lists do not merge: further ports of the file go.
  Node* const sources = child(child(child(&root_, "pipelines"), kPipeline), "sources");
  while (sources != nullptr && sources->find(name_of(++number)) != nullptr) {
    const std::string name = name_of(number);
    std::erase_if(sources->entries, [&name](const Entry& entry) { return entry.key == name; });
  }
  return {};
}

Status Laying::lay_sources() {
  const Node lines = framing("newline");
  const Node whole = framing("none");
  if (flags_.from_stdin.value) {
    const Result<Node*> place = source("stdin", "stdin", flags_.from_stdin.by, lines);
    if (!place) {
      return place.status();
    }
  }
  KIFA_TRY(lay_list("file", "include", "--file", flags_.files, lines));
  KIFA_TRY(lay_list("tcp", "address", "--tcp", flags_.tcp_addresses, lines));
  KIFA_TRY(lay_list("udp", "address", "--udp", flags_.udp_addresses, whole));
  return lay_serial(lines);
}

void Laying::lay_capacity() {
  if (!flags_.channel_capacity.is_said()) {
    return;
  }
  for_each_sink(root_, [this](Node& sink, const std::string& where) {
    set(&sink, config::host_option::kQueueRecords,
        scalar(std::to_string(flags_.channel_capacity.value)));
    origins_[fmt::format("{}.{}", where, config::host_option::kQueueRecords)] =
        flags_.channel_capacity.by;
  });
}

// Where options of type path stand in the file, and the absolute paths that they mean.
std::map<config::Mark, std::string> absolute_paths(const config::Deployment& deployment) {
  std::map<config::Mark, std::string> paths;
  const auto add = [&paths](const config::ComponentConfig& component) {
    for (const config::Setting& setting : component.settings) {
      if (setting.type == config::OptionType::path && setting.mark.line != 0 && !setting.secret) {
        paths[setting.mark] = setting.text;
      }
    }
  };
  for (const config::PipelineConfig& pipeline : deployment.pipelines) {
    for (const config::SourceConfig& source : pipeline.sources) {
      add(source.component);
      add(source.framing);
    }
    for (const config::SinkConfig& sink : pipeline.sinks) {
      add(sink.component);
      add(sink.format);
    }
  }
  return paths;
}

}  // namespace

Status lay_over(const DeploymentFlags& flags, Node& root, Origins& origins) {
  return Laying(flags, root, origins).lay();
}

LoadResult load_layers(const DeploymentFlags& flags, Purpose purpose, Origins& origins) {
  const Prepare prepare = [&flags, &origins](Node& root) { return lay_over(flags, root, origins); };
  if (flags.config.empty()) {
    Node root;
    if (const Status status = prepare(root); !status) {
      return load_failure(status);
    }
    return load_deployment_tree(root, flags.plugin_paths, purpose);
  }
  return load_deployment_file(flags.config, flags.plugin_paths, purpose, prepare);
}

Result<std::string> print_layers(const DeploymentFlags& flags,
                                 const config::Deployment& deployment) {
  Node root;
  if (!flags.config.empty()) {
    auto literal = read_literally(flags.config);
    if (!literal) {
      return literal.status();
    }
    root = std::move(*literal);
  }
  Origins origins;
  KIFA_TRY(lay_over(flags, root, origins));
  return config::yaml_text(root, absolute_paths(deployment));
}

}  // namespace kifa::cli
