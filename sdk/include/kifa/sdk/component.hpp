#pragma once

#include <kifa/sdk/formatter.hpp>
#include <kifa/sdk/framing.hpp>
#include <kifa/sdk/host.hpp>
#include <kifa/sdk/option_text.hpp>
#include <kifa/sdk/options.hpp>
#include <kifa/sdk/sink.hpp>
#include <kifa/sdk/source.hpp>
#include <kifa/sdk/status.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace kifa::sdk {
inline namespace v1 {
namespace detail {

template <class T>
[[nodiscard]] T& self(kifa_instance* instance) noexcept {
  return *static_cast<T*>(static_cast<void*>(instance));
}

// For calls that cannot fail: what they throw is logged.
template <class T, class Call>
void logged(const T& component, std::string_view where, Call&& call) noexcept {
  try {
    std::forward<Call>(call)();
  } catch (const std::exception& exception) {
    try {
      component.host().error(std::string(where) + " failed: " + exception.what());
    } catch (...) {
      component.host().error("a call failed and there is no memory to say why");
    }
  } catch (...) {
    component.host().error("a call failed with an exception of unknown type");
  }
}

template <class T>
struct Lifecycle {
  static kifa_instance* create(const kifa_host* host, kifa_error* error) noexcept {
    T* made = nullptr;
    const kifa_status status = guarded(error, [&] {
      made = new T(Host(host));
      return Status();
    });
    static_cast<void>(status);  // null says it
    return static_cast<kifa_instance*>(static_cast<void*>(made));
  }
  static kifa_status configure(kifa_instance* instance, const kifa_setting* settings,
                               std::uint32_t count, std::uint32_t stride,
                               kifa_error* error) noexcept {
    return guarded(error,
                   [&] { return self<T>(instance).configure(Settings(settings, count, stride)); });
  }
  static kifa_status start(kifa_instance* instance, kifa_error* error) noexcept {
    return guarded(error, [&] { return self<T>(instance).start(); });
  }
  static kifa_status stop(kifa_instance* instance, std::int64_t deadline_mono_ns,
                          kifa_error* error) noexcept {
    return guarded(error, [&] { return self<T>(instance).stop(deadline_mono_ns); });
  }
  static void destroy(kifa_instance* instance) noexcept { delete &self<T>(instance); }

  static constexpr kifa_lifecycle kTable{
      sizeof(kifa_lifecycle), 0, &create, &configure, &start, &stop, &destroy};
};

// True unless T takes the member as it stands in Base: optional functions that a component does not
// have are null in its table, and the host knows.
#define KIFA_SDK_OVERRIDES(T, Base, member)                                  \
  ([]() consteval {                                                          \
    if constexpr (requires { &T::member; }) {                                \
      return !std::is_same_v<decltype(&T::member), decltype(&Base::member)>; \
    } else {                                                                 \
      return true;                                                           \
    }                                                                        \
  }())

template <class T>
struct SourceTable {
  static kifa_status resume(kifa_instance* instance, const kifa_checkpoint* checkpoints,
                            std::uint32_t count, std::uint32_t stride, kifa_error* error) noexcept {
    return guarded(error, [&] { return base(instance).resume({checkpoints, count, stride}); });
  }
  static kifa_status poll(kifa_instance* instance, const kifa_emitter* out,
                          std::int64_t deadline_mono_ns, kifa_error* error) noexcept {
    return guarded(error, [&] { return base(instance).poll(Emitter(out), deadline_mono_ns); });
  }
  static std::uint32_t descriptors(kifa_instance* instance, kifa_fd* first,
                                   std::uint32_t capacity) noexcept {
    Descriptors out(first, capacity);
    logged(base(instance), "descriptors()", [&] { base(instance).descriptors(out); });
    return out.count();
  }
  static void acknowledge(kifa_instance* instance, std::uint64_t stream, std::uint64_t position,
                          kifa_status status) noexcept {
    logged(base(instance), "acknowledge()",
           [&] { base(instance).acknowledge(stream, position, status); });
  }
  static kifa_status reply(kifa_instance* instance, std::uint64_t stream, kifa_bytes bytes,
                           kifa_error* error) noexcept {
    return guarded(error, [&] { return base(instance).reply(stream, bytes_of(bytes)); });
  }
  static void release(kifa_instance* instance, std::uint64_t stream) noexcept {
    logged(base(instance), "release()", [&] { base(instance).release(stream); });
  }
  static Source& base(kifa_instance* instance) noexcept { return self<T>(instance); }

  static constexpr bool kReplies = KIFA_SDK_OVERRIDES(T, Source, reply);
  static constexpr kifa_source kTable{
      sizeof(kifa_source),
      0,
      KIFA_SDK_OVERRIDES(T, Source, resume) ? &resume : nullptr,
      &poll,
      &descriptors,
      KIFA_SDK_OVERRIDES(T, Source, acknowledge) ? &acknowledge : nullptr,
      kReplies ? &reply : nullptr,
      KIFA_SDK_OVERRIDES(T, Source, release) ? &release : nullptr};
};

template <class T>
struct FramingTable {
  using StreamState = typename T::Stream;

  static StreamState& state_of(kifa_framing_state* state) noexcept {
    return *static_cast<StreamState*>(static_cast<void*>(state));
  }
  static kifa_status open(kifa_instance* instance, const kifa_stream* stream,
                          kifa_framing_state** state, kifa_error* error) noexcept {
    return guarded(error, [&] {
      void* made = new StreamState(self<T>(instance), *stream);
      *state = static_cast<kifa_framing_state*>(made);
      return Status();
    });
  }
  static void close(kifa_instance* /*instance*/, kifa_framing_state* state) noexcept {
    delete &state_of(state);
  }
  static kifa_status feed(kifa_instance* /*instance*/, kifa_framing_state* state,
                          const kifa_framing_out* out, kifa_bytes view, std::size_t fresh,
                          std::uint32_t flags, kifa_error* error) noexcept {
    return guarded(error, [&] {
      return state_of(state).feed(View{bytes_of(view), fresh, (flags & KIFA_FEED_TICK) != 0,
                                       (flags & KIFA_FEED_END) != 0, (flags & KIFA_FEED_TAIL) != 0},
                                  FramingOut(out));
    });
  }
  static void durable(kifa_instance* instance, kifa_framing_state* state,
                      const kifa_framing_out* out, const kifa_outcome* outcomes,
                      std::uint32_t count) noexcept {
    if constexpr (HearsDurable<StreamState>) {
      logged(self<T>(instance), "durable()", [&] {
        state_of(state).durable(FramingOut(out), std::span<const kifa_outcome>(outcomes, count));
      });
    }
  }

  static constexpr kifa_framing kTable{sizeof(kifa_framing),
                                       0,
                                       &open,
                                       &close,
                                       &feed,
                                       HearsDurable<StreamState> ? &durable : nullptr};
};

template <class T>
struct SinkTable {
  static kifa_status write(kifa_instance* instance, const kifa_batch* const* batches,
                           std::uint32_t count, std::uint32_t* taken, kifa_error* error) noexcept {
    *taken = 0;
    return guarded(error, [&] { return base(instance).write(Batches(batches, count), *taken); });
  }
  static kifa_status flush(kifa_instance* instance, std::int64_t deadline_mono_ns,
                           kifa_error* error) noexcept {
    return guarded(error, [&] { return base(instance).flush(deadline_mono_ns); });
  }
  static kifa_status load_checkpoints(kifa_instance* instance, kifa_str origin,
                                      const kifa_checkpoint_out* out, kifa_error* error) noexcept {
    return guarded(error, [&] {
      return base(instance).load_checkpoints(text_of(origin), CheckpointOut(out));
    });
  }
  static kifa_status shift_mode(kifa_instance* instance, std::int32_t step, std::uint64_t request,
                                kifa_error* error) noexcept {
    return guarded(error, [&] { return base(instance).shift_mode(step, request); });
  }
  static Sink& base(kifa_instance* instance) noexcept { return self<T>(instance); }

  static constexpr bool kShifts = KIFA_SDK_OVERRIDES(T, Sink, shift_mode);
  static constexpr bool kLoads = KIFA_SDK_OVERRIDES(T, Sink, load_checkpoints);
  static constexpr kifa_sink kTable{sizeof(kifa_sink),
                                    0,
                                    &write,
                                    &flush,
                                    kLoads ? &load_checkpoints : nullptr,
                                    kShifts ? &shift_mode : nullptr};
};

template <class T>
struct FormatterTable {
  static kifa_status begin(kifa_instance* instance, const kifa_writer* out,
                           kifa_error* error) noexcept {
    return guarded(error, [&] { return base(instance).begin(Writer(out)); });
  }
  static kifa_status format(kifa_instance* instance, const kifa_record* records,
                            std::uint32_t count, std::uint32_t stride, const kifa_writer* out,
                            kifa_error* error) noexcept {
    return guarded(
        error, [&] { return base(instance).format(Records(records, count, stride), Writer(out)); });
  }
  static kifa_status end(kifa_instance* instance, const kifa_writer* out,
                         kifa_error* error) noexcept {
    return guarded(error, [&] { return base(instance).end(Writer(out)); });
  }
  static Formatter& base(kifa_instance* instance) noexcept { return self<T>(instance); }

  static constexpr kifa_formatter kTable{
      sizeof(kifa_formatter), 0, KIFA_SDK_OVERRIDES(T, Formatter, begin) ? &begin : nullptr,
      &format, KIFA_SDK_OVERRIDES(T, Formatter, end) ? &end : nullptr};
};

#undef KIFA_SDK_OVERRIDES

template <class T, class Base>
concept ComponentOf = std::derived_from<T, Base> && std::constructible_from<T, Host>;

template <class T>
[[nodiscard]] consteval kifa_component component(std::uint32_t kind, const char* type,
                                                 const char* summary,
                                                 std::span<const kifa_option> options,
                                                 std::uint32_t flags, const void* operations) {
  if (!is_snake_case(type)) {
    throw "type: must be snake_case";
  }
  if (std::string_view(summary).empty()) {
    throw "summary: must be a sentence";
  }
  return {sizeof(kifa_component),
          kind,
          type,
          summary,
          flags,
          0,
          options.data(),
          static_cast<std::uint32_t>(options.size()),
          sizeof(kifa_option),
          &Lifecycle<T>::kTable,
          operations};
}

}  // namespace detail

// The descriptors of components. `type` is what the YAML says, `summary` one sentence, `options`
// what options(...) made.

// flags: KIFA_SOURCE_BYTES or KIFA_SOURCE_RECORDS, KIFA_SOURCE_REPLIES when T overrides reply(),
// and KIFA_SOURCE_LIVE when what is not read in time is lost.
template <detail::ComponentOf<Source> T>
[[nodiscard]] consteval kifa_component source(const char* type, const char* summary,
                                              std::span<const kifa_option> options = {},
                                              std::uint32_t flags = KIFA_SOURCE_BYTES) {
  if ((flags & (KIFA_SOURCE_BYTES | KIFA_SOURCE_RECORDS)) == 0) {
    throw "flags: a source emits bytes or records";
  }
  if (((flags & KIFA_SOURCE_REPLIES) != 0) != detail::SourceTable<T>::kReplies) {
    throw "flags: KIFA_SOURCE_REPLIES and an overridden reply() belong together";
  }
  return detail::component<T>(KIFA_KIND_SOURCE, type, summary, options, flags,
                              &detail::SourceTable<T>::kTable);
}

template <detail::ComponentOf<Framing> T>
  requires detail::FramingWithStream<T>
[[nodiscard]] consteval kifa_component framing(const char* type, const char* summary,
                                               std::span<const kifa_option> options = {}) {
  return detail::component<T>(KIFA_KIND_FRAMING, type, summary, options, 0,
                              &detail::FramingTable<T>::kTable);
}

// flags: KIFA_SINK_TEXT, KIFA_SINK_CHECKPOINTS (when T overrides load_checkpoints()).
template <detail::ComponentOf<Sink> T>
[[nodiscard]] consteval kifa_component sink(const char* type, const char* summary,
                                            std::span<const kifa_option> options = {},
                                            std::uint32_t flags = 0) {
  if (((flags & KIFA_SINK_CHECKPOINTS) != 0) != detail::SinkTable<T>::kLoads) {
    throw "flags: KIFA_SINK_CHECKPOINTS and an overridden load_checkpoints() belong together";
  }
  return detail::component<T>(KIFA_KIND_SINK, type, summary, options, flags,
                              &detail::SinkTable<T>::kTable);
}

template <detail::ComponentOf<Formatter> T>
[[nodiscard]] consteval kifa_component formatter(const char* type, const char* summary,
                                                 std::span<const kifa_option> options = {}) {
  return detail::component<T>(KIFA_KIND_FORMATTER, type, summary, options, 0,
                              &detail::FormatterTable<T>::kTable);
}

// Who made the plugin.
struct Identity {
  const char* id;       // reverse DNS: "com.acme.fiscal-printer"
  const char* version;  // of the plugin: "1.2.0"
  const char* vendor;
  const char* url;
  const char* license;                   // SPDX: "MIT"
  std::uint16_t abi_minor_required = 0;  // the oldest host that it can run on
};

[[nodiscard]] consteval kifa_plugin plugin(const Identity& identity,
                                           std::span<const kifa_component> components) {
  if (std::string_view(identity.id).find('.') == std::string_view::npos) {
    throw "id: must be a reverse domain name, for example com.acme.fiscal-printer";
  }
  if (std::string_view(identity.version).empty()) {
    throw "version: must be given, for example 1.2.0";
  }
  if (components.empty()) {
    throw "components: a plugin has at least one";
  }
  return {sizeof(kifa_plugin),
          KIFA_PLUGIN_MAGIC,
          KIFA_ABI_MAJOR,
          KIFA_ABI_MINOR,
          identity.abi_minor_required,
          0,
          identity.id,
          identity.version,
          identity.vendor,
          identity.url,
          identity.license,
          components.data(),
          static_cast<std::uint32_t>(components.size()),
          sizeof(kifa_component)};
}

}  // namespace v1
}  // namespace kifa::sdk
