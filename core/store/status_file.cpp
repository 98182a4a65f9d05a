#include "core/store/status_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "core/base/clock.hpp"

namespace kifa::store {

namespace {

Result<std::optional<StatusSlot>> read_slots(io::File& file) {
  std::array<std::byte, 2 * kStatusSlotStride> bytes{};
  const Result<std::size_t> read = file.read_at(bytes, 0);
  if (!read) {
    return std::optional<StatusSlot>();  // what STATUS says is a help, never needed
  }
  std::optional<StatusSlot> newest;
  bool is_one_spoiled = false;
  for (std::size_t at = 0; at < *read; at += kStatusSlotStride) {
    const ByteView stored = ByteView(bytes).first(*read).subspan(at);
    const auto slot = decode_status_slot(stored);
    is_one_spoiled |=
        !slot && std::ranges::any_of(stored.first(std::min(stored.size(), sizeof(StatusSlot))),
                                     [](std::byte byte) { return byte != std::byte{0}; });
    if (slot && (!newest || slot->sequence > newest->sequence)) {
      newest = slot;
    }
  }
  if (newest && newest->state == StatusState::stopped && is_one_spoiled) {
    newest->state = StatusState::opening;  // the other one may have been newer
  }
  if (newest && newest->format_major != kFormatMajor) {
    return Status(
        Code::unsupported,
        fmt::format("the store was written in format {}.{}, this kifa reads format {}.{}; "
                    "use the kifa that wrote it or a newer one",
                    newest->format_major, newest->format_minor, kFormatMajor, kFormatMinor));
  }
  return newest;
}

std::optional<OpeningNote> read_note(io::File& file) {
  std::array<std::byte, sizeof(OpeningNote)> bytes{};
  const Result<std::size_t> read = file.read_at(bytes, kOpeningNoteOffset);
  return read ? decode_opening_note(ByteView(bytes).first(*read)) : std::nullopt;
}

}  // namespace

Result<StatusFile> StatusFile::open(io::FileSystem& files, const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, kStatusFileName);
  auto file = files.open(path, {.access = io::Access::read_write, .create = true});
  if (!file) {
    return file.error();
  }
  const auto newest = read_slots(**file);
  if (!newest) {
    return newest.error();
  }
  if (!*newest) {
    const std::array<std::byte, kStatusFileBytes> zeros{};
    const auto written = (*file)->write_at(zeros, 0, io::WriteMode::buffered);
    KIFA_TRY(written.status());
    KIFA_TRY((*file)->sync_all());
    KIFA_TRY(files.sync_directory(directory));
  }
  return StatusFile(std::move(*file), *newest ? (*newest)->sequence : 0);
}

Status StatusFile::write(StatusSlot slot) {
  slot.sequence = ++sequence_;
  slot.crc = crc_of(slot);
  const std::uint64_t at = (sequence_ % 2) * kStatusSlotStride;
  return file_->write_at(std::as_bytes(std::span(&slot, 1)), at, io::WriteMode::buffered).status();
}

Status StatusFile::write_durably(const StatusSlot& slot) {
  KIFA_TRY(write(slot));
  return file_->sync_data();
}

Status StatusFile::write_note(OpeningNote note) {
  note.crc = crc_of(note);
  const auto known = read_note(*file_);
  if (known == note) {
    return {};
  }
  const ByteView bytes = std::as_bytes(std::span(&note, 1));
  const auto written = file_->write_at(bytes, kOpeningNoteOffset, io::WriteMode::buffered);
  KIFA_TRY(written.status());
  if (*written != bytes.size()) {
    return {Code::io, "the disk took only a part of it"};
  }
  return file_->sync_data();
}

std::optional<OpeningNote> read_opening_note(io::FileSystem& files, const std::string& directory) {
  auto file =
      files.open(fmt::format("{}/{}", directory, kStatusFileName), {.access = io::Access::read});
  return file ? read_note(**file) : std::nullopt;
}

Result<std::optional<StatusSlot>> read_status(io::FileSystem& files, const std::string& directory) {
  auto file =
      files.open(fmt::format("{}/{}", directory, kStatusFileName), {.access = io::Access::read});
  if (!file) {
    if (file.error().code() == Code::not_found) {
      return std::optional<StatusSlot>();
    }
    return file.error();
  }
  return read_slots(**file);
}

Result<bool> is_locked(io::FileSystem& files, const std::string& directory) {
  auto file =
      files.open(fmt::format("{}/{}", directory, kLockFileName), {.access = io::Access::read});
  if (!file) {
    if (file.error().code() == Code::not_found) {
      return false;
    }
    return file.error();
  }
  return (*file)->is_locked();
}

Result<bool> is_live(io::FileSystem& files, const std::string& directory,
                     const std::optional<StatusSlot>& status) {
  const auto locked = is_locked(files, directory);
  if (!locked) {
    return locked.error();
  }
  if (!*locked || !status || status->state != StatusState::serving) {
    return false;
  }
  const std::string boot_id = SystemClock().boot_id();
  return std::string_view(status->boot_id.data(), status->boot_id.size()) == boot_id;
}

}  // namespace kifa::store
