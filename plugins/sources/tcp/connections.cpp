#include "plugins/sources/tcp/connections.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kifa::plugins::tcp_source {

namespace {

constexpr std::size_t kEventsMax = 64;

}  // namespace

sdk::Status Connections::open(Limits limits) {
  limits_ = limits;
  if (sdk::Status opened = input_.open(); opened.failed()) {
    return opened;
  }
  return output_.open();
}

void Connections::close() {
  connections_.clear();
  settling_ = 0;
  silence_.clear();
  sending_.clear();
  ending_.clear();
  pending_.clear();
  input_.close();
  output_.close();
}

Connection* Connections::add(std::uint64_t stream, Channel channel, std::string peer) {
  if (!input_.add(channel.fd(), EPOLLIN, stream)) {
    return nullptr;
  }
  Connection& connection = connections_[stream];
  connection.stream = stream;
  connection.channel = std::move(channel);
  connection.peer = std::move(peer);
  connection.heard_ns = host_.now_mono_ns();
  connection.silence = silence_.insert(silence_.end(), stream);
  return &connection;
}

Connection* Connections::find(std::uint64_t stream) {
  const auto found = connections_.find(stream);
  return found == connections_.end() ? nullptr : &found->second;
}

void Connections::forget(const Connection& connection) {
  const std::uint64_t stream = connection.stream;
  sending_.erase(stream);
  connections_.erase(stream);
}

// ---- input ----

void Connections::heard(Connection& connection) {
  connection.heard_ns = host_.now_mono_ns();
  silence_.splice(silence_.end(), silence_, connection.silence);
}

void Connections::stop_reading(Connection& connection) {
  if (!std::exchange(connection.input_ended, true)) {
    input_.remove(connection.channel.fd());
    silence_.erase(connection.silence);
    ++settling_;
  }
}

void Connections::end_input(Connection& connection) {
  if (!connection.input_ended) {
    stop_reading(connection);
    ending_.push_back(connection.stream);
  }
}

void Connections::note_pending(Connection& connection) {
  if (connection.channel.has_pending() && !connection.input_ended &&
      !std::exchange(connection.is_pending, true)) {
    pending_.push_back(connection.stream);
  }
}

Connection* Connections::take_pending() {
  while (!pending_.empty()) {
    Connection* connection = find(pending_.front());
    pending_.pop_front();
    if (connection == nullptr) {
      continue;
    }
    connection->is_pending = false;
    // One that is paused is noted again when its peer has taken answers.
    if (!connection->input_ended && !connection->is_paused) {
      return connection;
    }
  }
  return nullptr;
}

void Connections::end_silent() {
  const std::int64_t now_ns = host_.now_mono_ns();
  while (limits_.idle_timeout_ns != 0 && !silence_.empty()) {
    Connection& connection = *find(silence_.front());
    if (now_ns - connection.heard_ns < limits_.idle_timeout_ns) {
      return;
    }
    if (connection.is_paused) {
      heard(connection);  // it is we who do not listen
      continue;
    }
    if (host_.logs(KIFA_LOG_DEBUG)) {
      host_.debug(connection.peer + " was silent for idle_timeout; its connection is closed");
    }
    end_input(connection);
  }
}

std::int64_t Connections::next_time(bool reads) {
  std::int64_t at = kNever;
  if (reads && limits_.idle_timeout_ns != 0 && !silence_.empty()) {
    at = find(silence_.front())->heard_ns + limits_.idle_timeout_ns;
  }
  for (const std::uint64_t stream : sending_) {
    at = std::min(at, find(stream)->moved_ns + limits_.reply_timeout_ns);
  }
  return at;
}

// ---- answers ----

sdk::Status Connections::reply(std::uint64_t stream, sdk::Bytes bytes) {
  Connection* connection = find(stream);
  if (connection == nullptr || connection->is_broken) {
    return sdk::Status::unavailable("the peer is gone");
  }
  switch (connection->output.send(connection->channel, bytes)) {
    case Output::Outcome::sent:
      return {};
    case Output::Outcome::waits:
      wait_for_peer(*connection);
      return {};
    case Output::Outcome::too_slow:
      tell_slow(*connection);
      break;
    case Output::Outcome::gone:
      break;
  }
  break_off(*connection);
  host_.wake();  // the host is to hear of the end
  return sdk::Status::unavailable("the peer does not take its answers");
}

void Connections::release(std::uint64_t stream) {
  Connection* connection = find(stream);
  if (connection == nullptr) {
    return;
  }
  stop_reading(*connection);
  connection->is_released = true;
  --settling_;
  if (!connection->is_sending) {
    forget(*connection);
  }
}

void Connections::wait_for_peer(Connection& connection) {
  if (!std::exchange(connection.is_sending, true)) {
    connection.moved_ns = host_.now_mono_ns();
    sending_.insert(connection.stream);
    // Without room for it there the time limit ends the connection.
    output_.add(connection.channel.fd(), EPOLLOUT, connection.stream);
    host_.wake();  // to set the time limit
  }
  if (connection.output.is_high() && !connection.is_paused && !connection.input_ended) {
    connection.is_paused = true;
    input_.change(connection.channel.fd(), 0, connection.stream);
  }
}

void Connections::send_waiting() {
  if (sending_.empty()) {
    return;
  }
  const std::int64_t now_ns = host_.now_mono_ns();
  std::array<epoll_event, kEventsMax> events{};
  for (const epoll_event& event : output_.ready(events)) {
    if (Connection* connection = find(event.data.u64); connection != nullptr) {
      send_waiting_of(*connection, now_ns);
    }
  }
  for (const std::uint64_t stream : std::vector(sending_.begin(), sending_.end())) {
    Connection& connection = *find(stream);
    if (now_ns - connection.moved_ns >= limits_.reply_timeout_ns) {
      tell_slow(connection);
      break_off(connection);
    }
  }
}

// May forget the connection.
void Connections::send_waiting_of(Connection& connection, std::int64_t now_ns) {
  const std::size_t before = connection.output.unsent();
  const Output::Outcome outcome = connection.output.flush(connection.channel);
  if (connection.output.unsent() < before) {
    connection.moved_ns = now_ns;
  }
  if (outcome == Output::Outcome::gone) {
    break_off(connection);
    return;
  }
  if (connection.is_paused && !connection.output.is_high() && !connection.input_ended) {
    connection.is_paused = false;
    heard(connection);
    input_.change(connection.channel.fd(), EPOLLIN, connection.stream);
    note_pending(connection);
  }
  if (outcome == Output::Outcome::sent) {
    stop_sending(connection);
  }
}

// May forget the connection.
void Connections::stop_sending(Connection& connection) {
  if (std::exchange(connection.is_sending, false)) {
    output_.remove(connection.channel.fd());
    sending_.erase(connection.stream);
  }
  if (connection.is_released) {
    forget(connection);
  }
}

// An answer is lost: a later one would stand in its place. May forget the connection.
void Connections::break_off(Connection& connection) {
  connection.is_broken = true;
  end_input(connection);
  stop_sending(connection);
}

void Connections::tell_slow(const Connection& connection) {
  notices_.tell(Notice::slow, connection.peer + " does not read its answers; it is cut off");
}

}  // namespace kifa::plugins::tcp_source
