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
// With a certificate every connection begins with a handshake of TLS (see entrance.hpp); its stream
// begins when that is done.
//
// On a stop, what the kernel had accepted is taken in: connections that wait at the door, and the
// bytes that have arrived by then.

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <kifa/sdk.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "plugins/sources/shared/address_file.hpp"
#include "plugins/sources/tcp/connections.hpp"
#include "plugins/sources/tcp/entrance.hpp"
#include "plugins/sources/tcp/epoll.hpp"
#include "plugins/sources/tcp/notices.hpp"
#include "plugins/sources/tcp/settings.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::Address;
using kifa::plugins::write_address_file;
using kifa::plugins::tcp_source::Channel;
using kifa::plugins::tcp_source::Connection;
using kifa::plugins::tcp_source::Connections;
using kifa::plugins::tcp_source::Entrance;
using kifa::plugins::tcp_source::kOptions;
using kifa::plugins::tcp_source::PeerNotices;
using kifa::plugins::tcp_source::read_settings;
using kifa::plugins::tcp_source::TcpSettings;

constexpr std::size_t kReadBytes = std::size_t{64} << 10U;  // of one connection in one round
constexpr std::size_t kEventsMax = 64;                      // of one round
constexpr std::size_t kTlsRecordBytes = std::size_t{16} << 10U;
constexpr std::int64_t kNever = Connections::kNever;

class Tcp final : public sdk::Source {
 public:
  explicit Tcp(sdk::Host host)
      : Source(host),
        notices_(host),
        connections_(host, notices_),
        entrance_(host, notices_, connections_) {}

  sdk::Status configure(const sdk::Settings& settings) override {
    if (sdk::Status read = read_settings(settings, settings_); read.failed()) {
      return read;
    }
    open_count_ = host().gauge("connections", "", "Connections that are open.");
    entrance_.register_metrics();
    return {};
  }

  sdk::Status start() override {
    if (sdk::Status opened = connections_.open(settings_.limits); opened.failed()) {
      return opened;
    }
    if (sdk::Status opened = entrance_.open(settings_.entrance); opened.failed()) {
      return opened;
    }
    const std::vector<Address> addresses = entrance_.addresses();
    if (!settings_.address_file.empty()) {
      if (sdk::Status written = write_address_file(settings_.address_file, addresses);
          written.failed()) {
        return written;
      }
      address_file_written_ = true;
    }
    for (const Address& address : addresses) {
      host().info("listening on " + address.text());
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
    entrance_.close();
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
    std::int64_t at = std::min(connections_.next_time(reads), entrance_.next_time());
    if (reads && connections_.has_pending()) {
      at = host().now_mono_ns();
    }
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
  void release(std::uint64_t stream) override {
    connections_.release(stream);
    entrance_.look_for_place();
  }

 private:
  // Bytes that were read and not yet taken by the host; in buffer_.
  struct Waiting {
    std::uint64_t stream = 0;
    sdk::Bytes bytes;
  };

  // ---- reading ----

  sdk::Status work(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    connections_.send_waiting();
    entrance_.look_at_time();
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
        begin_round();
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

  void begin_round() {
    std::size_t count = connections_.input().ready(std::span(events_).first(kEventsMax)).size();
    is_last_round_ = count < kEventsMax;
    // Who has bytes that no event tells of has a turn too.
    while (count < events_.size()) {
      const Connection* connection = connections_.take_pending();
      if (connection == nullptr) {
        break;
      }
      events_[count].data.u64 = connection->stream;
      ++count;
    }
    round_ = std::span(events_).first(count);
  }

  // Gives each connection of the round its turn, until there is no more room.
  sdk::Status read_round(sdk::Emitter out, bool& has_more) {
    while (!round_.empty() && out.room() > 0) {
      const std::uint64_t number = round_.front().data.u64;
      round_ = round_.subspan(1);
      sdk::Status status;
      if (Entrance::is_mine(number)) {
        status = entrance_.ready(number, out);
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
    const Channel::Received received = connection.channel.receive(std::span(buffer_).first(asked));
    has_more |= received.has_more;
    if (received.bytes > 0) {
      connections_.heard(connection);
      waiting_ = {connection.stream, sdk::Bytes(buffer_).first(received.bytes)};
    }
    if (received.has_ended) {
      // The peer's end, or the connection's: what came before counts the same.
      connections_.end_input(connection);
    } else {
      connections_.note_pending(connection);
    }
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
    entrance_.let_in_last(out);
    round_ = {};
    connections_.for_each([this](Connection& connection) {
      int arrived = 0;
      if (connection.input_ended || ::ioctl(connection.channel.fd(), FIONREAD, &arrived) != 0) {
        return;
      }
      // Of TLS there may be a record that was taken from the socket and not read to its end.
      connection.drain_left = static_cast<std::uint64_t>(std::max(arrived, 0)) +
                              (connection.channel.has_pending() ? kTlsRecordBytes : 0);
      if (connection.drain_left > 0) {
        draining_.push_back(connection.stream);
      }
    });
  }

  TcpSettings settings_;
  bool address_file_written_ = false;
  sdk::Metric open_count_;

  PeerNotices notices_;
  Connections connections_;
  Entrance entrance_;

  std::array<epoll_event, 2 * kEventsMax> events_{};
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
