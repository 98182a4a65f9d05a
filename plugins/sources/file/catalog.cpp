#include "plugins/sources/file/catalog.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace kifa::plugins::file_source {

namespace {

// A short file that repeats the beginning of another one may be a copy, or only begin alike. Copies
// are made quickly.
constexpr std::int64_t kCopyPatienceNs = 60'000'000'000;

}  // namespace

// ---- what is kept ----

void Catalog::resume(const sdk::Strided<kifa_checkpoint>& checkpoints) {
  clear();
  const std::int64_t now = host_.now_mono_ns();
  for (const kifa_checkpoint& checkpoint : checkpoints) {
    const std::string_view key = sdk::text_of(checkpoint.key);
    const std::string_view state = sdk::text_of(checkpoint.state);
    if (key == kOwnKey) {
      has_run_before_ = true;
      last_number_ = std::max(last_number_, checkpoint.position);
      has_baseline_ = state.size() == sizeof baseline_ns_;
      if (has_baseline_) {
        std::memcpy(&baseline_ns_, state.data(), sizeof baseline_ns_);
      }
      continue;
    }
    const std::uint64_t number = number_of_key(key);
    Content read;
    if (number == 0 || !decode_state(state, read)) {
      host_.warn("the stored position `" + std::string(key) +
                 "` was written by another version of this source; its file is read anew");
      continue;
    }
    has_run_before_ = true;
    last_number_ = std::max(last_number_, number);
    Content& content = contents_.add(number);
    content = std::move(read);
    content.number = number;
    content.offset = checkpoint.position;
    content.settled_offset = checkpoint.position;
    content.is_stored = true;
    content.active_ns = now;
  }
}

void Catalog::clear() {
  contents_.clear();
  has_run_before_ = false;
  has_changed_ = false;
  has_baseline_ = false;
  baseline_ns_ = 0;
  last_number_ = 0;
  judged_.clear();
  by_base_.clear();
  evicted_.clear();
}

std::string Catalog::own_state() const {
  std::string state(sizeof baseline_ns_, '\0');
  std::memcpy(state.data(), &baseline_ns_, sizeof baseline_ns_);
  return state;
}

Finder::Known Catalog::known() const {
  Finder::Known known;
  std::unordered_map<std::string, bool> seen;
  contents_.for_each([&](const Content& content) {
    if (seen.try_emplace(content.base, true).second) {
      known.bases.push_back(content.base);
    }
    if (!content.is_lost) {
      known.inodes.insert(content.place.inode);
    }
  });
  return known;
}

// ---- one look ----

void Catalog::reconcile(const Finder::Look& look, const Finder& finder) {
  std::unordered_multimap<std::uint64_t, Content*> by_inode;
  contents_.for_each([&](Content& content) {
    content.is_seen = false;
    if (!content.is_lost) {
      by_inode.emplace(content.place.inode, &content);
    }
  });
  std::vector<const Found*> strangers;
  for (const Found& found : look.found) {
    const auto [first, last] = by_inode.equal_range(found.facts.place.inode);
    const auto known = std::find_if(first, last, [&](const auto& entry) {
      return entry.second->place.is_same(found.facts.place);
    });
    if (known != last) {
      claim(*known->second, found);
    } else {
      strangers.push_back(&found);
    }
  }
  note_gone();
  if (!std::exchange(has_baseline_, true)) {
    for (const Found* found : strangers) {
      if (!found->included) {
        baseline_ns_ = std::max(baseline_ns_, found->facts.modified_ns);
      }
    }
    has_changed_ = true;
  }
  is_undecided_ = false;
  if (!strangers.empty()) {
    displace_rewritten();
  }
  index_bases();
  // The rest of a lost content is looked for in the newest files first, new contents begin with the
  // oldest.
  std::vector<Case> cases;
  cases.reserve(strangers.size());
  for (const Found* found : strangers) {
    cases.push_back(case_of(*found, finder));
  }
  std::vector<bool> is_adopted(cases.size());
  for (std::size_t i = cases.size(); i-- > 0;) {
    is_adopted[i] = adopt(cases[i]);
  }
  std::unordered_map<std::uint64_t, Judged> judged;
  const std::uint64_t epoch = epoch_;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::uint64_t inode = cases[i].found.facts.place.inode;
    if (!is_adopted[i]) {
      if (epoch_ == epoch) {
        judge(cases[i], look);
      } else {
        is_undecided_ = true;  // a content was displaced just now: it may be in this file
      }
      if (const auto verdict = judged_.find(inode); verdict != judged_.end()) {
        judged.insert(*verdict);
      }
    }
    cases[i].file.close();
  }
  judged_ = std::move(judged);
  by_base_.clear();
  contents_.set_paths();
}

void Catalog::claim(Content& content, const Found& found) {
  // Of several names the one that it had stays.
  if (!content.is_seen || found.path == content.path) {
    if (content.path != found.path) {
      contents_.set_stale(content);
    }
    content.path = found.path;
  }
  content.is_seen = true;
  content.gone_since_ns = Content::kNever;
  if (found.facts.size != content.offset || found.facts.modified_ns != content.modified_ns) {
    content.modified_ns = found.facts.modified_ns;
    contents_.set_ready(content);
  }
}

void Catalog::note_gone() {
  const std::int64_t now = host_.now_mono_ns();
  contents_.for_each([&](Content& content) {
    if (!content.is_seen && content.gone_since_ns == Content::kNever) {
      content.gone_since_ns = now;
      expect_copies();
    }
  });
}

// A copy is made of what is in a file now. Before anything is taken for one, contents whose files
// have been cut short and written anew give them up.
void Catalog::displace_rewritten() {
  std::vector<Content*> rewritten;
  contents_.for_each([&](Content& content) {
    if (content.is_seen && content.is_ready && content.path == content.base &&
        !content.file.is_gzip() && contents_.open(content) &&
        match(content.file, content.trail.mark(), content.offset) == Match::different) {
      rewritten.push_back(&content);
    }
  });
  for (Content* content : rewritten) {
    displace(*content);
  }
}

void Catalog::index_bases() {
  by_base_.clear();
  contents_.for_each([this](Content& content) { by_base_[content.base].push_back(&content); });
}

Catalog::Case Catalog::case_of(const Found& found, const Finder& finder) const {
  Case one{.found = found,
           .folder = folder_of(found.path),
           .name = name_of(found.path),
           .bases = {},
           .rotated_base = {},
           .file = {},
           .hashed = {}};
  const RotatedNames& names = finder.names_in(one.folder);
  for (const std::string& base : names.alike(one.name)) {
    const std::string path = join(one.folder, base);
    if (std::ranges::find(one.bases, path) == one.bases.end()) {
      one.bases.push_back(path);
    }
  }
  if (const std::string base = names.rotated_from(one.name); !base.empty()) {
    one.rotated_base = join(one.folder, base);
  }
  return one;
}

bool Catalog::open(Case& one) {
  if (one.file.is_open() || one.has_failed) {
    return one.file.is_open();
  }
  if (!one.file.open(one.found.path)) {
    one.has_failed = true;
    if (errno != ENOENT) {
      notices_.tell(Notice::unreadable,
                    one.found.path + " cannot be read: " + std::generic_category().message(errno) +
                        "; it is tried again");
    }
    return false;
  }
  const std::optional<Facts> facts = one.file.facts();
  if (!facts || !facts->place.is_same(one.found.facts.place)) {
    one.file.close();
    one.has_failed = true;
  }
  return one.file.is_open();
}

Match Catalog::match_head(Case& one, const Mark& mark) {
  if (!open(one)) {
    return Match::unknown;
  }
  if (one.head_bytes == -2) {
    one.head_bytes = read_all(one.file, 0, one.head);
  }
  if (one.head_bytes < 0) {
    return Match::unknown;
  }
  if (static_cast<std::uint64_t>(one.head_bytes) < mark.head_bytes) {
    return Match::different;
  }
  if (one.hashed.head_bytes != mark.head_bytes) {
    one.hashed.head_bytes = mark.head_bytes;
    one.hashed.head_hash = Hash::of(sdk::Bytes(one.head).first(mark.head_bytes));
  }
  return one.hashed.head_hash == mark.head_hash ? Match::same : Match::different;
}

// ---- contents that have lost their file ----

bool Catalog::may_be_adopted(const Content& content) const {
  return content.is_lost || (!content.is_seen && !content.file.is_open());
}

// Whether `content` is in this file, too.
bool Catalog::fits_again(Case& one, Content& content) {
  const Mark& mark = content.trail.mark();
  return mark.head_bytes != 0 && match_head(one, mark) == Match::same &&
         match(one.file, mark, content.offset) == Match::same;
}

bool Catalog::adopt(Case& one) {
  const auto judged = judged_.find(one.found.facts.place.inode);
  if (judged != judged_.end() && judged->second.epoch == epoch_ &&
      judged->second.size == one.found.facts.size &&
      judged->second.modified_ns == one.found.facts.modified_ns) {
    return false;
  }
  for (const std::string& base : one.bases) {
    const auto contents = by_base_.find(base);
    if (contents == by_base_.end()) {
      continue;
    }
    for (Content* content : contents->second) {
      if (may_be_adopted(*content) && fits_again(one, *content)) {
        move_to(*content, one);
        return true;
      }
    }
  }
  // A file of the same name is the old one when somebody has written it anew as a whole; a short
  // beginning is no proof of that.
  if (const auto contents = by_base_.find(one.found.path); contents != by_base_.end()) {
    for (Content* content : contents->second) {
      const bool is_gone = !content->is_seen && !content->is_ready;
      if (is_gone && content->trail.mark().head_bytes == kHeadBytes && fits_again(one, *content)) {
        move_to(*content, one);
        return true;
      }
    }
  }
  return false;
}

void Catalog::move_to(Content& content, Case& one) {
  if (host_.logs(KIFA_LOG_DEBUG)) {
    host_.debug("what was in " + content.path + " is now in " + one.found.path);
  }
  content.path = one.found.path;
  content.place = one.found.facts.place;
  content.modified_ns = one.found.facts.modified_ns;
  content.is_lost = false;
  content.is_seen = true;
  content.is_over = false;
  content.is_read_out = false;
  content.gone_since_ns = Content::kNever;
  contents_.take_over(content, std::move(one.file));
  contents_.set_stale(content);
  contents_.set_ready(content);
}

void Catalog::displace(Content& content) {
  host_.debug(content.path + " was cut short or written anew");
  const std::optional<Facts> facts = content.file.facts();
  ContentFile file = contents_.let_go(content);
  const std::string path = content.path;
  contents_.unset_ready(content);
  content.is_lost = true;
  content.is_seen = false;
  contents_.set_stale(content);
  expect_copies();
  if (facts) {
    if (Content* fresh = create(std::string(content.base), path, *facts); fresh != nullptr) {
      contents_.take_over(*fresh, std::move(file));
      contents_.set_ready(*fresh);
    }
  }
  // Only now: where room has to be made for the new one, this one stays.
  content.gone_since_ns = host_.now_mono_ns();
}

// ---- files with nothing known in them ----

void Catalog::judge(Case& one, const Finder::Look& look) {
  const Facts& facts = one.found.facts;
  const std::int64_t now = host_.now_mono_ns();
  Judged& judged = judged_[facts.place.inode];
  const bool is_unchanged = judged.epoch == epoch_ && judged.size == facts.size &&
                            judged.modified_ns == facts.modified_ns;
  const bool is_short_copy = judged.is_copy && facts.size < kHeadBytes;
  const bool is_waited_for = is_short_copy && now - judged.since_ns >= kCopyPatienceNs;
  if (is_unchanged && !is_waited_for) {
    is_undecided_ |= is_short_copy;
    return;
  }
  const std::int64_t since = judged.is_copy ? judged.since_ns : now;
  judged = {facts.size, facts.modified_ns, epoch_, since, false};
  if (!is_wanted(one, look)) {
    return;
  }
  const Verdict verdict = is_waited_for ? Verdict::stranger : compare(one);
  switch (verdict) {
    case Verdict::ours:
      judged_.erase(facts.place.inode);
      break;
    case Verdict::copy:
      judged_[facts.place.inode].is_copy = true;
      is_undecided_ |= facts.size < kHeadBytes;
      break;
    case Verdict::undecided:
      judged_.erase(facts.place.inode);
      is_undecided_ = true;
      break;
    case Verdict::stranger:
      judged_.erase(facts.place.inode);
      create(one);
      break;
  }
}

bool Catalog::is_wanted(const Case& one, const Finder::Look& look) {
  const bool is_rotated = !one.rotated_base.empty() && one.found.facts.modified_ns > baseline_ns_;
  if (is_otherwise_compressed_name(one.name)) {
    if (one.found.included || is_rotated) {
      notices_.tell(Notice::other_compression,
                    one.found.path +
                        " is compressed in a way that is not read; let it be rotated without "
                        "compression, or with gzip");
    }
    return false;
  }
  if (!is_gzip_name(one.name)) {
    return one.found.included || is_rotated;
  }
  // While it is being written, what it is made of is still there.
  const std::string made_of = one.found.path.substr(0, one.found.path.size() - 3);
  return is_rotated && std::ranges::none_of(
                           look.found, [&](const Found& other) { return other.path == made_of; });
}

Catalog::Verdict Catalog::compare(Case& one) {
  if (one.bases.empty()) {
    return Verdict::stranger;
  }
  if (one.found.facts.size == 0) {
    return Verdict::copy;  // of something that is about to be copied, or not; bytes will tell
  }
  for (const std::string& base : one.bases) {
    const auto contents = by_base_.find(base);
    if (contents == by_base_.end()) {
      continue;
    }
    for (Content* content : std::vector<Content*>(contents->second)) {
      const Verdict verdict = compare(one, *content);
      if (verdict != Verdict::stranger) {
        return verdict;
      }
    }
  }
  return Verdict::stranger;
}

// What is in the file of `content` may change while it is compared: it is copied and then cut
// short. So it is looked at again when it differs.
Catalog::Verdict Catalog::compare(Case& one, Content& content) {
  if (!open(one)) {
    return Verdict::undecided;
  }
  const Mark& mark = content.trail.mark();
  const std::uint64_t size = one.found.facts.size;
  const bool may_begin_alike = !one.file.is_gzip() && size < mark.head_bytes;
  if (const Match begins = may_begin_alike ? Match::same : match_head(one, mark);
      begins != Match::same) {
    return begins == Match::unknown ? Verdict::undecided : Verdict::stranger;
  }
  if (content.is_lost || !contents_.open(content)) {
    return Verdict::stranger;  // it was tried by adopt()
  }
  const Match same = match_beginning(one.file, size, content.file);
  if (match(content.file, mark, content.offset) == Match::different) {
    displace(content);
    if (!fits_again(one, content)) {
      return Verdict::undecided;
    }
    move_to(content, one);
    return Verdict::ours;
  }
  if (same == Match::unknown) {
    return Verdict::undecided;
  }
  if (same == Match::same && mark.head_bytes == 0) {
    return Verdict::undecided;  // nothing was read that it would be known by: it may yet be cut off
  }
  return same == Match::same ? Verdict::copy : Verdict::stranger;
}

void Catalog::create(Case& one) {
  const std::string& base = one.found.included ? one.found.path : one.rotated_base;
  Content* content = create(base, one.found.path, one.found.facts);
  if (content == nullptr) {
    return;
  }
  content->is_seen = true;
  if (one.file.is_open()) {
    contents_.take_over(*content, std::move(one.file));
  } else {
    contents_.open(*content);  // so that it can be read when it is deleted; else it is tried later
  }
  contents_.set_ready(*content);
}

Content* Catalog::create(const std::string& base, const std::string& path, const Facts& facts) {
  if (base.size() > Content::kPathBytesMax || path.size() > Content::kPathBytesMax) {
    notices_.tell(Notice::path_too_long, path + " is not read: a path may have " +
                                             std::to_string(Content::kPathBytesMax) +
                                             " bytes; use shorter folder names");
    return nullptr;
  }
  if (contents_.size() >= settings_.files_max && !evict()) {
    is_undecided_ = true;
    notices_.tell(Notice::too_many, path + " is not read yet: there are max_files (" +
                                        std::to_string(settings_.files_max) +
                                        ") files already; raise it, or include fewer");
    return nullptr;
  }
  Content& content = contents_.add(++last_number_);
  has_changed_ = true;
  content.base = base;
  content.path = path;
  content.place = facts.place;
  if (host_.logs(KIFA_LOG_DEBUG)) {
    host_.debug("found " + path + " with " + std::to_string(facts.size) + " bytes");
  }
  content.modified_ns = facts.modified_ns;
  content.active_ns = host_.now_mono_ns();
  by_base_[base].push_back(&content);
  return &content;
}

// Forgets what is gone longest.
bool Catalog::evict() {
  Content* oldest = nullptr;
  contents_.for_each([&](Content& content) {
    const bool is_gone =
        content.gone_since_ns != Content::kNever && content.stream == 0 && !content.file.is_open();
    if (is_gone && (oldest == nullptr || content.gone_since_ns < oldest->gone_since_ns)) {
      oldest = &content;
    }
  });
  if (oldest == nullptr) {
    return false;
  }
  if (oldest->is_stored) {
    evicted_.push_back(oldest->key());
  }
  const auto contents = by_base_.find(oldest->base);
  if (contents != by_base_.end()) {
    std::erase(contents->second, oldest);
  }
  contents_.erase(*oldest);
  return true;
}

}  // namespace kifa::plugins::file_source
