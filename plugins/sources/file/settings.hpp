#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/sources/file/pattern.hpp"

namespace kifa::plugins::file_source {

inline constexpr double kDayNs = 86'400e9;

inline constexpr auto kOptions = sdk::options(
    sdk::option::list("include",
                      "Files to read, by whole path: /var/log/pos/*.log, /srv/tills/**/journal; * "
                      "and ? inside a name, ** for any folders.")
        .required(),
    sdk::option::list("exclude",
                      "Files to leave out of these: by whole path, or by name alone (*.tmp)."),
    sdk::option::choice("read_from",
                        "Where to begin in files that are there when this source runs for the very "
                        "first time; later ones are read from their beginning.",
                        "beginning|end")
        .by_default("beginning"),
    sdk::option::choice("discovery",
                        "How changes are noticed: the kernel tells (auto; folders on network file "
                        "systems are looked through all the same), or everything is looked through "
                        "every poll_interval.",
                        "auto|poll")
        .by_default("auto"),
    sdk::option::duration("poll_interval",
                          "How often files are looked at where the kernel does not tell.")
        .by_default("1s")
        .range(10e6, 3600e9),
    sdk::option::duration("close_after",
                          "Time without new bytes after which a file is closed; it is opened again "
                          "when it grows. One that was deleted is given up then.")
        .by_default("5m")
        .range(10e6, kDayNs),
    sdk::option::duration("forget_after",
                          "How long a position is kept after its file cannot be found any more, "
                          "neither under another name nor as a copy.")
        .by_default("1d")
        .range(10e6, 365 * kDayNs),
    sdk::option::integer("max_files",
                         "Files whose positions are kept, at most; beyond it those that are gone "
                         "longest are forgotten, then new files wait.")
        .by_default("8192")
        .unit("files")
        .range(1, 16'384),
    sdk::option::integer("max_open_files", "Files that are open at a time, at most.")
        .by_default("256")
        .unit("files")
        .range(1, 32'768),
    sdk::option::boolean("offset_attribute",
                         "Give each record the attribute `offset`: where in its file it begins.")
        .by_default("false"));

struct FileSettings {
  std::vector<Pattern> include;
  std::vector<Pattern> exclude;            // by whole path
  std::vector<std::string> exclude_names;  // by name
  bool from_end = false;
  bool polls = false;
  std::int64_t poll_interval_ns = 0;
  std::int64_t close_after_ns = 0;
  std::int64_t forget_after_ns = 0;
  std::size_t files_max = 0;
  std::size_t open_files_max = 0;
  bool offset_attribute = false;

  [[nodiscard]] bool excludes(const std::string& path) const;
  [[nodiscard]] bool includes(const std::string& path) const;
};

// What the options say; patterns are read here, so that a wrong one is told before anything is
// opened.
//
// Errors:  INVALID, one sentence that begins with the option.
sdk::Status read_settings(const sdk::Settings& settings, FileSettings& read);

}  // namespace kifa::plugins::file_source
