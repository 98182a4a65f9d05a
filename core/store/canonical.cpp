#include "core/store/canonical.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <utility>

#include "core/base/assert.hpp"

namespace kifa::store {

namespace {

constexpr std::size_t kBufferBytes = 64_KiB;
constexpr std::size_t kParallelBufferBytes = 1_MiB;  // 0.6 ms of hashing: much more than a wake-up
constexpr std::string_view kChainName = "kifa-chain-1";

enum class ItemTag : std::uint8_t { record = 1, event = 2 };

// `put(from, bytes)` takes the canonical bytes one after the other.
template <class Put, class T>
void put_value(const Put& put, T value) {
  put(&value, sizeof value);
}

template <class Put>
void put_text(const Put& put, std::string_view text) {
  put_value(put, static_cast<std::uint32_t>(text.size()));
  put(text.data(), text.size());
}

template <class Put>
void put_canonical(const Put& put, const RecordView& record) {
  put_value(put, ItemTag::record);
  put_value(put, record.lsn.value);
  put_value(put, record.observed_unix_ns);
  put_value(put, record.observed_boot_ns);
  put_value(put, record.boot_ordinal);
  put_value(put, record.flags);
  put_text(put, record.pipeline);
  put_text(put, record.source);
  put_value(put, static_cast<std::uint32_t>(record.attributes.size()));
  for (const Attribute& attribute : record.attributes) {
    put_text(put, attribute.key);
    put_text(put, attribute.value);
  }
  put_value(put, static_cast<std::uint32_t>(record.payload.size()));
  put(record.payload.data(), record.payload.size());
}

template <class Put>
void put_canonical(const Put& put, const Event& event) {
  put_value(put, ItemTag::event);
  put_value(put, event.number);
  put_value(put, event.after.value);
  put_value(put, static_cast<std::uint16_t>(event.kind));
  put_value(put, event.observed_unix_ns);
  put_value(put, event.records);
  put_value(put, event.bytes);
  put_value(put, event.first_lost.value);
  put_value(put, event.last_lost.value);
  put_text(put, event.text);
}

auto append_to(std::vector<std::byte>& to) {
  return [&to](const void* from, std::size_t bytes) {
    const auto* first = static_cast<const std::byte*>(from);
    to.insert(to.end(), first, first + bytes);
  };
}

}  // namespace

void append_canonical(const RecordView& record, std::vector<std::byte>& to) {
  put_canonical(append_to(to), record);
}

void append_canonical(const Event& event, std::vector<std::byte>& to) {
  put_canonical(append_to(to), event);
}

struct PieceHasher::Context {
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm{
      EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state{EVP_MD_CTX_new(), &EVP_MD_CTX_free};

  void begin() const { KIFA_ASSERT(EVP_DigestInit_ex(state.get(), algorithm.get(), nullptr) == 1); }
  void update(const void* from, std::size_t bytes) const {
    KIFA_ASSERT(EVP_DigestUpdate(state.get(), from, bytes) == 1);
  }
};

PieceHasher::PieceHasher(bool in_parallel)
    : context_(std::make_unique<Context>()),
      buffer_bytes_(in_parallel ? kParallelBufferBytes : kBufferBytes),
      // NOLINTNEXTLINE(*-avoid-c-arrays): not to be initialised
      buffer_(std::make_unique_for_overwrite<std::byte[]>(buffer_bytes_)) {
  if (in_parallel) {
    // NOLINTNEXTLINE(*-avoid-c-arrays): not to be initialised
    full_ = std::make_unique_for_overwrite<std::byte[]>(buffer_bytes_);
    thread_.emplace("kifa-hash");
  }
  // Both are null only without memory or with a libcrypto that has lost SHA-256.
  KIFA_ASSERT(context_->algorithm);
  KIFA_ASSERT(context_->state);
  context_->begin();
}

PieceHasher::~PieceHasher() { wait(); }

// Small parts are gathered: the library's call costs more than copying them.
void PieceHasher::put(const void* from, std::size_t bytes) {
  if (bytes > buffer_bytes_ - used_) {
    drain();
    if (bytes >= buffer_bytes_) {
      wait();
      context_->update(from, bytes);
      return;
    }
  }
  if (bytes != 0) {
    std::memcpy(buffer_.get() + used_, from, bytes);
    used_ += bytes;
  }
}

void PieceHasher::drain() {
  wait();
  if (thread_) {
    std::swap(buffer_, full_);
    thread_->start([this, bytes = used_] { context_->update(full_.get(), bytes); });
  } else {
    context_->update(buffer_.get(), used_);
  }
  used_ = 0;
}

void PieceHasher::wait() {
  if (thread_) {
    thread_->wait();
  }
}

void PieceHasher::add(const RecordView& record) {
  put_canonical([this](const void* from, std::size_t bytes) { put(from, bytes); }, record);
}

void PieceHasher::add(const Event& event) {
  put_canonical([this](const void* from, std::size_t bytes) { put(from, bytes); }, event);
}

Digest PieceHasher::finish() {
  drain();
  wait();
  Digest digest{};
  KIFA_ASSERT(EVP_DigestFinal_ex(context_->state.get(), digest.data(), nullptr) == 1);
  context_->begin();
  return digest;
}

Digest chain_anchor(const StoreId& store_id, const Digest& previous_anchor, const Piece& piece) {
  std::vector<std::byte> bytes;
  const auto put = append_to(bytes);
  put(kChainName.data(), kChainName.size());
  put(store_id.data(), store_id.size());
  put(previous_anchor.data(), previous_anchor.size());
  put_value(put, piece.first.value);
  put_value(put, piece.last.value);
  put(piece.digest.data(), piece.digest.size());
  Digest anchor{};
  KIFA_ASSERT(
      EVP_Digest(bytes.data(), bytes.size(), anchor.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return anchor;
}

}  // namespace kifa::store
