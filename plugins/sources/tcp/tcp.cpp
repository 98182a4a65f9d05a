// Source `tcp`: what devices send over TCP, or over unix sockets.
//
// One stream a connection, with the attribute `peer`. It cannot be resumed: what a peer has sent
// and kifa has not stored is lost with the process, and the peer knows only from an answer.
//
// Fair: a round reads at most kReadBytes of every connection that has something, and a round that
// ran out of room goes on where it stopped. Who is slow, silent or half open costs a descriptor and
// the framing's unfinished record, nothing else. Back-pressure is not to read; the peer's window
// fills, and it waits.
//
// On a stop, what the kernel had accepted is taken in: connections that wait at the door, and the
// bytes that have arrived by then.

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <kifa/sdk.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugins/sources/shared/address_file.hpp"
#include "plugins/sources/tcp/acceptor.hpp"
#include "plugins/sources/tcp/connections.hpp"
#include "plugins/sources/tcp/epoll.hpp"
#include "plugins/sources/tcp/settings.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::write_address_file;
using kifa::plugins::tcp_source::Acceptor;
using kifa::plugins::tcp_source::Connection;
using kifa::plugins::tcp_source::Connections;
using kifa::plugins::tcp_source::kOptions;
using kifa::plugins::tcp_source::Listener;
using kifa::plugins::tcp_source::Notice;
using kifa::plugins::tcp_source::raise_descriptor_limit;
using kifa::plugins::tcp_source::read_settings;
using kifa::plugins::tcp_source::TcpSettings;

constexpr std::size_t kReadBytes = std::size_t{64} << 10U;  // of one connection in one round
constexpr std::size_t kEventsMax = 64;                      // of one round
constexpr int kAcceptsMax = 64;                             // of one listener in one round
constexpr int kDrainAcceptsMax = 4096;                      // more than a queue of listen() holds
// Descriptors that are left to the rest of kifa: a store without one cannot go on.
constexpr std::size_t kDescriptorsForOthers = 64;
constexpr std::int64_t kRestNs = 1'000'000'000;  // after accept() found no memory
constexpr std::int64_t kNever = Connections::kNever;
// Events of listeners have their index behind this bit, those of connections their stream.
constexpr std::uint64_t kListenerBit = std::uint64_t{1} << 63U;

class Tcp final : public sdk::Source {
 public:
  explicit Tcp(sdk::Host host)
      : Source(host), acceptor_(host), connections_(host, acceptor_.notices()) {}

  sdk::Status configure(const sdk::Settings& settings) override {
    if (sdk::Status read = read_settings(settings, settings_); read.failed()) {
      return read;
    }
    open_count_ = host().gauge("connections", "", "Connections that are open.");
    accepted_ = host().counter("connections_accepted", "", "Connections that were let in.");
    refused_ = host().counter("connections_refused", "", "Connections that were turned away.");
    return {};
  }

  sdk::Status start() override {
    if (sdk::Status opened = connections_.open(settings_.limits); opened.failed()) {
      return opened;
    }
    limit_connections();
    if (sdk::Status opened = acceptor_.open(settings_.acceptor); opened.failed()) {
      return opened;
    }
    listen(EPOLLIN, true);
    if (!settings_.address_file.empty()) {
      if (sdk::Status written = write_address_file(settings_.address_file, acceptor_.addresses());
          written.failed()) {
        return written;
      }
      address_file_written_ = true;
    }
    for (const auto& listener : acceptor_.listeners()) {
      host().info("listening on " + listener->address().text());
    }
    buffer_.resize(kReadBytes);
    is_draining_ = false;
    return {};
  }

  sdk::Status stop(std::int64_t /*deadline_mono_ns*/) override {
    connections_.close();
    draining_.clear();
    round_ = {};
    waiting_ = {};
    rest_until_ns_ = kNever;
    acceptor_.close();
    buffer_ = {};
    open_count_.set(0);
    if (std::exchange(address_file_written_, false)) {
      ::unlink(settings_.address_file.c_str());
    }
    return {};
  }

  sdk::Status poll(sdk::Emitter out, std::int64_t deadline_mono_ns) override {
    sdk::Status status = work(out, deadline_mono_ns);
    const bool reads = out.room() > 0 && !is_draining_;
    const std::int64_t at = std::min(connections_.next_time(reads), rest_until_ns_);
    if (at != kNever) {
      out.wake_at(at);
    }
    open_count_.set(static_cast<double>(connections_.size()));
    return status;
  }

  void descriptors(sdk::Descriptors& out) override {
    if (connections_.input().fd() >= 0) {
      out.add(connections_.input().fd(), POLLIN, KIFA_FD_INPUT);
    }
    if (connections_.is_sending()) {
      out.add(connections_.output_fd(), POLLIN);
    }
  }

  sdk::Status reply(std::uint64_t stream, sdk::Bytes bytes) override {
    return connections_.reply(stream, bytes);
  }
  void release(std::uint64_t stream) override { connections_.release(stream); }

 private:
  // Bytes that were read and not yet taken by the host; in buffer_.
  struct Waiting {
    std::uint64_t stream = 0;
    sdk::Bytes bytes;
  };

  void limit_connections() {
    const std::size_t limit =
        raise_descriptor_limit(settings_.connections_max + kDescriptorsForOthers);
    connections_max_ = std::min(settings_.connections_max,
                                limit > kDescriptorsForOthers ? limit - kDescriptorsForOthers : 1);
    if (connections_max_ < settings_.connections_max) {
      host().warn("at most " + std::to_string(connections_max_) +
                  " connections instead of max_connections " +
                  std::to_string(settings_.connections_max) + ": the process may have " +
                  std::to_string(limit) + " open files; raise that limit (ulimit -n, LimitNOFILE)");
    }
  }

  // Waits for connections at every listener, or for none.
  void listen(std::uint32_t events, bool is_new = false) {
    std::uint64_t number = kListenerBit;
    for (const auto& listener : acceptor_.listeners()) {
      if (is_new) {
        connections_.input().add(listener->fd(), events, number);
      } else {
        connections_.input().change(listener->fd(), events, number);
      }
      ++number;
    }
  }

  void open_stream(Acceptor::Peer peer, sdk::Emitter out) {
    const std::string name = peer.name;
    const kifa_attr attr{sdk::to_abi(std::string_view("peer")), sdk::to_abi(name)};
    const std::uint64_t stream = ++last_stream_;
    if (connections_.add(stream, std::move(peer)) != nullptr) {
      const kifa_status opened =
          out.open({.stream = stream, .flags = KIFA_STREAM_REPLY, .attrs = {&attr, 1}});
      if (opened == KIFA_OK) {
        accepted_.add();
        return;
      }
      connections_.release(stream);
    }
    refused_.add();
    acceptor_.notices().tell(Notice::no_room,
                             name + " is turned away: there is no room for one stream more");
  }

  sdk::Status let_in(const Listener& listener, int most, sdk::Emitter out) {
    for (int i = 0; i < most; ++i) {
      Acceptor::Peer peer;
      switch (acceptor_.accept(listener, connections_.size() >= connections_max_, peer)) {
        case Acceptor::Outcome::accepted:
          open_stream(std::move(peer), out);
          break;
        case Acceptor::Outcome::turned_away:
          refused_.add();
          break;
        case Acceptor::Outcome::nobody:
          return {};
        case Acceptor::Outcome::starved:
          listen(0);
          rest_until_ns_ = host().now_mono_ns() + kRestNs;
          return {};
        case Acceptor::Outcome::failed:
          return sdk::Status::unavailable("the socket at " + listener.address().text() +
                                          " does not accept connections any more");
      }
    }
    return {};
  }

  // ---- reading ----

  sdk::Status work(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    connections_.send_waiting();
    if (rest_until_ns_ != kNever && host().now_mono_ns() >= rest_until_ns_) {
      rest_until_ns_ = kNever;
      listen(EPOLLIN);
    }
    sdk::Status given = give_waiting(out);
    if (given.is_ok()) {
      given = give_ends(out);
    }
    if (!given.is_ok()) {
      return not_taken_is_more(given);
    }
    return out.draining() ? drain(out, deadline_mono_ns) : take(out, deadline_mono_ns);
  }

  sdk::Status take(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    if (out.room() == 0) {
      return sdk::Status::again();
    }
    while (out.room() > 0) {
      bool has_more = false;
      if (round_.empty()) {
        round_ = connections_.input().ready(events_);
        is_last_round_ = round_.size() < events_.size();
      }
      if (sdk::Status read = read_round(out, has_more); !read.is_ok()) {
        return not_taken_is_more(read);
      }
      if (!round_.empty()) {
        break;  // no room for the others
      }
      if (is_last_round_) {
        connections_.end_silent();
        if (sdk::Status given = give_ends(out); !given.is_ok()) {
          return not_taken_is_more(given);
        }
      }
      // To say AGAIN lets timers of framings fire: right when every connection had its turn, also
      // while one of them never runs dry.
      const bool is_late = host().now_mono_ns() >= deadline_mono_ns;
      if (is_last_round_ && (!has_more || is_late)) {
        return sdk::Status::again();
      }
      if (is_late) {
        break;
      }
    }
    return {};
  }

  // Gives each connection of the round its turn, until there is no more room.
  sdk::Status read_round(sdk::Emitter out, bool& has_more) {
    while (!round_.empty() && out.room() > 0) {
      const std::uint64_t number = round_.front().data.u64;
      round_ = round_.subspan(1);
      sdk::Status status;
      if ((number & kListenerBit) != 0) {
        status = let_in(*acceptor_.listeners()[number - kListenerBit], kAcceptsMax, out);
        has_more = true;  // who was let in has often sent something already
      } else if (Connection* connection = connections_.find(number);
                 connection != nullptr && !connection->input_ended) {
        status = read(*connection, kReadBytes, out, has_more);
      }
      if (status.is_ok()) {
        status = give_ends(out);
      }
      if (!status.is_ok()) {
        return status;
      }
    }
    return {};
  }

  sdk::Status read(Connection& connection, std::size_t most, sdk::Emitter out, bool& has_more) {
    const std::size_t asked = std::min<std::uint64_t>(out.room(), most);
    const ssize_t got = ::recv(connection.socket.get(), buffer_.data(), asked, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      return {};
    }
    if (got <= 0) {
      // The peer's end, or the connection's: what came before counts the same.
      connections_.end_input(connection);
      return {};
    }
    has_more |= static_cast<std::size_t>(got) == asked;
    connections_.heard(connection);
    waiting_ = {connection.stream, sdk::Bytes(buffer_).first(static_cast<std::size_t>(got))};
    return give_waiting(out);
  }

  // Hands over what was read; AGAIN: it was not taken and waits.
  sdk::Status give_waiting(sdk::Emitter out) {
    if (waiting_.bytes.empty()) {
      return {};
    }
    Connection* connection = connections_.find(waiting_.stream);
    if (connection == nullptr) {
      waiting_ = {};  // the host has ended and released it meanwhile
      return {};
    }
    const kifa_status status = out.chunk(
        {.stream = waiting_.stream, .data = waiting_.bytes, .position = connection->position});
    if (status != KIFA_OK && status != KIFA_NO_MEMORY) {
      return status;
    }
    connection->position += waiting_.bytes.size();
    waiting_ = {};
    if (status == KIFA_NO_MEMORY) {
      connections_.stop_reading(*connection);  // the host has ended it, and will release it
    }
    return {};
  }

  sdk::Status give_ends(sdk::Emitter out) {
    std::deque<std::uint64_t>& ending = connections_.ending();
    while (!ending.empty()) {
      if (const Connection* connection = connections_.find(ending.front())) {
        const kifa_status status = out.chunk({.stream = connection->stream,
                                              .position = connection->position,
                                              .flags = KIFA_CHUNK_END});
        if (status != KIFA_OK && status != KIFA_NO_MEMORY) {
          return status;
        }
      }
      ending.pop_front();
    }
    return {};
  }

  // To the host AGAIN means that only new input is worth another poll. Bytes that wait are worth
  // one as soon as there is room: that is OK.
  static sdk::Status not_taken_is_more(const sdk::Status& given) {
    return given.code() == KIFA_AGAIN ? sdk::Status::ok() : given;
  }

  // ---- the end ----

  sdk::Status drain(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    if (!std::exchange(is_draining_, true)) {
      begin_drain(out);
    }
    while (!draining_.empty()) {
      Connection* connection = connections_.find(draining_.front());
      if (connection == nullptr || connection->input_ended || connection->drain_left == 0) {
        draining_.pop_front();
        continue;
      }
      if (out.room() == 0 || host().now_mono_ns() >= deadline_mono_ns) {
        return {};
      }
      const std::uint64_t before = connection->position + waiting_.bytes.size();
      bool has_more = false;
      const std::size_t most = std::min<std::uint64_t>(connection->drain_left, kReadBytes);
      sdk::Status status = read(*connection, most, out, has_more);
      const std::uint64_t got = connection->position + waiting_.bytes.size() - before;
      connection->drain_left = got == 0 ? 0 : connection->drain_left - got;
      if (status.is_ok()) {
        status = give_ends(out);
      }
      if (!status.is_ok()) {
        return not_taken_is_more(status);
      }
    }
    return sdk::Status::end();
  }

  // What has arrived by now is taken in and not a byte more: a peer may never cease to send.
  void begin_drain(sdk::Emitter out) {
    for (const auto& listener : acceptor_.listeners()) {
      // A listener that fails has nothing to drain.
      static_cast<void>(let_in(*listener, kDrainAcceptsMax, out));
    }
    acceptor_.close();
    rest_until_ns_ = kNever;
    round_ = {};
    connections_.for_each([this](Connection& connection) {
      int arrived = 0;
      if (!connection.input_ended && ::ioctl(connection.socket.get(), FIONREAD, &arrived) == 0 &&
          arrived > 0) {
        connection.drain_left = static_cast<std::uint64_t>(arrived);
        draining_.push_back(connection.stream);
      }
    });
  }

  TcpSettings settings_;
  std::size_t connections_max_ = 0;  // with regard to the limit of descriptors
  bool address_file_written_ = false;
  sdk::Metric open_count_, accepted_, refused_;

  Acceptor acceptor_;
  Connections connections_;
  std::int64_t rest_until_ns_ = kNever;  // listeners are not looked at

  std::uint64_t last_stream_ = 0;
  std::array<epoll_event, kEventsMax> events_{};
  std::span<const epoll_event> round_;  // of events_: who still has a turn in this round
  bool is_last_round_ = false;          // behind it nobody is left
  std::vector<std::uint8_t> buffer_;
  Waiting waiting_;

  bool is_draining_ = false;
  std::deque<std::uint64_t> draining_;
};

constexpr kifa_component kComponents[] = {
    sdk::source<Tcp>("tcp", "Reads bytes from TCP connections and unix sockets.", kOptions,
                     KIFA_SOURCE_BYTES | KIFA_SOURCE_REPLIES)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.source.tcp", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
