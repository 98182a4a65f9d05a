#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/types.hpp"
#include "core/store/format.hpp"
#include "core/store/job_thread.hpp"
#include "core/store/records.hpp"
#include "core/store/table_info.hpp"

// The one byte form of records and events that digests are made of, frozen in
// docs/formats/chain.md. It does not depend on how or where they are stored.
namespace kifa::store {

void append_canonical(const RecordView& record, std::vector<std::byte>& to);
void append_canonical(const Event& event, std::vector<std::byte>& to);

// Computes the digest of a piece from its records and events in their order.
//
// Threads: confined; with `in_parallel` it hashes in a thread of its own.
// Memory:  64 KiB, in parallel 2 MiB.
// Limits:  does not allocate per record.
class PieceHasher final {
 public:
  explicit PieceHasher(bool in_parallel = false);
  PieceHasher(const PieceHasher&) = delete;
  PieceHasher& operator=(const PieceHasher&) = delete;
  ~PieceHasher();

  void add(const RecordView& record);
  void add(const Event& event);
  // The digest of what was added since the last finish(), and begins anew.
  [[nodiscard]] Digest finish();

 private:
  struct Context;
  void put(const void* from, std::size_t bytes);
  void drain();
  void wait();

  std::unique_ptr<Context> context_;
  std::size_t buffer_bytes_;
  std::unique_ptr<std::byte[]> buffer_;  // NOLINT(*-avoid-c-arrays): not to be initialised
  std::size_t used_ = 0;
  std::unique_ptr<std::byte[]> full_;  // NOLINT(*-avoid-c-arrays): what is being hashed
  std::optional<JobThread> thread_;
};

// SHA-256("kifa-chain-1", store id, anchor of the piece before, first LSN, last LSN, digest). The
// first piece of a store chains to a digest of zeros.
[[nodiscard]] Digest chain_anchor(const StoreId& store_id, const Digest& previous_anchor,
                                  const Piece& piece);

}  // namespace kifa::store
