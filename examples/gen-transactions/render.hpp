#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "examples/gen-transactions/transaction.hpp"

namespace gen {

// Smallest `size` that fits every transaction's mandatory part.
inline constexpr std::size_t kJsonBytesMin = 100;
inline constexpr std::size_t kReceiptBytesMin = 480;
inline constexpr std::size_t kRecordBytesMax = std::size_t{16} << 20U;

// Widths of what is written into a rendered record afterwards.
inline constexpr std::size_t kNumberDigits = 12;   // TXN-000000000001
inline constexpr std::size_t kReferenceChars = 8;  // UA + these

// Where in a rendered record the changing parts stand: offsets from its first byte, 0 for "not
// there" (no record begins with one).
struct Slots {
  std::uint32_t number = 0;     // kNumberDigits digits
  std::uint32_t date = 0;       // YYYY-MM-DD
  std::uint32_t clock = 0;      // HH:MM:SS, in JSON followed by .mmm
  std::uint32_t reference = 0;  // kReferenceChars base-36 digits
};

// Appends one record to `out`, ended by LF (JSON) or form feed (receipt). With `size` > 0 it has
// exactly that many bytes: fields are left out, the least important first, and a note or filler
// lines take up the rest; `size` is at least the minimum above.
Slots render_json(const Transaction& txn, std::size_t size, std::string& out);
Slots render_receipt(const Transaction& txn, std::size_t size, std::string& out);

}  // namespace gen
