#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/sources/shared/output.hpp"
#include "plugins/sources/tcp/channel.hpp"
#include "plugins/sources/tcp/epoll.hpp"
#include "plugins/sources/tcp/notices.hpp"

namespace kifa::plugins::tcp_source {

// One peer, which is one stream: from its accept() until the host has released the stream and the
// peer has taken its answers.
struct Connection {
  std::uint64_t stream = 0;
  Channel channel;
  std::string peer;

  std::uint64_t position = 0;  // bytes that the host has taken
  bool input_ended = false;    // nothing is read any more
  bool is_paused = false;      // not read until the peer has taken answers
  bool is_pending = false;     // among pending()
  std::uint64_t drain_left = 0;

  std::int64_t heard_ns = 0;                     // when something came
  std::list<std::uint64_t>::iterator silence{};  // its place in the order of silence

  Output output;
  std::int64_t moved_ns = 0;  // when the peer took something of what waits for it
  bool is_sending = false;    // something waits for it
  bool is_broken = false;     // an answer is lost; no more are sent
  bool is_released = false;   // by the host
};

// The open connections: which are to be read, which have been silent for too long, and what they
// have not taken of their answers.
//
// A connection whose input has ended is no longer read but stays for its answers. Pointers to it
// are good until forget(), which release(), reply() and send_waiting() may lead to.
//
// Threads: confined.
// Errors:  a peer that is gone or does not read costs its own connection only.
class Connections final {
 public:
  struct Limits {
    std::int64_t idle_timeout_ns = 0;  // 0: none
    std::int64_t reply_timeout_ns = 0;
  };
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  Connections(sdk::Host host, PeerNotices& notices) : host_(host), notices_(notices) {}

  sdk::Status open(Limits limits);
  void close();

  // Null when it cannot be waited for: the kernel has no room.
  Connection* add(std::uint64_t stream, Channel channel, std::string peer);
  Connection* find(std::uint64_t stream);
  [[nodiscard]] std::size_t size() const { return connections_.size(); }
  // Those whose peer has ended, and which stay only until the host has settled their records.
  [[nodiscard]] std::size_t settling() const { return settling_; }
  template <class Visit>
  void for_each(Visit visit) {
    for (auto& [stream, connection] : connections_) {
      visit(connection);
    }
  }

  void heard(Connection& connection);
  // Of input; the second one also notes it in ending().
  void stop_reading(Connection& connection);
  void end_input(Connection& connection);
  // Streams whose end the host has not heard of yet.
  [[nodiscard]] std::deque<std::uint64_t>& ending() { return ending_; }

  // Streams that have bytes of which no event tells; each once.
  void note_pending(Connection& connection);
  [[nodiscard]] bool has_pending() const { return !pending_.empty(); }
  // The next one that may be read now, which then is no longer among them; null: none.
  Connection* take_pending();

  // Ends who was silent for too long. Only to be asked when all that has arrived was read: who
  // could not be read is not silent.
  void end_silent();

  // As Source::reply and Source::release.
  sdk::Status reply(std::uint64_t stream, sdk::Bytes bytes);
  void release(std::uint64_t stream);
  // Sends what peers take now, and cuts off who has taken nothing for too long.
  void send_waiting();
  [[nodiscard]] bool is_sending() const { return !sending_.empty(); }

  // When end_silent() or send_waiting() has something to do; `reads`: the first counts.
  [[nodiscard]] std::int64_t next_time(bool reads);

  [[nodiscard]] Epoll& input() { return input_; }
  [[nodiscard]] int output_fd() const { return output_.fd(); }

 private:
  void wait_for_peer(Connection& connection);
  void send_waiting_of(Connection& connection, std::int64_t now_ns);
  void stop_sending(Connection& connection);
  void break_off(Connection& connection);
  void tell_slow(const Connection& connection);
  void forget(const Connection& connection);

  sdk::Host host_;
  PeerNotices& notices_;
  Limits limits_;
  Epoll input_;   // listeners, and connections that are read
  Epoll output_;  // connections for which an answer waits
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::size_t settling_ = 0;
  std::list<std::uint64_t> silence_;  // streams that are read, the longest silent first
  std::set<std::uint64_t> sending_;
  std::deque<std::uint64_t> ending_;
  std::deque<std::uint64_t> pending_;
};

}  // namespace kifa::plugins::tcp_source
