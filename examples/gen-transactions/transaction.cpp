#include "examples/gen-transactions/transaction.hpp"

#include <span>

namespace gen {

namespace {

struct Country {
  Currency currency;
  std::string_view phone_prefix;
  std::array<std::string_view, 2> wallets;
  std::array<std::string_view, 3> merchants;
  std::array<std::string_view, 2> towns;
};

constexpr std::array<Country, 7> kCountries = {{
    {{"KES", 2, 129, 500},
     "2547",
     {"M-Pesa", "Airtel Money"},
     {"Mama Njeri Stores", "Duka la Baraka", "Café Savanna"},
     {"Nairobi", "Kisumu"}},
    {{"NGN", 2, 1500, 5000},
     "2348",
     {"MTN MoMo", "Airtel Money"},
     {"Ọjà Provisions", "Chukwu & Sons", "Lekki Mini Mart"},
     {"Lagos", "Ìbàdàn"}},
    {{"TZS", 0, 25, 50},
     "2557",
     {"M-Pesa", "Airtel Money"},
     {"Duka la Asha", "Kariakoo Traders", "Zanzibar Spices"},
     {"Dar es Salaam", "Mwanza"}},
    {{"UGX", 0, 37, 100},
     "2567",
     {"MTN MoMo", "Airtel Money"},
     {"Owino Wholesalers", "Nakawa Grocers", "Pearl Pharmacy"},
     {"Kampala", "Gulu"}},
    {{"GHS", 2, 15, 50},
     "2332",
     {"MTN MoMo", "Telecel Cash"},
     {"Makola Ventures", "Adwoa's Chop Bar", "Kɔkɔɔ House"},
     {"Accra", "Kumasi"}},
    {{"RWF", 0, 14, 50},
     "2507",
     {"MTN MoMo", "Airtel Money"},
     {"Kimironko Market", "Inzozi Boutique", "Crêperie des Mille Collines"},
     {"Kigali", "Huye"}},
    {{"USD", 2, 1, 5},
     "2637",
     {"EcoCash", "OneMoney"},
     {"Mbare Hardware", "Harare Fresh", "Victoria Falls Curios"},
     {"Harare", "Bulawayo"}},
}};

struct Product {
  std::string_view name;
  std::uint32_t us_cents;
};

constexpr std::array<Product, 20> kProducts = {{
    {"Sugar 1kg", 140},      {"Maize flour 2kg", 155}, {"Rice 5kg", 780},
    {"Cooking oil 1L", 260}, {"Bread 400g", 55},       {"Milk 500ml", 60},
    {"Tea leaves 100g", 70}, {"Soap bar", 90},         {"Airtime 100", 100},
    {"Eggs tray", 380},      {"Tomatoes 1kg", 95},     {"Onions 1kg", 85},
    {"Charcoal bag", 1250},  {"Batteries AA", 220},    {"Phone charger", 650},
    {"Paracetamol", 45},     {"Soda 500ml", 65},       {"Water 1L", 50},
    {"Beans 1kg", 170},      {"Solar lamp", 2400},
}};

constexpr std::array<std::string_view, 10> kCashiers = {
    "Amina", "Baraka", "Chidi", "Daudi", "Efua", "Fatou", "Grace", "Hassan", "Ijeoma", "Joy"};

std::string_view pick_status(Random& random) {
  const std::uint32_t roll = random.below(100);
  if (roll < 92) {
    return "completed";
  }
  if (roll < 95) {
    return "pending";
  }
  return roll < 98 ? "failed" : "reversed";
}

void append_digits(std::string& out, Random& random, int count) {
  for (int i = 0; i < count; ++i) {
    out += static_cast<char>('0' + random.below(10));
  }
}

// 2547*****123: country and network, the last three digits.
std::string masked_phone(Random& random, std::string_view prefix) {
  std::string text(prefix);
  text += "*****";
  append_digits(text, random, 3);
  return text;
}

// First six and last four digits, as card rules allow.
std::string masked_card(Random& random) {
  std::string text(1, random.below(2) == 0 ? '4' : '5');
  append_digits(text, random, 5);
  text += "******";
  append_digits(text, random, 4);
  return text;
}

void choose_method(Transaction& txn, Random& random, const Country& country) {
  const std::uint32_t roll = random.below(100);
  if (roll < 25) {
    txn.method = Method::cash;
    txn.method_name = "cash";
  } else if (roll < 45) {
    txn.method = Method::card;
    txn.method_name = "card";
    txn.account = masked_card(random);
  } else {
    txn.method = Method::mobile;
    txn.method_name = country.wallets[random.below(100) < 70 ? 0 : 1];
    txn.account = masked_phone(random, country.phone_prefix);
  }
}

void choose_items(Transaction& txn, Random& random) {
  txn.item_count = 1 + random.below(kItemsMax);
  for (std::size_t i = 0; i < txn.item_count; ++i) {
    const Product& product = random.pick(std::span(kProducts));
    const std::uint64_t step = txn.currency->price_step;
    const std::uint64_t price = product.us_cents * txn.currency->per_us_cent;
    Item& item = txn.items[i];
    item.name = product.name;
    item.quantity = 1 + random.below(kQuantityMax);
    item.price = (price + step - 1) / step * step;
    txn.amount += item.quantity * item.price;
  }
}

}  // namespace

Transaction make_transaction(Random& random) {
  const Country& country = random.pick(std::span(kCountries));
  Transaction txn;
  txn.currency = &country.currency;
  txn.merchant = random.pick(std::span(country.merchants));
  txn.town = random.pick(std::span(country.towns));
  txn.cashier = random.pick(std::span(kCashiers));
  txn.terminal = 1 + random.below(200);
  choose_method(txn, random, country);
  txn.status = pick_status(random);
  choose_items(txn, random);
  return txn;
}

void append_amount(std::string& out, std::uint64_t minor_units, const Currency& currency) {
  if (currency.decimals == 0) {
    out += std::to_string(minor_units);
    return;
  }
  out += std::to_string(minor_units / 100);
  const std::uint64_t cents = minor_units % 100;
  out += '.';
  out += static_cast<char>('0' + cents / 10);
  out += static_cast<char>('0' + cents % 10);
}

}  // namespace gen
