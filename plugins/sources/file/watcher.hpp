#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>

#include "plugins/sources/shared/descriptor.hpp"

namespace kifa::plugins::file_source {

// Hears from the kernel what happens in folders (inotify). Where the kernel does not tell
// everything, or has no watch left, the folder is one of those to be polled.
//
// Threads: confined.
class Watcher final {
 public:
  // What happened to a name in a folder, or to a folder as a whole (name empty).
  struct Event {
    const std::string& folder;
    std::string name;
    bool is_content = false;  // it was written to, cut short, or its rights changed
    bool is_folder = false;   // the name is that of a folder
  };

  // Without inotify (its limits are reached) every folder is to be polled; `problem` says why.
  void open();
  void close();

  // Watches exactly these folders from now on. The kernel tells of what happens after that.
  void watch(const std::set<std::string>& folders);
  // True when a folder, or everything, has to be looked through by time.
  [[nodiscard]] bool must_poll() const { return unwatched_count_ != 0; }
  // A sentence about why, once.
  [[nodiscard]] std::string take_problem() { return std::exchange(problem_, {}); }

  // Everything that has happened. False: events were lost, look at everything.
  bool take(const std::function<void(const Event&)>& visit);
  [[nodiscard]] int fd() const { return descriptor_.get(); }

 private:
  bool add(const std::string& folder);
  void tell(const std::string& what, int sys_errno);

  Descriptor descriptor_;
  std::unordered_map<int, std::string> folders_;
  std::unordered_map<std::string, int> watches_;
  std::size_t unwatched_count_ = 0;
  std::string problem_;
  bool has_told_ = false;
};

}  // namespace kifa::plugins::file_source
