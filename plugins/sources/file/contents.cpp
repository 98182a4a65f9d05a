#include "plugins/sources/file/contents.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kifa::plugins::file_source {

namespace {

bool is_deleted(const Content& content) {
  const std::optional<Facts> facts = content.file.facts();
  return facts && facts->links == 0;
}

}  // namespace

Content& Contents::add(std::uint64_t number) {
  std::unique_ptr<Content>& content = all_[number];
  content = std::make_unique<Content>();
  content->number = number;
  return *content;
}

void Contents::erase(Content& content) {
  close(content);
  unset_ready(content);
  set_stream(content, 0);
  if (const auto path = by_path_.find(content.path);
      path != by_path_.end() && path->second == &content) {
    by_path_.erase(path);
  }
  all_.erase(content.number);
}

void Contents::clear() {
  by_path_.clear();
  by_stream_.clear();
  open_.clear();
  ready_.clear();
  stale_.clear();
  all_.clear();
}

Content* Contents::find_path(const std::string& path) {
  const auto found = by_path_.find(path);
  return found == by_path_.end() ? nullptr : found->second;
}

void Contents::set_paths() {
  by_path_.clear();
  for (const auto& [number, content] : all_) {
    if (content->is_seen) {
      by_path_[content->path] = content.get();
    }
  }
}

Content* Contents::find_stream(std::uint64_t stream) {
  const auto found = by_stream_.find(stream);
  return found == by_stream_.end() ? nullptr : found->second;
}

void Contents::set_stream(Content& content, std::uint64_t stream) {
  by_stream_.erase(content.stream);
  content.stream = stream;
  if (stream != 0) {
    by_stream_[stream] = &content;
  }
}

void Contents::make_room() {
  constexpr std::size_t kTriesMax = 64;
  auto victim = open_.begin();
  std::size_t tries = 0;
  for (auto at = open_.begin(); at != open_.end() && tries < kTriesMax; ++at, ++tries) {
    if (!(*at)->is_ready && !is_deleted(**at)) {
      victim = at;
      break;
    }
    if (is_deleted(**victim)) {
      victim = at;
    }
  }
  if (victim != open_.end()) {
    close(**victim);
  }
}

bool Contents::open(Content& content) {
  if (content.file.is_open()) {
    used(content);
    return true;
  }
  while (open_.size() >= open_max_) {
    make_room();
  }
  if (!content.file.open(content.path)) {
    if ((errno != EMFILE && errno != ENFILE) || open_.empty()) {
      return false;
    }
    make_room();
    if (!content.file.open(content.path)) {
      return false;
    }
  }
  const std::optional<Facts> facts = content.file.facts();
  if (!facts || !facts->is_regular || !facts->place.is_same(content.place)) {
    content.file.close();
    errno = ESTALE;
    return false;
  }
  content.opened = open_.insert(open_.end(), &content);
  return true;
}

void Contents::take_over(Content& content, ContentFile file) {
  close(content);
  if (file.is_open()) {
    while (open_.size() >= open_max_) {
      make_room();
    }
    content.file = std::move(file);
    content.opened = open_.insert(open_.end(), &content);
  }
}

ContentFile Contents::let_go(Content& content) {
  if (content.file.is_open()) {
    open_.erase(content.opened);
  }
  return std::exchange(content.file, {});
}

void Contents::close(Content& content) { let_go(content).close(); }

void Contents::set_ready(Content& content) {
  if (content.is_read_out || content.is_lost || content.is_given_up || content.is_over) {
    return;
  }
  unset_ready(content);
  content.is_ready = true;
  content.ready_ns = content.modified_ns;
  ready_.emplace(content.ready_ns, content.number, &content);
}

void Contents::unset_ready(Content& content) {
  if (std::exchange(content.is_ready, false)) {
    ready_.erase({content.ready_ns, content.number, &content});
  }
}

void Contents::set_all_ready() {
  for (const auto& [number, content] : all_) {
    if (content->is_seen || content->file.is_open()) {
      set_ready(*content);
    }
  }
}

void Contents::set_stale(Content& content) {
  if (!std::exchange(content.is_stale, true)) {
    stale_.push_back(content.number);
  }
}

std::vector<Content*> Contents::take_stale() {
  std::vector<Content*> taken;
  for (const std::uint64_t number : std::exchange(stale_, {})) {
    const auto found = all_.find(number);
    if (found != all_.end() && std::exchange(found->second->is_stale, false)) {
      taken.push_back(found->second.get());
    }
  }
  return taken;
}

}  // namespace kifa::plugins::file_source
