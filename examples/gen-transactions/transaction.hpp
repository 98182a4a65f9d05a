#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "examples/gen-transactions/random.hpp"

namespace gen {

inline constexpr std::size_t kItemsMax = 6;
inline constexpr std::uint32_t kQuantityMax = 5;

// How the money moved.
enum class Method : std::uint8_t { cash, card, mobile };

struct Currency {
  std::string_view code;      // ISO 4217
  std::uint32_t decimals;     // 0 or 2
  std::uint64_t per_us_cent;  // minor units, roughly
  std::uint64_t price_step;   // prices are multiples of this many minor units
};

struct Item {
  std::string_view name;
  std::uint32_t quantity = 1;
  std::uint64_t price = 0;  // of one, in minor units
};

// One sale at a till, as a POS or a mobile-money agent would print it. Invented from beginning to
// end; card and phone numbers exist only in masked form.
//
// What changes with every record (number, time, reference) is not here: the stream writes it.
struct Transaction {
  std::string_view merchant;
  std::string_view town;
  std::string_view cashier;
  std::uint32_t terminal = 0;  // T-0001 ..
  const Currency* currency = nullptr;
  Method method = Method::cash;
  std::string_view method_name;  // cash, card, M-Pesa, Airtel Money, MTN MoMo ...
  std::string account;           // masked phone number or card number; empty for cash
  std::string_view status;       // completed, pending, failed, reversed
  std::array<Item, kItemsMax> items;
  std::size_t item_count = 0;
  std::uint64_t amount = 0;  // minor units, the items together
};

[[nodiscard]] Transaction make_transaction(Random& random);

// "1234.50", or "1234" for a currency without decimals.
void append_amount(std::string& out, std::uint64_t minor_units, const Currency& currency);

}  // namespace gen
