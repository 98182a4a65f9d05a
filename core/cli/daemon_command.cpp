#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

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

// A source that has several of something: addresses, patterns.
config::Node source_of_many(const char* type, std::string option,
                            const std::vector<std::string>& values, config::Node framing) {
  config::Node list;
  list.kind = config::Node::Kind::sequence;
  for (const std::string& value : values) {
    list.items.push_back(quoted(value));
  }
  config::Node input = mapping("type", scalar(type));
  add(input, std::move(option), std::move(list));
  add(input, "framing", std::move(framing));
  return input;
}

// A rate stands behind the last comma; what is no number belongs to the path.
config::Node serial_source_from(const std::string& device, const config::Node& framing) {
  std::string path = device;
  std::string baud;
  if (const std::size_t comma = device.rfind(',');
      comma != std::string::npos && comma + 1 < device.size() &&
      device.find_first_not_of("0123456789", comma + 1) == std::string::npos) {
    path = device.substr(0, comma);
    baud = device.substr(comma + 1);
  }
  config::Node input = mapping("type", scalar("serial"));
  add(input, "device", quoted(std::move(path)));
  if (!baud.empty()) {
    add(input, "baud", scalar(std::move(baud)));
  }
  add(input, "framing", framing);
  return input;
}

// `lines` and `whole` cut a stream into lines, and nothing.
config::Node sources_from(const DaemonCommand& command, const config::Node& lines,
                          const config::Node& whole) {
  config::Node sources;
  sources.kind = config::Node::Kind::mapping;
  if (command.from_stdin) {
    config::Node input = mapping("type", scalar("stdin"));
    add(input, "framing", lines);
    add(sources, "stdin", std::move(input));
  }
  if (!command.files.empty()) {
    add(sources, "file", source_of_many("file", "include", command.files, lines));
  }
  if (!command.tcp_addresses.empty()) {
    add(sources, "tcp", source_of_many("tcp", "address", command.tcp_addresses, lines));
  }
  if (!command.udp_addresses.empty()) {
    add(sources, "udp", source_of_many("udp", "address", command.udp_addresses, whole));
  }
  for (std::size_t i = 0; i < command.serial_devices.size(); ++i) {
    // serial, serial-2, serial-3
    add(sources, i == 0 ? "serial" : "serial-" + std::to_string(i + 1),
        serial_source_from(command.serial_devices[i], lines));
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
//         udp: { type: udp, address: [ADDRESS, ...], framing: { type: none } }
//         serial: { type: serial, device: DEVICE, baud: BAUD, framing: { type: newline } }
//       sinks:   { journal: { type: kifa } }
config::Node document_from(const DaemonCommand& command, std::string data_dir) {
  config::Node store = mapping("data_dir", quoted(std::move(data_dir)));
  if (!command.flush_mode.empty()) {
    add(store, "flush_mode", scalar(command.flush_mode));
  }
  if (command.segment_size_mib) {
    add(store, "segment_size_mib", scalar(std::to_string(*command.segment_size_mib)));
  }
  config::Node lines = mapping("type", scalar("newline"));
  config::Node whole = mapping("type", scalar("none"));
  if (command.segment_size_mib) {
    // What is longer than the store takes is split.
    store::StoreOptions options;
    options.segment_bytes = *command.segment_size_mib << 20U;
    const std::uint64_t limit = store::record_bytes_limit(options);
    if (limit < limits::kRecordBytesMaxDefault) {
      add(lines, "record_bytes_max", scalar(std::to_string(limit)));
      add(whole, "record_bytes_max", scalar(std::to_string(limit)));
    }
  }
  config::Node pipeline = mapping("sources", sources_from(command, lines, whole));
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
