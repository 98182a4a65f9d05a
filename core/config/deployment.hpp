#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/config/document.hpp"
#include "core/config/options.hpp"

namespace kifa::config {

enum class ComponentKind : std::uint8_t { source, framing, sink, formatter };
[[nodiscard]] std::string_view to_string(ComponentKind kind);

// What a configuration may know about a component type: implemented by the plugin registry, faked
// in tests.
struct ComponentFacts {
  std::vector<OptionSpec> options;
  bool takes_framing = false;      // source: emits bytes
  bool can_reply = false;          // source
  bool answers = false;            // framing: it hears what became of its records
  bool takes_format = false;       // sink: gets text through a formatter
  bool keeps_checkpoints = false;  // sink
};
class ComponentCatalog {
 public:
  ComponentCatalog() = default;
  ComponentCatalog(const ComponentCatalog&) = delete;
  ComponentCatalog& operator=(const ComponentCatalog&) = delete;
  virtual ~ComponentCatalog() = default;
  // `plugin_id` is empty unless the YAML names one (`plugin: com.acme.x`). The failure is one
  // sentence that says which types there are or why the plugin was refused.
  virtual Result<ComponentFacts> facts(ComponentKind kind, std::string_view type,
                                       std::string_view plugin_id) = 0;
  [[nodiscard]] virtual std::vector<std::string> types(
      ComponentKind kind) = 0;  // for "did you mean"
};

// A component as configured: type and settings, already checked against its declaration.
struct ComponentConfig {
  std::string name;  // key in the YAML; framing and format: "framing", "format"
  std::string type;
  std::string plugin_id;  // empty: any
  std::vector<Setting> settings;
  Mark mark;
};

// A source with its framing. A source of bytes without `framing:` gets newline with its defaults; a
// source of whole records has none.
struct SourceConfig {
  ComponentConfig component;
  bool has_framing = false;
  ComponentConfig framing;
  std::vector<Setting> framing_host;  // record_bytes_max, oversize ... (framing_host_options())
  std::vector<Setting> host;  // linger, intake, batch_records_max ... (source_host_options())
};
// A sink with its formatter. A sink that takes text and has no `format:` gets the formatter text.
struct SinkConfig {
  ComponentConfig component;
  bool has_format = false;
  ComponentConfig format;
  bool required = true;
  std::vector<Setting> host;  // queue, stop_timeout ... (sink_host_options())
};
// A record passes when it matches `keep` (if given) and does not match `drop` (if given).
struct FilterConfig {
  std::string keep;  // regular expressions (RE2), not compiled here; empty: not given
  std::string drop;
  Mark mark;
};
struct PipelineConfig {
  std::string name;
  std::vector<SourceConfig> sources;
  std::vector<FilterConfig> filters;  // `transforms: [ { filter: { drop: '^DEBUG' } } ]`, in order
  std::vector<SinkConfig> sinks;      // exactly one required
  Mark mark;
};
// One YAML file. `store:` holds defaults for every sink of type kifa; they are bound into those
// sinks' settings.
struct Deployment {
  std::string file;
  std::vector<std::string> plugin_paths;  // `plugins: { path: [...] }`, absolute
  std::vector<PipelineConfig> pipelines;
};

// Options that the host itself gives to every source, framing and sink: one declaration for checks,
// help and schema. They stand beside the component's own options; a component's option of the same
// name is hidden by them. Each has a default, so each is always in the `host` settings.
[[nodiscard]] const std::vector<OptionSpec>& source_host_options();
[[nodiscard]] const std::vector<OptionSpec>& framing_host_options();
[[nodiscard]] const std::vector<OptionSpec>& sink_host_options();

// Their names, for those who read them (find_setting in options.hpp).
namespace host_option {
// source
inline constexpr std::string_view kLinger = "linger";                      // duration
inline constexpr std::string_view kIntake = "intake";                      // size
inline constexpr std::string_view kBatchRecordsMax = "batch_records_max";  // integer
inline constexpr std::string_view kBatchBytesMax = "batch_bytes_max";      // size
inline constexpr std::string_view kRetryMin = "retry_min";                 // duration
inline constexpr std::string_view kRetryMax = "retry_max";                 // duration
inline constexpr std::string_view kAck = "ack";             // "none", "line", "byte", "template"
inline constexpr std::string_view kAckByte = "ack_byte";    // integer
inline constexpr std::string_view kNakByte = "nak_byte";    // integer
inline constexpr std::string_view kAckOk = "ack_ok";        // string
inline constexpr std::string_view kAckError = "ack_error";  // string
// framing
inline constexpr std::string_view kRecordBytesMax = "record_bytes_max";  // size
inline constexpr std::string_view kOversize = "oversize";         // "split", "truncate", "reject"
inline constexpr std::string_view kIdleTimeout = "idle_timeout";  // duration; 0: off
// sink
inline constexpr std::string_view kRequired = "required";  // boolean; also SinkConfig.required
inline constexpr std::string_view kQueue = "queue";        // size
inline constexpr std::string_view kQueueRecords = "queue_records";  // integer; 0: off
inline constexpr std::string_view kStopTimeout = "stop_timeout";    // duration
}  // namespace host_option

// The plugin search path of a parsed file, needed before the catalog exists. Wrong entries become
// diagnostics.
[[nodiscard]] std::vector<std::string> plugin_paths_of(const Node& root, Diagnostics& diagnostics);

// Checks the whole document against the components' declarations; opens, creates and connects to
// nothing. When diagnostics has no errors afterwards the deployment is complete.
[[nodiscard]] Deployment bind_deployment(const Node& root, ComponentCatalog& catalog,
                                         Diagnostics& diagnostics);

// Puts the contents of their files into secret settings that are written as `file:PATH` (without
// the line end at the end). To be called by who is about to run a deployment, not to check one: a
// secret may exist only on the machine that runs it. Failures become diagnostics.
void read_secrets(Deployment& deployment, Diagnostics& diagnostics);

// Reads a file for parse_yaml. Failures (missing, a directory, too big, not readable) are one
// sentence with the remedy.
[[nodiscard]] Result<std::string> read_config_file(const std::string& path);

}  // namespace kifa::config
