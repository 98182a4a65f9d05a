#include "plugins/sources/file/streams.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace kifa::plugins::file_source {

kifa_status Streams::announce(const Content& content, std::uint64_t stream,
                              sdk::Emitter out) const {
  const kifa_attr path{sdk::to_abi(std::string_view("path")),
                       sdk::to_abi(std::string_view(content.base))};
  const std::string key = content.key();
  const std::string state = encode_state(content);
  const std::uint32_t offsets = gives_offsets_ ? KIFA_STREAM_OFFSETS : 0;
  return out.open({.stream = stream,
                   .flags = KIFA_STREAM_RESUMABLE | offsets,
                   .position = content.offset,
                   .key = key,
                   .state = sdk::bytes_of(std::string_view(state)),
                   .attrs = {&path, 1}});
}

kifa_status Streams::open(Content& content, sdk::Emitter out) {
  const std::uint64_t stream = last_stream_ + 1;
  const kifa_status status = announce(content, stream, out);
  if (status == KIFA_NO_MEMORY) {
    content.rest_until_ns = host_.now_mono_ns() + kRestNs;
    notices_.tell(Notice::too_many,
                  content.path + " is not read now: there is no room for one stream more");
  }
  if (status == KIFA_OK) {
    last_stream_ = stream;
    contents_.set_stream(content, stream);
    content.settled_offset = content.offset;
    content.is_stored = true;
  }
  return status;
}

kifa_status Streams::give(Content& content, sdk::Bytes bytes, sdk::Emitter out) {
  if (content.stream == 0) {
    if (const kifa_status opened = open(content, out); opened != KIFA_OK) {
      return opened;
    }
  }
  const kifa_status status =
      out.chunk({.stream = content.stream, .data = bytes, .position = content.offset});
  if (status == KIFA_NO_MEMORY) {
    content.is_given_up = true;  // release() follows
  }
  if (status != KIFA_OK) {
    return status;
  }
  content.offset += bytes.size();
  content.trail.add(bytes);
  content.active_ns = host_.now_mono_ns();
  contents_.set_stale(content);
  return KIFA_OK;
}

kifa_status Streams::end(Content& content, sdk::Emitter out) {
  if (content.stream == 0 || content.is_given_up) {
    return KIFA_OK;
  }
  const kifa_status status =
      out.chunk({.stream = content.stream, .position = content.offset, .flags = KIFA_CHUNK_END});
  if (status != KIFA_OK && status != KIFA_NO_MEMORY) {
    return status;
  }
  contents_.set_stream(content, 0);
  content.settled_offset = content.offset;
  return KIFA_OK;
}

kifa_status Streams::tell_loss(const Content& content, const std::string& why, sdk::Emitter out) {
  if (content.size <= content.offset) {
    return KIFA_OK;
  }
  const std::string detail = content.path + " " + why + " before it was read to its end";
  return out.gap({.stream = content.stream,
                  .reason = KIFA_GAP_TRUNCATED,
                  .bytes = content.size - content.offset,
                  .detail = detail});
}

kifa_status Streams::tell_changes(sdk::Emitter out) {
  for (Content* content : contents_.take_stale()) {
    kifa_status status = KIFA_OK;
    if (content->is_given_up) {
      continue;
    }
    if (content->stream != 0) {
      status = announce(*content, content->stream, out);
    } else if (content->is_stored) {
      const std::string key = content->key();
      const std::string state = encode_state(*content);
      status = out.checkpoint({.key = key,
                               .position = content->offset,
                               .state = sdk::bytes_of(std::string_view(state))});
    }
    if (status != KIFA_OK) {
      contents_.set_stale(*content);
      return status;
    }
  }
  if (catalog_.take_change()) {
    const std::string state = catalog_.own_state();
    if (const kifa_status status =
            out.checkpoint({.key = Catalog::kOwnKey,
                            .position = catalog_.last_number(),
                            .state = sdk::bytes_of(std::string_view(state))});
        status != KIFA_OK) {
      return status;
    }
  }
  for (const std::string& key : std::exchange(catalog_.evicted(), {})) {
    if (const kifa_status status = out.checkpoint({.key = key, .flags = KIFA_CHECKPOINT_FORGET});
        status != KIFA_OK) {
      return status;
    }
  }
  return KIFA_OK;
}

void Streams::acknowledge(std::uint64_t stream, std::uint64_t position) {
  if (Content* content = contents_.find_stream(stream)) {
    content->settled_offset = position;
  }
}

// Only of what the host has ended by itself something is left to read.
void Streams::release(std::uint64_t stream) {
  Content* content = contents_.find_stream(stream);
  if (content == nullptr) {
    return;
  }
  contents_.set_stream(*content, 0);
  if (std::exchange(content->is_given_up, false)) {
    content->offset = content->settled_offset;
    content->trail.set(content->trail.mark());
    content->rest_until_ns = host_.now_mono_ns() + kRestNs;
  }
}

}  // namespace kifa::plugins::file_source
