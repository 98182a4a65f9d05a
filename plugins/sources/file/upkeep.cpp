#include "plugins/sources/file/upkeep.hpp"

#include <algorithm>
#include <vector>

namespace kifa::plugins::file_source {

namespace {

// Everything is looked at this often even if the kernel tells of changes: it does not of writes
// into mapped memory, nor of files that were moved elsewhere.
constexpr std::int64_t kIntervalMaxNs = 60'000'000'000;
// How long the rest of a content is looked for after its file was cut short: a copy was made before
// that, but a look that runs while files are renamed may miss it.
constexpr std::int64_t kLostPatienceNs = 1'000'000'000;

}  // namespace

std::int64_t Upkeep::interval_ns() const {
  return std::min({kIntervalMaxNs, settings_.close_after_ns, settings_.forget_after_ns});
}

kifa_status Upkeep::run(sdk::Emitter out) {
  const std::int64_t now = host_.now_mono_ns();
  kifa_status status = KIFA_OK;
  std::vector<Content*> forgotten;
  contents_.for_each([&](Content& content) {
    if (status != KIFA_OK) {
      return;
    }
    if (content.rest_until_ns != 0 && now >= content.rest_until_ns) {
      content.rest_until_ns = 0;
      contents_.set_ready(content);
    }
    if (!content.is_ready && now - content.active_ns >= settings_.close_after_ns) {
      status = close(content, out);
    }
    const bool is_gone = !content.is_seen && !content.file.is_open() && !content.is_ready;
    if (is_gone && content.gone_since_ns != Content::kNever &&
        now - content.gone_since_ns >= settings_.forget_after_ns) {
      forgotten.push_back(&content);
    }
  });
  for (Content* content : forgotten) {
    if (status == KIFA_OK) {
      status = forget(*content, out);
    }
  }
  return status;
}

// A file that has been quiet for long. Half a line waits on, in the host.
kifa_status Upkeep::close(Content& content, sdk::Emitter out) {
  if (content.file.is_open()) {
    const auto facts = content.file.facts();
    if (facts && facts->links == 0) {
      return give_up(content, "was deleted", out);
    }
    contents_.close(content);
    if (!content.is_seen) {
      catalog_.expect_copies();
    }
  }
  return Streams::is_settled(content) ? streams_.end(content, out) : KIFA_OK;
}

kifa_status Upkeep::end_lost(sdk::Emitter out, std::int64_t& next_ns) {
  const std::int64_t now = host_.now_mono_ns();
  kifa_status status = KIFA_OK;
  next_ns = Content::kNever;
  contents_.for_each([&](Content& content) {
    if (!content.is_lost || content.is_over || status != KIFA_OK) {
      return;
    }
    const std::int64_t until = content.gone_since_ns + kLostPatienceNs;
    if (now < until) {
      next_ns = std::min(next_ns, until);
    } else {
      status = give_up(content, "was cut short", out);
    }
  });
  return status;
}

kifa_status Upkeep::give_up(Content& content, const std::string& why, sdk::Emitter out) {
  if (const kifa_status told = Streams::tell_loss(content, why, out); told != KIFA_OK) {
    return told;
  }
  if (const kifa_status ended = streams_.end(content, out); ended != KIFA_OK) {
    return ended;
  }
  contents_.close(content);
  contents_.unset_ready(content);
  content.is_over = true;
  catalog_.expect_copies();
  return KIFA_OK;
}

kifa_status Upkeep::forget(Content& content, sdk::Emitter out) {
  if (!content.is_over) {
    if (const kifa_status status = give_up(content, "was deleted", out); status != KIFA_OK) {
      return status;
    }
  }
  if (content.is_stored) {
    catalog_.evicted().push_back(content.key());
  }
  contents_.erase(content);
  return KIFA_OK;
}

}  // namespace kifa::plugins::file_source
