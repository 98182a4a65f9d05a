// How a pipeline is put together from its configuration.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/pipeline.hpp"
#include "core/pipeline/pipeline_source.hpp"
#include "core/pipeline/settings.hpp"
#include "core/plugin/catalog.hpp"
#include "core/plugin/component_settings.hpp"

namespace kifa::pipeline {

Result<std::shared_ptr<Pipeline>> Pipeline::create(const config::PipelineConfig& config,
                                                   const FindComponent& find, const Clock& clock,
                                                   const std::shared_ptr<Log>& log,
                                                   const std::shared_ptr<RunEvents>& events) {
  std::shared_ptr<Pipeline> pipeline(new Pipeline(config, clock, log, events));
  if (!config.filters.empty()) {
    Result<std::unique_ptr<RecordFilter>> filter = RecordFilter::create(config.filters);
    if (!filter) {
      return filter.error().with_context(config.name);
    }
    pipeline->filter_ = std::move(*filter);
  }
  std::uint64_t record_bytes_max = 0;  // the most that any framing lets through
  for (const config::SourceConfig& source : config.sources) {
    record_bytes_max =
        std::max(record_bytes_max, source_options_of(source).framer.record_bytes_max);
  }
  for (const config::SinkConfig& sink : config.sinks) {
    KIFA_TRY(pipeline->add_sink(sink, record_bytes_max, find));
  }
  if (pipeline->sink_ == nullptr) {
    return Status(Code::invalid,
                  fmt::format("pipeline {} has no required sink: one sink must decide what is "
                              "acknowledged",
                              config.name));
  }
  for (const config::SourceConfig& source : config.sources) {
    auto made = pipeline->make_source(source, find);
    if (!made) {
      return made.error();
    }
    pipeline->sources_.push_back(std::move(*made));
  }
  if (pipeline->sources_.empty()) {
    return Status(Code::invalid, fmt::format("pipeline {} has no source", config.name));
  }
  return pipeline;
}

plugin::HostCallbacks Pipeline::callbacks_for(const std::string& instance_name) const {
  plugin::HostCallbacks callbacks;
  callbacks.log = [logger = Logger(log_, instance_name)](std::int32_t level,
                                                         std::string_view message) {
    const int known = std::clamp<int>(level, KIFA_LOG_DEBUG, KIFA_LOG_ERROR);
    logger.write(static_cast<LogLevel>(known), std::string(message));
  };
  callbacks.log_level = static_cast<std::int32_t>(log_->level());
  callbacks.clock = &clock_;
  return callbacks;
}

Result<std::unique_ptr<plugin::Instance>> Pipeline::make_instance(
    const config::ComponentConfig& config, config::ComponentKind kind,
    const std::string& instance_name, const FindComponent& find, plugin::HostCallbacks callbacks) {
  const Result<plugin::Component> component = find(kind, config.type, config.plugin_id);
  if (!component) {
    return component.error();
  }
  KIFA_ASSERT(component->component->kind == plugin::abi_kind(kind));
  Result<std::unique_ptr<plugin::Instance>> instance =
      plugin::Instance::create(*component, instance_name, std::move(callbacks));
  if (!instance) {
    return instance.error();
  }
  const plugin::AbiSettings settings(config.settings);
  KIFA_TRY((*instance)->configure(settings.view()));
  return instance;
}

Status Pipeline::add_sink(const config::SinkConfig& config, std::uint64_t record_bytes_max,
                          const FindComponent& find) {
  const SinkOptions options = sink_options_of(config);
  const std::string instance_name = fmt::format("{}/{}", name_, config.component.name);
  if (options.required && sink_ != nullptr) {
    return {Code::invalid,
            fmt::format("pipeline {} has two required sinks: only one can decide what is "
                        "acknowledged; say `required: false` at the other",
                        name_)};
  }
  std::unique_ptr<TextMaker> text;
  if (config.has_format) {
    Result<std::unique_ptr<plugin::Instance>> formatter =
        make_instance(config.format, config::ComponentKind::formatter, instance_name + "/format",
                      find, callbacks_for(instance_name));
    if (!formatter) {
      return formatter.error();
    }
    text = std::make_unique<TextMaker>(std::move(*formatter));
  }
  auto writer = std::make_unique<SinkWriter>(options, clock_, Logger(log_, instance_name));
  plugin::HostCallbacks callbacks = callbacks_for(instance_name);
  callbacks.record_bytes_max = static_cast<std::uint32_t>(record_bytes_max);
  callbacks.log = [target = writer.get(), log = std::move(callbacks.log)](
                      std::int32_t level, std::string_view message) {
    if (level >= KIFA_LOG_ERROR) {
      target->heard(message);
    }
    log(level, message);
  };
  callbacks.settle = [target = writer.get()](const kifa_receipt* receipts, std::uint32_t count) {
    target->settle(receipts, count);
  };
  Result<std::unique_ptr<plugin::Instance>> sink = make_instance(
      config.component, config::ComponentKind::sink, instance_name, find, std::move(callbacks));
  if (!sink) {
    return sink.error();
  }
  if (((*sink)->component().flags & KIFA_SINK_TEXT) != 0 && text == nullptr) {
    return {Code::invalid,
            fmt::format("{}: this sink writes text and needs a `format:`", instance_name)};
  }
  writer->adopt(std::move(*sink), std::move(text));
  sink_stop_timeout_ns_ = std::max(sink_stop_timeout_ns_, options.stop_timeout_ns);
  if (options.required) {
    sink_ = std::move(writer);
  } else {
    copies_.push_back(std::move(writer));
  }
  return {};
}

Result<std::unique_ptr<Pipeline::Source>> Pipeline::make_source(const config::SourceConfig& config,
                                                                const FindComponent& find) {
  auto source = std::make_unique<Source>();
  SourceParts parts;
  parts.pipeline = name_;
  parts.name = config.component.name;
  parts.origin = fmt::format("{}/{}", name_, config.component.name);
  parts.options = source_options_of(config);
  source->logger = std::make_unique<Logger>(log_, parts.origin);
  plugin::HostCallbacks callbacks = callbacks_for(parts.origin);
  callbacks.record_bytes_max = static_cast<std::uint32_t>(parts.options.framer.record_bytes_max);
  callbacks.batch_records_max = parts.options.batch.records_max;
  if (config.has_framing) {
    Result<std::unique_ptr<plugin::Instance>> framing = make_instance(
        config.framing, config::ComponentKind::framing, parts.origin + "/framing", find, callbacks);
    if (!framing) {
      return framing.error();
    }
    source->framing = std::move(*framing);
  }
  callbacks.wake = [target = source.get()] {
    if (target->engine != nullptr) {
      target->engine->plugin_wake();
    }
  };
  Result<std::unique_ptr<plugin::Instance>> instance = make_instance(
      config.component, config::ComponentKind::source, parts.origin, find, std::move(callbacks));
  if (!instance) {
    return instance.error();
  }
  source->source = std::move(*instance);
  parts.source = source->source.get();
  parts.framing = source->framing.get();
  parts.filter = filter_.get();
  parts.sink = sink_.get();
  for (const std::unique_ptr<SinkWriter>& copy : copies_) {
    parts.copies.push_back(copy.get());
  }
  parts.clock = &clock_;
  parts.waker = source->waker;
  parts.counters = &source->counters;
  parts.log = source->logger.get();
  parts.tried = [this] {
    {
      const MutexLock lock(mutex_);
      --sources_untried_;
    }
    events_->notify();
  };
  sink_->attach(source->waker);
  source->engine = std::make_unique<SourceEngine>(std::move(parts));
  return source;
}

}  // namespace kifa::pipeline
