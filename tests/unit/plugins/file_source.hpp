#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <kifa/testing/fake_emitter.hpp>
#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

extern "C" const kifa_plugin* kifa_builtin_file() noexcept;

namespace kifa::plugins::testing {

// A folder with files in it, written and rotated as programs do it.
//
// Threads: confined.
class Folder final {
 public:
  [[nodiscard]] std::string path(const std::string& name) const { return directory_.file(name); }

  void append(const std::string& name, const std::string& text) const {
    const int fd = ::open(path(name).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(fd);
  }
  void rename(const std::string& from, const std::string& to) const {
    REQUIRE(::rename(path(from).c_str(), path(to).c_str()) == 0);
  }
  void remove(const std::string& name) const { REQUIRE(::unlink(path(name).c_str()) == 0); }
  void truncate(const std::string& name) const { REQUIRE(::truncate(path(name).c_str(), 0) == 0); }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::string text;
    const int fd = ::open(path(name).c_str(), O_RDONLY | O_CLOEXEC);
    char piece[4096];
    for (ssize_t got = 0; (got = ::read(fd, piece, sizeof piece)) > 0;) {
      text.append(piece, static_cast<std::size_t>(got));
    }
    ::close(fd);
    return text;
  }
  void copy(const std::string& from, const std::string& to) const { append(to, read(from)); }
  // As gzip does it: the compressed file has the time of the original, which is then removed.
  void gzip(const std::string& name) const {
    struct stat facts{};
    REQUIRE(::stat(path(name).c_str(), &facts) == 0);
    const std::string text = read(name);
    gzFile file = ::gzopen(path(name + ".gz").c_str(), "wb");
    REQUIRE(::gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
            static_cast<int>(text.size()));
    REQUIRE(::gzclose(file) == Z_OK);
    set_time(name + ".gz", facts.st_mtim);
    remove(name);
  }
  // Seconds after a time long ago.
  void set_age(const std::string& name, std::int64_t seconds) const {
    set_time(name, {.tv_sec = 1'700'000'000 + seconds, .tv_nsec = 0});
  }

 private:
  void set_time(const std::string& name, timespec time) const {
    const timespec times[2] = {time, time};
    REQUIRE(::utimensat(AT_FDCWD, path(name).c_str(), times, 0) == 0);
  }
  test::TemporaryDirectory directory_;
};

// The source with real files in a host of memory, which cuts lines and stores each with the
// position of its stream, as the real one does. It lives on when the source is started anew.
//
// Threads: confined.
class FileSource final {
 public:
  using Texts = kifa::testing::TestInstance::Texts;

  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() = default;
  explicit FileSource(Texts texts = {}) : texts_(std::move(texts)) {
    texts_.try_emplace("include", folder.path("app.log"));
    table_ = *out.raw();
    table_.ctx = this;
    table_.open = &on_open;
    table_.chunk = &on_chunk;
    table_.gap = &on_gap;
    table_.checkpoint = &on_checkpoint;
    table_.wake_at = &on_wake_at;
  }

  kifa_status configure() {
    instance_.emplace(*kifa_builtin_file(), host);
    return instance_->configure(texts_);
  }
  // A new process that knows what is stored.
  void start() {
    crash();
    const kifa_status configured = configure();
    INFO(message());
    REQUIRE(configured == KIFA_OK);
    std::vector<kifa_checkpoint> known;
    for (const auto& [key, kept] : stored) {
      known.push_back({sizeof(kifa_checkpoint), 0, sdk::to_abi(key), kept.position,
                       sdk::to_abi(sdk::bytes_of(std::string_view(kept.state)))});
    }
    REQUIRE(instance_->source().resume(instance_->raw(), known.data(),
                                       static_cast<std::uint32_t>(known.size()),
                                       sizeof(kifa_checkpoint), instance_->error()) == KIFA_OK);
    REQUIRE(instance_->start() == KIFA_OK);
  }
  // What is not stored is forgotten.
  void crash() {
    instance_.reset();
    streams_.clear();
    out.streams.clear();
  }
  void set(const std::string& option, const std::string& text) { texts_[option] = text; }
  kifa_status stop() { return instance_->stop(); }

  // One poll with room for `room` bytes.
  kifa_status poll_once(std::uint64_t room = 1U << 20U, bool draining = false) {
    out.set_capacity(room);
    wake_at_ns.reset();
    table_.room = room;
    table_.flags = draining ? static_cast<std::uint32_t>(KIFA_EMIT_DRAIN) : 0;
    instance_->reset_error();
    const kifa_status status =
        instance_->source().poll(instance_->raw(), &table_, INT64_MAX, instance_->error());
    INFO(message());
    REQUIRE(status >= 0);
    REQUIRE(out.faults == std::vector<std::string>());
    if (settles_) {
      settle();
    }
    return status;
  }
  // Until there is nothing more to do.
  void poll() {
    for (int polls = 0; poll_once() != KIFA_AGAIN; ++polls) {
      REQUIRE(polls < 100'000);
    }
  }
  void poll_after(std::int64_t ns) {
    host.advance_ns(ns);
    poll();
  }
  // What happens between polls: everything given so far is durable.
  void settle() {
    for (auto& [number, stream] : streams_) {
      instance_->source().acknowledge(instance_->raw(), number, stream.position, KIFA_OK);
    }
  }
  void settle_never() { settles_ = false; }
  void release(std::uint64_t stream) {
    instance_->source().release(instance_->raw(), stream);
    streams_.erase(stream);
  }
  std::size_t descriptors() {
    std::vector<kifa_fd> fds(8);
    return instance_->source().descriptors(instance_->raw(), fds.data(), 8);
  }
  [[nodiscard]] std::string message() { return instance_ ? instance_->message() : ""; }
  [[nodiscard]] std::size_t logged(const std::string& words) const {
    return static_cast<std::size_t>(std::ranges::count_if(host.logs(), [&](const auto& line) {
      return line.message.find(words) != std::string::npos;
    }));
  }
  // Lines since the last call.
  std::vector<std::string> take() { return std::exchange(lines, {}); }

  struct Kept {
    std::uint64_t position = 0;
    std::string state;
  };
  Folder folder;
  kifa::testing::FakeHost host;
  kifa::testing::FakeEmitter out{1U << 20U};
  std::vector<std::string> lines;      // in the order in which they came
  std::vector<std::string> partials;   // what was left at the end of a stream
  std::map<std::string, Kept> stored;  // by key
  std::optional<std::int64_t> wake_at_ns;

 private:
  struct Stream {
    std::string key, state, unfinished;
    std::uint64_t position = 0;  // behind the last line
  };
  static FileSource& of(const kifa_emitter* emitter) {
    return *static_cast<FileSource*>(emitter->ctx);
  }
  void store(const Stream& stream) { stored[stream.key] = {stream.position, stream.state}; }

  static kifa_status on_open(const kifa_emitter* emitter, const kifa_stream* opened) noexcept {
    FileSource& self = of(emitter);
    const kifa_status status = self.out.raw()->open(self.out.raw(), opened);
    if (status == KIFA_OK) {
      const auto [at, is_new] = self.streams_.try_emplace(opened->stream);
      if (is_new) {
        at->second.position = opened->position;
      }
      at->second.key = sdk::text_of(opened->key);
      at->second.state = sdk::text_of(opened->state);
      self.store(at->second);
    }
    return status;
  }
  static kifa_status on_chunk(const kifa_emitter* emitter, const kifa_chunk* chunk) noexcept {
    FileSource& self = of(emitter);
    const kifa_status status = self.out.raw()->chunk(self.out.raw(), chunk);
    self.table_.room = self.out.raw()->room;
    if (status != KIFA_OK) {
      return status;
    }
    Stream& stream = self.streams_[chunk->stream];
    if (chunk->position != stream.position + stream.unfinished.size()) {
      self.out.faults.emplace_back("a chunk that does not go on where the last one ended");
    }
    stream.unfinished += sdk::text_of(chunk->data);
    for (std::size_t end = 0; (end = stream.unfinished.find('\n')) != std::string::npos;) {
      self.lines.push_back(stream.unfinished.substr(0, end));
      stream.unfinished.erase(0, end + 1);
      stream.position += end + 1;
    }
    if ((chunk->flags & KIFA_CHUNK_END) != 0 && !stream.unfinished.empty()) {
      self.partials.push_back(stream.unfinished);
      stream.position += stream.unfinished.size();
      stream.unfinished.clear();
    }
    self.store(stream);
    return status;
  }
  static kifa_status on_gap(const kifa_emitter* emitter, const kifa_gap* gap) noexcept {
    return of(emitter).out.raw()->gap(of(emitter).out.raw(), gap);
  }
  static kifa_status on_checkpoint(const kifa_emitter* emitter,
                                   const kifa_checkpoint* checkpoint) noexcept {
    FileSource& self = of(emitter);
    const kifa_status status = self.out.raw()->checkpoint(self.out.raw(), checkpoint);
    const std::string key(sdk::text_of(checkpoint->key));
    if (status == KIFA_OK && (checkpoint->flags & KIFA_CHECKPOINT_FORGET) != 0) {
      self.stored.erase(key);
    } else if (status == KIFA_OK) {
      self.stored[key] = {checkpoint->position, std::string(sdk::text_of(checkpoint->state))};
    }
    return status;
  }
  static void on_wake_at(const kifa_emitter* emitter, std::int64_t at) noexcept {
    std::optional<std::int64_t>& wake = of(emitter).wake_at_ns;
    wake = std::min(wake.value_or(at), at);
  }

  Texts texts_;
  kifa_emitter table_{};
  std::optional<kifa::testing::TestInstance> instance_;
  std::map<std::uint64_t, Stream> streams_;
  bool settles_ = true;
};

using Lines = std::vector<std::string>;

// "first 1", "first 2" ... as many lines as asked for.
[[nodiscard]] inline std::string numbered(const std::string& word, int first, int last) {
  std::string text;
  for (int number = first; number <= last; ++number) {
    text += word + " " + std::to_string(number) + "\n";
  }
  return text;
}
[[nodiscard]] inline Lines numbered_lines(const std::string& word, int first, int last) {
  Lines lines;
  for (int number = first; number <= last; ++number) {
    lines.push_back(word + " " + std::to_string(number));
  }
  return lines;
}

}  // namespace kifa::plugins::testing
