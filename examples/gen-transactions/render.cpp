#include "examples/gen-transactions/render.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace gen {

namespace {

constexpr std::string_view kNumberBlank = "000000000000";
constexpr std::string_view kReferenceBlank = "UA00000000";
constexpr std::string_view kJsonTimeBlank = "2026-01-31T00:00:00.000Z";
static_assert(kNumberBlank.size() == kNumberDigits);
static_assert(kReferenceBlank.size() == kReferenceChars + 2);

void append_terminal(std::string& out, std::uint32_t terminal) {
  const std::string digits = std::to_string(terminal);
  out += "T-";
  out.append(4 - std::min<std::size_t>(4, digits.size()), '0');
  out += digits;
}

// Printable filler that does not compress to nothing: words from a list, cut where needed.
void append_filler(std::string& out, std::size_t count) {
  constexpr std::string_view kWords =
      "keep this receipt for returns within seven days; prices include VAT where it applies; "
      "thank you for shopping with us; asante sana, karibu tena; e se o, e tun wa; medaase; ";
  while (count > 0) {
    const std::size_t piece = std::min(count, kWords.size());
    out += kWords.substr(0, piece);
    count -= piece;
  }
}

// --- JSON ---------------------------------------------------------------------------------------

constexpr std::string_view kNoteBegin = ",\"note\":\"";
constexpr std::size_t kJsonEndBytes = 2;  // "}\n"

// One record while it is being written: adds a field only if the note and the end still fit.
class JsonRecord final {
 public:
  JsonRecord(std::string& out, std::size_t size) : out_(out), begin_(out.size()), size_(size) {}

  // Returns whether it was added.
  bool add(std::string_view field) {
    if (size_ > 0 && offset() + field.size() + kNoteBegin.size() + 1 + kJsonEndBytes > size_) {
      return false;
    }
    out_ += field;
    return true;
  }

  [[nodiscard]] std::size_t offset() const { return out_.size() - begin_; }

  void finish() {
    if (size_ > 0) {
      const std::size_t used = offset() + kNoteBegin.size() + 1 + kJsonEndBytes;
      out_ += kNoteBegin;
      append_filler(out_, used < size_ ? size_ - used : 0);
      out_ += '"';
    }
    out_ += "}\n";
  }

 private:
  std::string& out_;
  std::size_t begin_;
  std::size_t size_;
};

std::uint32_t slot(std::size_t offset) { return static_cast<std::uint32_t>(offset); }

std::string json_field(std::string_view name, std::string_view text) {
  std::string field = ",\"";
  field += name;
  field += "\":\"";
  field += text;  // every text of this program is free of quotes and control bytes
  field += '"';
  return field;
}

std::string json_items(const Transaction& txn) {
  std::string field = ",\"items\":[";
  for (std::size_t i = 0; i < txn.item_count; ++i) {
    const Item& item = txn.items[i];
    field += i == 0 ? "{\"name\":\"" : ",{\"name\":\"";
    field += item.name;
    field += "\",\"qty\":";
    field += std::to_string(item.quantity);
    field += ",\"price\":";
    append_amount(field, item.price, *txn.currency);
    field += '}';
  }
  field += ']';
  return field;
}

void add_json_time(JsonRecord& record, Slots& slots) {
  const std::size_t at = record.offset() + std::string_view(",\"time\":\"").size();
  if (record.add(json_field("time", kJsonTimeBlank))) {
    slots.date = slot(at);
    slots.clock = slot(at + std::string_view("2026-01-31T").size());
  }
}

void add_json_method(JsonRecord& record, const Transaction& txn, Slots& slots) {
  record.add(json_field("method", txn.method_name));
  if (txn.method == Method::cash) {
    return;
  }
  if (txn.method == Method::mobile) {
    const std::size_t at = record.offset() + std::string_view(",\"ref\":\"UA").size();
    if (record.add(json_field("ref", kReferenceBlank))) {
      slots.reference = slot(at);
    }
  }
  record.add(json_field(txn.method == Method::card ? "pan" : "phone", txn.account));
}

// --- receipts -----------------------------------------------------------------------------------

constexpr std::size_t kColumns = 42;  // an 80 mm printer with its usual font

std::size_t columns_of(std::string_view text) {  // code points: no wide letters here
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

void append_centred(std::string& out, std::string_view text) {
  const std::size_t width = columns_of(text);
  out.append(width < kColumns ? (kColumns - width) / 2 : 0, ' ');
  out += text;
  out += '\n';
}

void append_pair(std::string& out, std::string_view left, std::string_view right) {
  const std::size_t width = columns_of(left) + columns_of(right);
  out += left;
  out.append(width < kColumns ? kColumns - width : 1, ' ');
  out += right;
  out += '\n';
}

std::string receipt_head(const Transaction& txn, Slots& slots) {
  std::string text;
  append_centred(text, txn.merchant);
  append_centred(text, txn.town);
  std::string terminal = "Terminal ";
  append_terminal(terminal, txn.terminal);
  append_pair(text, terminal, txn.cashier);
  slots.number = slot(text.size() + std::string_view("TXN-").size());
  const std::string number = "TXN-" + std::string(kNumberBlank);
  append_pair(text, number, "2026-01-31 00:00:00");
  slots.date = slot(text.size() - std::string_view("2026-01-31 00:00:00\n").size());
  slots.clock = slot(text.size() - std::string_view("00:00:00\n").size());
  text.append(kColumns, '-');
  text += '\n';
  return text;
}

std::string receipt_item(const Transaction& txn, const Item& item) {
  std::string left = std::to_string(item.quantity) + " x ";
  left += item.name;
  std::string right;
  append_amount(right, item.quantity * item.price, *txn.currency);
  std::string line;
  append_pair(line, left, right);
  return line;
}

// `reference`: where it stands in the result, 0 when there is none.
std::string receipt_foot(const Transaction& txn, std::size_t& reference) {
  std::string text(kColumns, '-');
  text += '\n';
  std::string total;
  append_amount(total, txn.amount, *txn.currency);
  append_pair(text, "TOTAL " + std::string(txn.currency->code), total);
  append_pair(text, txn.method_name, txn.account);
  if (txn.method == Method::mobile) {
    append_pair(text, "Reference", kReferenceBlank);
    reference = text.size() - kReferenceChars - 1;
  }
  append_pair(text, "Status", txn.status);
  append_centred(text, "Asante! Thank you!");
  return text;
}

// Exactly `count` bytes of whole lines.
void append_filler_lines(std::string& out, std::size_t count) {
  while (count > 0) {
    const std::size_t line = std::min(count, kColumns + 1);
    append_filler(out, line - 1);
    out += '\n';
    count -= line;
  }
}

}  // namespace

Slots render_json(const Transaction& txn, std::size_t size, std::string& out) {
  Slots slots;
  JsonRecord record(out, size);
  std::string head = "{\"txn\":\"TXN-";
  slots.number = slot(head.size());
  head += kNumberBlank;
  head += "\",\"amount\":";
  append_amount(head, txn.amount, *txn.currency);
  head += json_field("currency", txn.currency->code);
  head += json_field("status", txn.status);
  record.add(head);
  add_json_time(record, slots);
  std::string terminal;
  append_terminal(terminal, txn.terminal);
  record.add(json_field("terminal", terminal));
  add_json_method(record, txn, slots);
  record.add(json_items(txn));
  record.add(json_field("merchant", txn.merchant));
  record.add(json_field("cashier", txn.cashier));
  record.finish();
  return slots;
}

Slots render_receipt(const Transaction& txn, std::size_t size, std::string& out) {
  Slots slots;
  std::string text = receipt_head(txn, slots);
  std::size_t reference = 0;
  const std::string foot = receipt_foot(txn, reference);
  for (std::size_t i = 0; i < txn.item_count; ++i) {
    const std::string line = receipt_item(txn, txn.items[i]);
    if (size == 0 || text.size() + line.size() + foot.size() + 1 <= size) {
      text += line;
    }
  }
  if (reference != 0) {
    slots.reference = slot(text.size() + reference);
  }
  text += foot;
  if (size > text.size() + 1) {
    append_filler_lines(text, size - text.size() - 1);
  }
  text += '\f';
  out += text;
  return slots;
}

}  // namespace gen
