#include "plugins/sources/udp/datagram_batch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kifa::plugins::udp_source {

namespace {

constexpr std::size_t kSlotsMin = 4;
// Between two slots, so that the beginnings of all of them do not share the same few cache lines.
constexpr std::size_t kStaggerBytes = 4096 + 64;

template <class T>
T read_control(const cmsghdr& control) {
  T value{};
  std::memcpy(&value, CMSG_DATA(&control), sizeof value);
  return value;
}

}  // namespace

void DatagramBatch::open(std::size_t datagram_bytes_max) {
  datagram_bytes_max_ = datagram_bytes_max;
  const std::size_t count =
      std::clamp(kBatchBytesMax / datagram_bytes_max, kSlotsMin, kDatagramsMax);
  const std::size_t stride = datagram_bytes_max + kStaggerBytes;
  // Not cleared: memory that no datagram needs is never touched.
  bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(count * stride);
  slots_.assign(count, {});
  headers_.assign(count, {});
  for (std::size_t i = 0; i < count; ++i) {
    slots_[i].piece = {.iov_base = bytes_.get() + i * stride, .iov_len = datagram_bytes_max};
  }
  size_ = 0;
}

void DatagramBatch::close() {
  size_ = 0;
  headers_ = {};
  slots_ = {};
  bytes_.reset();
}

int DatagramBatch::receive(int fd, std::size_t most, bool is_unix) {
  // A unix socket has room for the owner alone: attached descriptors would come behind it.
  const std::size_t control_bytes =
      is_unix ? CMSG_SPACE(sizeof(ucred)) : CMSG_SPACE(sizeof(std::uint32_t));
  most = std::min(most, capacity());
  for (std::size_t i = 0; i < most; ++i) {
    Slot& slot = slots_[i];
    headers_[i].msg_hdr = {.msg_name = slot.from.raw(),
                           .msg_namelen = sizeof slot.from.storage,
                           .msg_iov = &slot.piece,
                           .msg_iovlen = 1,
                           .msg_control = slot.control.data(),
                           .msg_controllen = control_bytes,
                           .msg_flags = 0};
  }
  // With MSG_TRUNC the length is that of the datagram, also beyond the room for it.
  const int count = ::recvmmsg(fd, headers_.data(), static_cast<unsigned>(most),
                               MSG_DONTWAIT | MSG_TRUNC, nullptr);
  size_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  return count < 0 ? errno : 0;
}

Datagram DatagramBatch::at(std::size_t index) {
  Slot& slot = slots_[index];
  mmsghdr& header = headers_[index];
  slot.from.size = header.msg_hdr.msg_namelen;
  if (slot.from.size < sizeof(sa_family_t)) {
    slot.from.storage.ss_family = AF_UNIX;  // only there may a sender be without a name
  }
  const std::size_t kept = std::min<std::size_t>(header.msg_len, datagram_bytes_max_);
  Datagram datagram{.bytes = {static_cast<const std::uint8_t*>(slot.piece.iov_base), kept},
                    .sent_bytes = header.msg_len,
                    .from = slot.from,
                    .owner = {},
                    .drops = {}};
  for (const cmsghdr* control = CMSG_FIRSTHDR(&header.msg_hdr); control != nullptr;
       control = CMSG_NXTHDR(&header.msg_hdr, const_cast<cmsghdr*>(control))) {
    if (control->cmsg_level != SOL_SOCKET) {
      continue;
    }
    if (control->cmsg_type == SO_RXQ_OVFL) {
      datagram.drops = read_control<std::uint32_t>(*control);
    } else if (control->cmsg_type == SCM_CREDENTIALS) {
      datagram.owner = read_control<ucred>(*control);
    }
  }
  return datagram;
}

}  // namespace kifa::plugins::udp_source
