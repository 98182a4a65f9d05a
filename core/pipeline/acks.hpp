#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::pipeline {

// What the option `ack` says: the text for a record that is durable, with {lsn} in it, and the one
// for a record that is refused, with {reason}. Both empty: senders hear nothing.
struct AckOptions {
  std::string ok;
  std::string error;

  [[nodiscard]] bool wanted() const { return !ok.empty() || !error.empty(); }
};

// "OK 7\n" and "ERR the disk is full\n".
[[nodiscard]] AckOptions line_acks();

// Makes the answers to records from the texts of the options.
//
// Threads: immutable.
class Acks final {
 public:
  explicit Acks(const AckOptions& options);

  [[nodiscard]] bool wanted() const { return wanted_; }
  // Appends the answer. `lsn` 0: the record was dropped by configuration.
  void add_ok(std::uint64_t lsn, std::string& answers) const;
  void add_error(std::string_view reason, std::string& answers) const;

 private:
  // A text in the pieces between its placeholders.
  using Pieces = std::vector<std::string>;
  static Pieces cut(std::string_view text, std::string_view placeholder);
  static void join(const Pieces& pieces, std::string_view value, std::string& answers);

  bool wanted_;
  Pieces ok_;
  Pieces error_;
};

// Why a record was refused, in words without a line break.
[[nodiscard]] std::string_view refusal_of(kifa_status status);

}  // namespace kifa::pipeline
