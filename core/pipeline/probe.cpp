#include "core/pipeline/probe.hpp"

#include <fmt/format.h>

#include <kifa/plugin.h>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/plugin/catalog.hpp"
#include "core/plugin/component_settings.hpp"
#include "core/plugin/instance.hpp"

namespace kifa::pipeline {
namespace {

constexpr std::int64_t kStopTimeoutNs = 1'000'000'000;

Status probe(const config::ComponentConfig& config, const std::string& origin,
             plugin::Registry& registry) {
  const auto component =
      registry.find(plugin::abi_kind(config::ComponentKind::source), config.type, config.plugin_id);
  if (!component) {
    return component.status();
  }
  // A source that waits until its device is there starts all the same, and warns.
  std::string warning;
  plugin::HostCallbacks callbacks;
  callbacks.log = [&warning](std::int32_t level, std::string_view message) {
    if (level >= KIFA_LOG_WARN && warning.empty()) {
      warning = message;
    }
  };
  auto instance = plugin::Instance::create(*component, origin, std::move(callbacks));
  if (!instance) {
    return instance.status();
  }
  // Who runs may have written its addresses there.
  std::vector<config::Setting> wanted = config.settings;
  std::erase_if(
      wanted, [](const config::Setting& setting) { return setting.name == "listen_address_file"; });
  const plugin::AbiSettings settings(std::move(wanted));
  KIFA_TRY((*instance)->configure(settings.view()));
  if (const kifa_source& calls = *(*instance)->source(); calls.resume != nullptr) {
    kifa_error error = plugin::empty_error();
    const kifa_status status =
        calls.resume((*instance)->raw(), nullptr, 0, sizeof(kifa_checkpoint), &error);
    KIFA_TRY(plugin::status_from(status, error, origin));
  }
  const Status started = (*instance)->start();
  // In any state: what a failed start has opened is closed too.
  ignore((*instance)->stop(SystemClock().now_mono_ns() + kStopTimeoutNs), "it never ran");
  if (started && !warning.empty()) {
    return {Code::unavailable, fmt::format("{} ({}): {}", origin, config.type, warning)};
  }
  return started;
}

}  // namespace

std::vector<Status> probe_sources(const config::Deployment& deployment,
                                  plugin::Registry& registry) {
  std::vector<Status> probes;
  for (const config::PipelineConfig& pipeline : deployment.pipelines) {
    for (const config::SourceConfig& source : pipeline.sources) {
      probes.push_back(probe(source.component,
                             fmt::format("{}/{}", pipeline.name, source.component.name), registry));
    }
  }
  return probes;
}

}  // namespace kifa::pipeline
