#include "core/store/checkpoints_file.hpp"

#include <fmt/format.h>

#include <span>

#include "core/base/crc32c.hpp"
#include "core/base/limits.hpp"
#include "core/store/manifest_format.hpp"
#include "core/store/small_file.hpp"

namespace kifa::store {

namespace {

constexpr std::string_view kPrefix = "CHECKPOINTS-";
// All checkpoints at their limits, each with its entry and padding.
constexpr std::uint64_t kFileBytesMax =
    limits::kCheckpointBytesMax + limits::kCheckpointStreamsMax * (sizeof(CheckpointEntry) + 8) +
    64_KiB;

Status damaged(std::string_view why) {
  return {Code::corrupt, fmt::format("the checkpoints are damaged: {}", why)};
}

std::uint32_t header_crc_of(const CheckpointsHeader& header) {
  return crc32c(
      0, std::as_bytes(std::span(&header, 1)).first(offsetof(CheckpointsHeader, header_crc)));
}

void append(std::vector<std::byte>& bytes, ByteView more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

template <class T>
void append_value(std::vector<std::byte>& bytes, const T& value) {
  append(bytes, std::as_bytes(std::span(&value, 1)));
}

// Takes the entries apart, one after the other.
class Decoder final {
 public:
  explicit Decoder(ByteView entries) : rest_(entries) {}

  Status next(CheckpointMap& into) {
    if (rest_.size() < sizeof(CheckpointEntry)) {
      return damaged("an entry is cut short");
    }
    const auto entry = load<CheckpointEntry>(rest_.data());
    const std::uint64_t bytes =
        sizeof entry + std::uint64_t{entry.origin_bytes} + entry.key_bytes + entry.state_bytes;
    if (round_up(bytes, 8) > rest_.size()) {
      return damaged("an entry reaches beyond the end");
    }
    if (entry.flags != 0) {
      return damaged("an entry has flags");
    }
    ByteView at = rest_.subspan(sizeof entry);
    Checkpoint checkpoint;
    checkpoint.position = entry.position;
    checkpoint.origin = take(at, entry.origin_bytes);
    checkpoint.key = take(at, entry.key_bytes);
    checkpoint.state = take(at, entry.state_bytes);
    if (!into.has_room_for(checkpoint)) {
      return damaged("there are more than a store may have");
    }
    into.apply(checkpoint);
    rest_ = rest_.subspan(round_up(bytes, 8));
    return {};
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  static std::string take(ByteView& from, std::size_t bytes) {
    const std::string text(as_text(from.first(bytes)));
    from = from.subspan(bytes);
    return text;
  }
  ByteView rest_;
};

Status check_header(const CheckpointsHeader& header, const StoreId& store_id,
                    std::uint64_t number) {
  if (header.magic != kCheckpointsMagic || header.header_crc != header_crc_of(header)) {
    return damaged("the header does not hold");
  }
  if (header.format_major != kFormatMajor || header.flags_incompatible != 0) {
    return {Code::unsupported,
            fmt::format("the checkpoints were written in format {}.{} (features {:#x}), this kifa "
                        "reads format {}.{}; use the kifa that wrote them or a newer one",
                        header.format_major, header.format_minor, header.flags_incompatible,
                        kFormatMajor, kFormatMinor)};
  }
  if (header.header_bytes != sizeof header || header.count > limits::kCheckpointStreamsMax) {
    return damaged("the header makes no sense");
  }
  if (header.store_id != store_id || header.number != number) {
    return damaged(fmt::format("the file is number {} of store {}", header.number,
                               to_string(header.store_id)));
  }
  return {};
}

std::uint32_t stored_crc(ByteView bytes) {
  return load<std::uint32_t>(bytes.data() + bytes.size() - sizeof(std::uint32_t));
}

}  // namespace

std::string checkpoints_file_name(std::uint64_t number) {
  return fmt::format("{}{:016}", kPrefix, number);
}

std::optional<std::uint64_t> checkpoints_number_of(std::string_view file_name) {
  return number_in_name(kPrefix, file_name);
}

std::vector<std::byte> encode_checkpoints(const StoreId& store_id, std::uint64_t number,
                                          const CheckpointMap& checkpoints) {
  CheckpointsHeader header;
  header.count = static_cast<std::uint32_t>(checkpoints.size());
  header.store_id = store_id;
  header.number = number;
  header.header_crc = header_crc_of(header);
  std::vector<std::byte> bytes;
  append_value(bytes, header);
  checkpoints.for_each([&bytes](const Checkpoint& checkpoint) {
    CheckpointEntry entry;
    entry.position = checkpoint.position;
    entry.state_bytes = static_cast<std::uint32_t>(checkpoint.state.size());
    entry.origin_bytes = static_cast<std::uint16_t>(checkpoint.origin.size());
    entry.key_bytes = static_cast<std::uint16_t>(checkpoint.key.size());
    append_value(bytes, entry);
    append(bytes, as_byte_view(checkpoint.origin));
    append(bytes, as_byte_view(checkpoint.key));
    append(bytes, as_byte_view(checkpoint.state));
    bytes.resize(round_up(bytes.size(), 8));
  });
  append_value(bytes, kFileTrailerMagic);
  append_value(bytes, crc32c(0, bytes));
  return bytes;
}

Result<CheckpointMap> decode_checkpoints(ByteView bytes, const StoreId& store_id,
                                         std::uint64_t number) {
  if (bytes.size() < sizeof(CheckpointsHeader) + sizeof(FileTrailer)) {
    return damaged("the file is cut short");
  }
  const auto header = load<CheckpointsHeader>(bytes.data());
  KIFA_TRY(check_header(header, store_id, number));
  const std::size_t end = bytes.size() - sizeof(FileTrailer);
  const auto trailer = load<FileTrailer>(bytes.data() + end);
  if (trailer.magic != kFileTrailerMagic ||
      trailer.crc != crc32c(0, bytes.first(end + offsetof(FileTrailer, crc)))) {
    return damaged("the checksum does not hold");
  }
  CheckpointMap checkpoints;
  Decoder decoder(bytes.first(end).subspan(sizeof header));
  for (std::uint32_t i = 0; i < header.count; ++i) {
    KIFA_TRY(decoder.next(checkpoints));
  }
  if (!decoder.at_end() || checkpoints.size() != header.count) {
    return damaged("there are not as many as the header says");
  }
  return checkpoints;
}

Result<CheckpointsRef> write_checkpoints(io::FileSystem& files, const std::string& directory,
                                         const StoreId& store_id, std::uint64_t number,
                                         const CheckpointMap& checkpoints) {
  const std::vector<std::byte> bytes = encode_checkpoints(store_id, number, checkpoints);
  KIFA_TRY(
      write_new_file(files, fmt::format("{}/{}", directory, checkpoints_file_name(number)), bytes));
  return CheckpointsRef{.number = number, .bytes = bytes.size(), .crc = stored_crc(bytes)};
}

Result<CheckpointMap> read_checkpoints(io::FileSystem& files, const std::string& directory,
                                       const StoreId& store_id, const CheckpointsRef& named) {
  if (named.number == 0) {
    return CheckpointMap();
  }
  const std::string path = fmt::format("{}/{}", directory, checkpoints_file_name(named.number));
  const auto bytes = read_whole_file(files, path, kFileBytesMax);
  if (!bytes) {
    return bytes.error();
  }
  Result<CheckpointMap> checkpoints = decode_checkpoints(*bytes, store_id, named.number);
  if (!checkpoints) {
    return checkpoints.error().with_context(path);
  }
  if (bytes->size() != named.bytes || stored_crc(*bytes) != named.crc) {
    return damaged("the file is whole, but not the one that the manifest means").with_context(path);
  }
  return checkpoints;
}

Result<CheckpointsRef> name_checkpoints(io::FileSystem& files, const std::string& directory,
                                        const StoreId& store_id, std::uint64_t number) {
  const std::string path = fmt::format("{}/{}", directory, checkpoints_file_name(number));
  const auto bytes = read_whole_file(files, path, kFileBytesMax);
  KIFA_TRY(bytes.status());
  KIFA_TRY(decode_checkpoints(*bytes, store_id, number).status());
  return CheckpointsRef{.number = number, .bytes = bytes->size(), .crc = stored_crc(*bytes)};
}

}  // namespace kifa::store
