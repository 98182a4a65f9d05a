#pragma once

#include <string>

namespace kifa::test {

// Files of one certificate and its key, both PEM.
struct Identity {
  std::string certificate;
  std::string key;
};

// An authority of the test's own, that vouches for devices and for kifa. Its files are in a folder
// of the test.
//
// Threads: confined.
// Errors:  what a test cannot go on without throws std::runtime_error.
class Authority final {
 public:
  Authority(std::string directory, const std::string& name);
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  ~Authority();

  // Its own certificate.
  [[nodiscard]] const std::string& file() const { return file_; }
  // Valid from now + `from_seconds` to now + `to_seconds`, for 127.0.0.1.
  [[nodiscard]] Identity issue(const std::string& name, long from_seconds = -3600,
                               long to_seconds = 90L * 86'400) const;
  // A copy of the key of `identity` that nobody can read without a passphrase.
  [[nodiscard]] std::string lock_key(const Identity& identity) const;

 private:
  struct Parts;

  std::string directory_;
  std::string file_;
  Parts* parts_;
};

}  // namespace kifa::test
