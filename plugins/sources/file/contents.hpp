#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "plugins/sources/file/content.hpp"

namespace kifa::plugins::file_source {

// All contents of a source, those of them that are open, and those that may have more to read.
//
// Threads: confined.
// Limits:  `open_max` open files: whoever was read longest ago is closed for the next one, but a
//          deleted file only when there is no other, for it could not be opened again.
class Contents final {
 public:
  void set_open_max(std::size_t most) { open_max_ = most; }

  Content& add(std::uint64_t number);
  void erase(Content& content);
  void clear();
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] std::size_t open_count() const { return open_.size(); }
  // In order of discovery. `visit` must not add or erase.
  void for_each(const std::function<void(Content&)>& visit) {
    for (const auto& [number, content] : all_) {
      visit(*content);
    }
  }

  // By where a file was seen last.
  [[nodiscard]] Content* find_path(const std::string& path);
  void set_paths();
  [[nodiscard]] Content* find_stream(std::uint64_t stream);
  void set_stream(Content& content, std::uint64_t stream);

  // Opens its file. False: errno says why; ESTALE: another file is in its place.
  bool open(Content& content);
  void take_over(Content& content, ContentFile file);
  // Its open file, which it has no more.
  ContentFile let_go(Content& content);
  void close(Content& content);

  // May have more to read; oldest first.
  void set_ready(Content& content);
  void unset_ready(Content& content);
  [[nodiscard]] Content* first_ready() const {
    return ready_.empty() ? nullptr : std::get<Content*>(*ready_.begin());
  }
  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }
  void set_all_ready();

  // What the host is to be told of. take_stale() gives each once.
  void set_stale(Content& content);
  [[nodiscard]] std::vector<Content*> take_stale();

 private:
  void make_room();
  void used(Content& content) { open_.splice(open_.end(), open_, content.opened); }

  std::size_t open_max_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Content>> all_;
  std::unordered_map<std::string, Content*> by_path_;
  std::unordered_map<std::uint64_t, Content*> by_stream_;
  std::list<Content*> open_;  // read longest ago first
  std::set<std::tuple<std::int64_t, std::uint64_t, Content*>> ready_;
  std::vector<std::uint64_t> stale_;  // by number: some may be gone
};

}  // namespace kifa::plugins::file_source
