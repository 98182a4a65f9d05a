#pragma once

#include <kifa/sdk.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/sources/file/contents.hpp"
#include "plugins/sources/file/finder.hpp"
#include "plugins/sources/file/settings.hpp"
#include "plugins/sources/shared/notices.hpp"

namespace kifa::plugins::file_source {

// What is told at most once a minute.
enum class Notice : std::uint8_t {
  unreadable,
  not_a_file,
  other_compression,
  path_too_long,
  too_many,
  damaged,
  count
};
using FileNotices = Notices<Notice>;

// Knows which content is in which file.
//
// A content is known again by the file it is in; when that is gone or has another content, by its
// bytes, in files that are named like a rotated one or a copy of it, compressed ones too. A file
// with nothing known in it is a new content if it is included, or if it looks like a rotated one of
// an included file and was written after this source ran for the first time. A file that only
// repeats the beginning of a known one is a copy (also one that is being made) and is not read.
//
// Threads: confined.
// Limits:  `max_files` contents.
class Catalog final {
 public:
  Catalog(sdk::Host host, const FileSettings& settings, Contents& contents, FileNotices& notices)
      : host_(host), settings_(settings), contents_(contents), notices_(notices) {}

  // What the store knows. False: this source has never run before.
  void resume(const sdk::Strided<kifa_checkpoint>& checkpoints);
  void clear();

  // The checkpoint of the source itself: how many contents there were, and since when rotated files
  // are its own.
  static constexpr std::string_view kOwnKey = "source";
  [[nodiscard]] bool has_run_before() const { return has_run_before_; }
  [[nodiscard]] std::uint64_t last_number() const { return last_number_; }
  [[nodiscard]] std::string own_state() const;
  // True once after last_number() or own_state() changed.
  [[nodiscard]] bool take_change() { return std::exchange(has_changed_, false); }

  [[nodiscard]] Finder::Known known() const;
  // Brings the contents into agreement with what was found.
  void reconcile(const Finder::Look& look, const Finder& finder);
  // The file of `content` has another content now: a new one, which takes the file over.
  void displace(Content& content);
  // A content has lost its file since the last look: known files are looked at again as copies.
  void expect_copies() { ++epoch_; }

  // Something was not decided and may be later without a change of the file: look again by time.
  [[nodiscard]] bool is_undecided() const { return is_undecided_; }
  // Keys to be forgotten, to make room.
  [[nodiscard]] std::vector<std::string>& evicted() { return evicted_; }

 private:
  // What was made of a file that belongs to no content.
  struct Judged {
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    std::uint64_t epoch = 0;
    std::int64_t since_ns = 0;
    bool is_copy = false;
  };
  // One file in one look.
  struct Case {
    const Found& found;
    std::string folder, name;
    std::vector<std::string> bases;  // paths that it may be a rotated one or a copy of
    std::string rotated_base;        // path; empty: it does not look like a rotated one
    ContentFile file;
    bool has_failed = false;
    // Its first bytes, and the hash of as many of them as were asked for last: it is compared with
    // every content of its bases.
    std::array<std::uint8_t, kHeadBytes> head{};
    std::ptrdiff_t head_bytes = -2;  // -1: cannot be read, -2: was not read yet
    Mark hashed;
  };
  enum class Verdict : std::uint8_t { ours, copy, stranger, undecided };

  void claim(Content& content, const Found& found);
  void note_gone();
  void displace_rewritten();
  void index_bases();
  Case case_of(const Found& found, const Finder& finder) const;
  bool open(Case& one);
  Match match_head(Case& one, const Mark& mark);
  bool adopt(Case& one);
  bool fits_again(Case& one, Content& content);
  void move_to(Content& content, Case& one);
  void judge(Case& one, const Finder::Look& look);
  bool is_wanted(const Case& one, const Finder::Look& look);
  Verdict compare(Case& one);
  Verdict compare(Case& one, Content& content);
  void create(Case& one);
  Content* create(const std::string& base, const std::string& path, const Facts& facts);
  bool evict();
  [[nodiscard]] bool may_be_adopted(const Content& content) const;

  sdk::Host host_;
  const FileSettings& settings_;
  Contents& contents_;
  FileNotices& notices_;

  bool has_run_before_ = false;
  bool has_changed_ = false;
  std::uint64_t last_number_ = 0;
  std::int64_t baseline_ns_ = 0;  // rotated files that were written until then are not ours
  bool has_baseline_ = false;

  std::uint64_t epoch_ = 1;
  bool is_undecided_ = false;
  std::unordered_map<std::uint64_t, Judged> judged_;                // by inode number
  std::unordered_map<std::string, std::vector<Content*>> by_base_;  // during reconcile()
  std::vector<std::string> evicted_;
};

}  // namespace kifa::plugins::file_source
