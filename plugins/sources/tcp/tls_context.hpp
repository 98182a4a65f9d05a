#pragma once

#include <kifa/sdk.hpp>

#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace kifa::plugins::tcp_source {

// What all TLS connections of a source share: its certificate, its key, and whose certificates its
// peers must show. TLS 1.2 is the least; sessions are not resumed, so every peer proves itself
// every time.
//
// Threads: confined.
// Errors:  INVALID or IO, one sentence that begins with the option and names the file. A
// certificate
//          that is out of date is told as an error in the log and used: peers that check it will
//          not come, but those that do not still do.
class TlsContext final {
 public:
  struct Options {
    std::string certificate;  // a file, as all of them; empty: no TLS
    std::string key;
    std::string client_ca;  // empty: peers need no certificate
  };

  static sdk::Status open(const Options& options, const sdk::Host& host,
                          std::unique_ptr<TlsContext>& opened);

  struct SessionDeleter {
    void operator()(ssl_st* session) const;
  };
  using Session = std::unique_ptr<ssl_st, SessionDeleter>;
  // For one more connection; null: out of memory.
  [[nodiscard]] Session new_session() const;

 private:
  struct Deleter {
    void operator()(ssl_ctx_st* context) const;
  };

  TlsContext();
  sdk::Status use_certificate(const std::string& path, const sdk::Host& host);
  sdk::Status use_key(const std::string& path, const std::string& certificate);
  sdk::Status use_client_ca(const std::string& path);

  std::unique_ptr<ssl_ctx_st, Deleter> context_;
};

}  // namespace kifa::plugins::tcp_source
