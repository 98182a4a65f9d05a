#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "core/base/limits.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/run_deployment.hpp"
#include "core/store/store.hpp"

namespace kifa::cli {
namespace {

config::Node scalar(std::string text) {
  config::Node node;
  node.kind = config::Node::Kind::scalar;
  node.text = std::move(text);
  return node;
}

config::Node quoted(std::string text) {
  config::Node node = scalar(std::move(text));
  node.quoted = true;
  return node;
}

// A mapping with one entry, to be added to.
config::Node mapping(std::string key, config::Node value) {
  config::Node node;
  node.kind = config::Node::Kind::mapping;
  node.entries.push_back({.key = std::move(key), .key_mark = {}, .value = std::move(value)});
  return node;
}

void add(config::Node& node, std::string key, config::Node value) {
  node.entries.push_back({.key = std::move(key), .key_mark = {}, .value = std::move(value)});
}

config::Node sources_from(const DaemonCommand& command, const config::Node& framing) {
  config::Node sources;
  sources.kind = config::Node::Kind::mapping;
  if (command.from_stdin) {
    config::Node input = mapping("type", scalar("stdin"));
    add(input, "framing", framing);
    add(sources, "stdin", std::move(input));
  }
  if (!command.files.empty()) {
    config::Node paths;
    paths.kind = config::Node::Kind::sequence;
    for (const std::string& path : command.files) {
      paths.items.push_back(quoted(path));
    }
    config::Node input = mapping("type", scalar("file"));
    add(input, "include", std::move(paths));
    add(input, "framing", framing);
    add(sources, "file", std::move(input));
  }
  if (!command.tcp_addresses.empty()) {
    config::Node addresses;
    addresses.kind = config::Node::Kind::sequence;
    for (const std::string& address : command.tcp_addresses) {
      addresses.items.push_back(quoted(address));
    }
    config::Node input = mapping("type", scalar("tcp"));
    add(input, "address", std::move(addresses));
    add(input, "framing", framing);
    add(sources, "tcp", std::move(input));
  }
  return sources;
}

// The document that the flags stand for, as a file would hold it:
//
//   version: 1
//   store: { data_dir: DIR, flush_mode: MODE, segment_size_mib: N }
//   pipelines:
//     daemon:
//       sources:
//         stdin: { type: stdin, framing: { type: newline } }
//         file: { type: file, include: [PATH, ...], framing: { type: newline } }
//         tcp: { type: tcp, address: [ADDRESS, ...], framing: { type: newline } }
//       sinks:   { journal: { type: kifa } }
config::Node document_from(const DaemonCommand& command, std::string data_dir) {
  config::Node store = mapping("data_dir", quoted(std::move(data_dir)));
  if (!command.flush_mode.empty()) {
    add(store, "flush_mode", scalar(command.flush_mode));
  }
  if (command.segment_size_mib) {
    add(store, "segment_size_mib", scalar(std::to_string(*command.segment_size_mib)));
  }
  config::Node framing = mapping("type", scalar("newline"));
  if (command.segment_size_mib) {
    // What is longer than the store takes is split.
    store::StoreOptions options;
    options.segment_bytes = *command.segment_size_mib << 20U;
    const std::uint64_t limit = store::record_bytes_limit(options);
    if (limit < limits::kRecordBytesMaxDefault) {
      add(framing, "record_bytes_max", scalar(std::to_string(limit)));
    }
  }
  config::Node pipeline = mapping("sources", sources_from(command, framing));
  add(pipeline, "sinks", mapping("journal", mapping("type", scalar("kifa"))));
  config::Node root = mapping("version", scalar("1"));
  add(root, "store", std::move(store));
  add(root, "pipelines", mapping("daemon", std::move(pipeline)));
  return root;
}

}  // namespace

int run(const DaemonCommand& command) {
  std::error_code failed;
  const std::filesystem::path data_dir = std::filesystem::absolute(command.data_dir, failed);
  if (failed) {
    complain("cannot find the working directory: " + failed.message() +
             "; give --data-dir an absolute path");
    return kExitInputOutput;
  }
  DaemonCommand absolute = command;
  for (std::string& path : absolute.files) {
    path = std::filesystem::absolute(path, failed).lexically_normal().string();
    if (failed) {
      complain("cannot find the working directory: " + failed.message() +
               "; give --file an absolute path");
      return kExitInputOutput;
    }
  }
  LoadResult loaded =
      load_deployment_tree(document_from(absolute, data_dir.string()), command.plugin_paths);
  if (const auto* failure = std::get_if<LoadFailure>(&loaded)) {
    complain_verbatim(failure->text);
    return failure->exit_code;
  }
  return run_deployment(std::get<LoadedDeployment>(loaded), command.run);
}

}  // namespace kifa::cli
