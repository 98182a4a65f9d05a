#include "core/plugin/descriptor.hpp"

#include <fmt/format.h>
#include <kifa/sdk/option_text.hpp>

#include <cstddef>
#include <set>
#include <utility>

namespace kifa::plugin {
namespace {

// The structs' sizes in ABI 1.0, whatever is appended later: what every plugin has at least. Each
// ends with the field that was its last one then.
template <class T>
constexpr std::size_t kSizeIn10 = 0;
template <>
constexpr std::size_t kSizeIn10<kifa_plugin> =
    offsetof(kifa_plugin, component_stride) + sizeof(kifa_plugin::component_stride);
template <>
constexpr std::size_t kSizeIn10<kifa_component> =
    offsetof(kifa_component, operations) + sizeof(kifa_component::operations);
template <>
constexpr std::size_t kSizeIn10<kifa_option> =
    offsetof(kifa_option, max) + sizeof(kifa_option::max);
template <>
constexpr std::size_t kSizeIn10<kifa_lifecycle> =
    offsetof(kifa_lifecycle, destroy) + sizeof(kifa_lifecycle::destroy);
template <>
constexpr std::size_t kSizeIn10<kifa_source> =
    offsetof(kifa_source, release) + sizeof(kifa_source::release);
template <>
constexpr std::size_t kSizeIn10<kifa_framing> =
    offsetof(kifa_framing, durable) + sizeof(kifa_framing::durable);
template <>
constexpr std::size_t kSizeIn10<kifa_sink> =
    offsetof(kifa_sink, load_checkpoints) + sizeof(kifa_sink::load_checkpoints);
template <>
constexpr std::size_t kSizeIn10<kifa_formatter> =
    offsetof(kifa_formatter, end) + sizeof(kifa_formatter::end);

constexpr std::string_view kRemedy = "ask the vendor for a corrected plugin";

Status broken(std::string_view subject, std::string_view rule) {
  return {Code::unsupported, fmt::format("{}: {}; {}", subject, rule, kRemedy)};
}

bool is_blank(const char* text) { return text == nullptr || *text == '\0'; }

std::string too_short(std::string_view what, std::uint64_t size, std::size_t needed) {
  return fmt::format("{} is {} bytes, plugin ABI {}.0 has {}", what, size, KIFA_ABI_MAJOR, needed);
}

// Pieces of an array whose elements may be longer than ours.
template <class T>
const T& element(const T* first, std::uint32_t stride, std::uint32_t index) {
  const auto* bytes = reinterpret_cast<const char*>(first);
  return *reinterpret_cast<const T*>(bytes + std::size_t{stride} * index);
}

template <class T>
Status check_array(std::string_view subject, std::string_view name, const T* first,
                   std::uint32_t count, std::uint32_t stride, std::uint32_t count_max) {
  if (count > count_max) {
    return broken(subject, fmt::format("{}_count is {}, the most is {}", name, count, count_max));
  }
  if (count == 0) {
    return {};
  }
  if (first == nullptr) {
    return broken(subject, fmt::format("{}s is null", name));
  }
  if (stride < kSizeIn10<T> || stride % alignof(T) != 0) {
    return broken(
        subject, fmt::format("{0}_stride is {1}, a {0} has {2} bytes", name, stride, kSizeIn10<T>));
  }
  return {};
}

Status check_version(const kifa_plugin& plugin) {
  const std::string subject = fmt::format("{} {}", plugin.id, plugin.version);
  if (plugin.abi_major != KIFA_ABI_MAJOR) {
    return {Code::unsupported,
            fmt::format("{} says plugin ABI {} in its descriptor and {} in its file; {}", subject,
                        plugin.abi_major, KIFA_ABI_MAJOR, kRemedy)};
  }
  if (plugin.abi_minor_required > KIFA_ABI_MINOR) {
    return {Code::unsupported,
            fmt::format("{} needs plugin ABI {}.{} or newer, this kifa provides {}.{}; upgrade "
                        "kifa or use an older release of the plugin",
                        subject, KIFA_ABI_MAJOR, plugin.abi_minor_required, KIFA_ABI_MAJOR,
                        KIFA_ABI_MINOR)};
  }
  return {};
}

// One function pointer of a table that must be there.
struct Mandatory {
  const char* name;
  bool is_there;
};

template <std::size_t N>
Status check_functions(std::string_view subject, const Mandatory (&functions)[N]) {
  for (const Mandatory& function : functions) {
    if (!function.is_there) {
      return broken(subject, fmt::format("the function {} is missing", function.name));
    }
  }
  return {};
}

template <class Table>
Status check_table(std::string_view subject, std::string_view name, const Table* table) {
  if (table == nullptr) {
    return broken(subject, fmt::format("{} is null", name));
  }
  if (table->struct_size < kSizeIn10<Table>) {
    return broken(subject, too_short(name, table->struct_size, kSizeIn10<Table>));
  }
  return {};
}

Status check_lifecycle(std::string_view subject, const kifa_lifecycle* table) {
  KIFA_TRY(check_table(subject, "lifecycle", table));
  return check_functions(subject, {{"create", table->create != nullptr},
                                   {"configure", table->configure != nullptr},
                                   {"start", table->start != nullptr},
                                   {"stop", table->stop != nullptr},
                                   {"destroy", table->destroy != nullptr}});
}

Status check_operations(std::string_view subject, const kifa_component& component) {
  const void* operations = component.operations;
  switch (component.kind) {
    case KIFA_KIND_SOURCE: {
      const auto* table = static_cast<const kifa_source*>(operations);
      KIFA_TRY(check_table(subject, "operations", table));
      if ((component.flags & (KIFA_SOURCE_BYTES | KIFA_SOURCE_RECORDS)) == 0) {
        return broken(subject, "flags name neither KIFA_SOURCE_BYTES nor KIFA_SOURCE_RECORDS");
      }
      const bool replies = (component.flags & KIFA_SOURCE_REPLIES) != 0;
      return check_functions(subject, {{"poll", table->poll != nullptr},
                                       {"descriptors", table->descriptors != nullptr},
                                       {"reply", !replies || table->reply != nullptr}});
    }
    case KIFA_KIND_FRAMING: {
      const auto* table = static_cast<const kifa_framing*>(operations);
      KIFA_TRY(check_table(subject, "operations", table));
      return check_functions(subject, {{"open", table->open != nullptr},
                                       {"close", table->close != nullptr},
                                       {"feed", table->feed != nullptr}});
    }
    case KIFA_KIND_SINK: {
      const auto* table = static_cast<const kifa_sink*>(operations);
      KIFA_TRY(check_table(subject, "operations", table));
      const bool keeps = (component.flags & KIFA_SINK_CHECKPOINTS) != 0;
      return check_functions(subject,
                             {{"write", table->write != nullptr},
                              {"flush", table->flush != nullptr},
                              {"load_checkpoints", !keeps || table->load_checkpoints != nullptr}});
    }
    default: {
      const auto* table = static_cast<const kifa_formatter*>(operations);
      KIFA_TRY(check_table(subject, "operations", table));
      return check_functions(subject, {{"format", table->format != nullptr}});
    }
  }
}

Status check_options(std::string_view subject, const kifa_component& component) {
  KIFA_TRY(check_array(subject, "option", component.options, component.option_count,
                       component.option_stride, kOptionsMax));
  std::set<std::string_view> names;
  for (std::uint32_t i = 0; i < component.option_count; ++i) {
    const kifa_option& option = element(component.options, component.option_stride, i);
    const std::string name = is_blank(option.name) ? fmt::format("option {}", i + 1)
                                                   : fmt::format("option '{}'", option.name);
    if (option.struct_size < kSizeIn10<kifa_option>) {
      return broken(subject, too_short(name, option.struct_size, kSizeIn10<kifa_option>));
    }
    if (const char* fault = sdk::option_fault(option); fault != nullptr) {
      return broken(subject, fmt::format("{}: {}", name, fault));
    }
    if (!names.insert(option.name).second) {
      return broken(subject, fmt::format("{} is declared twice", name));
    }
  }
  return {};
}

Status check_component(std::string_view plugin, const kifa_component& component,
                       std::uint32_t index) {
  const std::string number = fmt::format("{}: component {}", plugin, index + 1);
  if (component.struct_size < kSizeIn10<kifa_component>) {
    return broken(plugin, too_short(fmt::format("component {}", index + 1), component.struct_size,
                                    kSizeIn10<kifa_component>));
  }
  if (is_blank(component.type) || !sdk::is_snake_case(component.type)) {
    return broken(number, "type: must be snake_case");
  }
  const std::string subject =
      fmt::format("{}: {} '{}'", plugin, kind_name(component.kind), component.type);
  if (is_blank(component.summary)) {
    return broken(subject, "summary: must be a sentence");
  }
  KIFA_TRY(check_lifecycle(subject, component.lifecycle));
  KIFA_TRY(check_operations(subject, component));
  return check_options(subject, component);
}

Status check_identity(const kifa_plugin* plugin) {
  if (plugin == nullptr) {
    return {Code::unsupported, fmt::format("kifa_plugin_v1() gave no descriptor; {}", kRemedy)};
  }
  if (plugin->magic != KIFA_PLUGIN_MAGIC) {
    return {Code::unsupported,
            fmt::format("its descriptor does not begin as one (magic is {:#010x}, expected "
                        "{:#010x}); {}",
                        plugin->magic, KIFA_PLUGIN_MAGIC, kRemedy)};
  }
  if (plugin->struct_size < kSizeIn10<kifa_plugin>) {
    return {Code::unsupported,
            fmt::format("{}; {}",
                        too_short("its descriptor", plugin->struct_size, kSizeIn10<kifa_plugin>),
                        kRemedy)};
  }
  if (is_blank(plugin->id) || is_blank(plugin->version)) {
    return {Code::unsupported, fmt::format("its descriptor has no {}; {}",
                                           is_blank(plugin->id) ? "id" : "version", kRemedy)};
  }
  return {};
}

}  // namespace

bool has_identity(const kifa_plugin* plugin) { return check_identity(plugin).is_ok(); }

const kifa_component& component_at(const kifa_plugin& plugin, std::uint32_t index) {
  return element(plugin.components, plugin.component_stride, index);
}

bool is_known_kind(std::uint32_t kind) {
  return kind >= KIFA_KIND_SOURCE && kind <= KIFA_KIND_FORMATTER;
}

std::string kind_name(std::uint32_t kind) {
  switch (kind) {
    case KIFA_KIND_SOURCE:
      return "source";
    case KIFA_KIND_FRAMING:
      return "framing";
    case KIFA_KIND_SINK:
      return "sink";
    case KIFA_KIND_FORMATTER:
      return "formatter";
    default:
      return fmt::format("component of kind {}", kind);
  }
}

Status check_descriptor(const kifa_plugin* plugin) {
  KIFA_TRY(check_identity(plugin));
  const std::string subject = fmt::format("{} {}", plugin->id, plugin->version);
  KIFA_TRY(check_version(*plugin));
  if (plugin->component_count == 0) {
    return broken(subject, "it has no components");
  }
  KIFA_TRY(check_array(subject, "component", plugin->components, plugin->component_count,
                       plugin->component_stride, kComponentsMax));
  std::set<std::pair<std::uint32_t, std::string_view>> types;
  for (std::uint32_t i = 0; i < plugin->component_count; ++i) {
    const kifa_component& component = component_at(*plugin, i);
    if (component.struct_size >= kSizeIn10<kifa_component> && !is_known_kind(component.kind)) {
      // A newer plugin may have more kinds; what this host does not know it cannot use.
      if (plugin->abi_minor > KIFA_ABI_MINOR) {
        continue;
      }
      return broken(subject,
                    fmt::format("component {}: kind {} is unknown", i + 1, component.kind));
    }
    KIFA_TRY(check_component(subject, component, i));
    if (!types.emplace(component.kind, component.type).second) {
      return broken(subject, fmt::format("two components are a {} of type '{}'",
                                         kind_name(component.kind), component.type));
    }
  }
  return {};
}

}  // namespace kifa::plugin
