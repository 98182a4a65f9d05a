#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <string>

#include "plugins/sources/file/catalog.hpp"
#include "plugins/sources/file/contents.hpp"
#include "plugins/sources/file/settings.hpp"
#include "plugins/sources/file/streams.hpp"

namespace kifa::plugins::file_source {

// What time does to contents: quiet files are closed, what cannot be found any more is given up,
// and forgotten at last.
//
// Threads: confined.
// Errors:  what the emitter said, when it was not OK.
class Upkeep final {
 public:
  Upkeep(sdk::Host host, const FileSettings& settings, Contents& contents, Catalog& catalog,
         Streams& streams)
      : host_(host),
        settings_(settings),
        contents_(contents),
        catalog_(catalog),
        streams_(streams) {}

  // Everything once. Due every interval_ns().
  kifa_status run(sdk::Emitter out);
  [[nodiscard]] std::int64_t interval_ns() const;

  // Gives up what was cut short, and of which no copy was found for a while. `next_ns`: when that
  // is to be looked at again.
  kifa_status end_lost(sdk::Emitter out, std::int64_t& next_ns);

 private:
  kifa_status close(Content& content, sdk::Emitter out);
  kifa_status give_up(Content& content, const std::string& why, sdk::Emitter out);
  kifa_status forget(Content& content, sdk::Emitter out);

  sdk::Host host_;
  const FileSettings& settings_;
  Contents& contents_;
  Catalog& catalog_;
  Streams& streams_;
};

}  // namespace kifa::plugins::file_source
