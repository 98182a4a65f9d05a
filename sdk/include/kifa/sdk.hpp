// The C++20 side of the plugin ABI: write a class, describe it, compile one file.
//
// A complete plugin: a framing that ends a record at every semicolon.
//
//   #include <kifa/sdk.hpp>
//
//   #include <cstring>
//
//   using namespace kifa::sdk;
//
//   class Semicolon final : public Framing {
//    public:
//     using Framing::Framing;
//
//     Status configure(const Settings& settings) override {
//       skip_empty_ = settings.boolean("skip_empty");
//       return {};
//     }
//
//     // What belongs to one stream; one is made for every stream that the source opens.
//     class Stream {
//      public:
//       Stream(Semicolon& framing, const kifa_stream& /*stream*/) : framing_(framing) {}
//
//       Status feed(View view, FramingOut out) {
//         std::size_t used = 0;            // end of the last record in this view
//         std::size_t search = view.fresh; // what lies before was searched already
//         while (search < view.bytes.size()) {
//           const void* hit =
//               std::memchr(view.bytes.data() + search, ';', view.bytes.size() - search);
//           if (hit == nullptr) {
//             break;
//           }
//           const auto at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) -
//                                                    view.bytes.data());
//           if (at == used && framing_.skip_empty_) {
//             out.skip(at + 1, KIFA_GAP_DELIMITER);
//           } else {
//             out.record(view.bytes.subspan(used, at - used), at + 1);
//           }
//           used = search = at + 1;
//         }
//         if (view.end && used < view.bytes.size()) {
//           out.record(view.bytes.subspan(used), view.bytes.size(), KIFA_RECORD_PARTIAL);
//         }
//         return {};
//       }
//
//      private:
//       Semicolon& framing_;
//     };
//
//    private:
//     bool skip_empty_ = false;
//   };
//
//   constexpr auto kOptions = options(
//       option::boolean("skip_empty", "Drop records without a byte.").by_default("false"));
//   constexpr kifa_component kComponents[] = {
//       framing<Semicolon>("semicolon", "Ends a record at every semicolon.", kOptions)};
//   constexpr kifa_plugin kPlugin =
//       plugin({"com.example.semicolon", "1.0.0", "Example Ltd", "https://example.com", "MIT"},
//              kComponents);
//   KIFA_PLUGIN(kPlugin);
//
// and its CMakeLists.txt:
//
//   find_package(kifa-sdk REQUIRED)
//   kifa_add_plugin(semicolon SOURCES semicolon.cpp)
//   install(TARGETS kifa_plugin_semicolon DESTINATION lib/kifa/plugins)
//
// Sources derive from Source, sinks from Sink, formatters from Formatter: their headers say what
// each call promises. Whatever a component throws is caught before it reaches the host and becomes
// a failure (std::bad_alloc: KIFA_NO_MEMORY; Failure: its status; others: KIFA_INTERNAL).
#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk/component.hpp>
#include <kifa/sdk/formatter.hpp>
#include <kifa/sdk/framing.hpp>
#include <kifa/sdk/host.hpp>
#include <kifa/sdk/option_text.hpp>
#include <kifa/sdk/options.hpp>
#include <kifa/sdk/settings.hpp>
#include <kifa/sdk/sink.hpp>
#include <kifa/sdk/source.hpp>
#include <kifa/sdk/status.hpp>

// Once a library, at file scope: exports the plugin. With -DKIFA_BUILTIN_ENTRY=name the same source
// becomes a built-in that is entered through name().
#ifdef KIFA_BUILTIN_ENTRY
#define KIFA_PLUGIN(descriptor)                                                         \
  extern "C" const kifa_plugin* KIFA_BUILTIN_ENTRY() noexcept;                          \
  extern "C" const kifa_plugin* KIFA_BUILTIN_ENTRY() noexcept { return &(descriptor); } \
  static_assert(true)
#else
#define KIFA_PLUGIN(descriptor)                                             \
  KIFA_PLUGIN_MARKER;                                                       \
  extern "C" KIFA_EXPORT const kifa_plugin* kifa_plugin_v1(void) noexcept { \
    return &(descriptor);                                                   \
  }                                                                         \
  static_assert(true)
#endif
