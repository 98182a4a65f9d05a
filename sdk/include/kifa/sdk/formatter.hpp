#pragma once

#include <kifa/sdk/host.hpp>
#include <kifa/sdk/sink.hpp>
#include <kifa/sdk/status.hpp>

#include <cstddef>
#include <string_view>

namespace kifa::sdk {
inline namespace v1 {

// Where a formatter puts its bytes; valid during the call. Each append is a call into the host:
// gather a batch's bytes in a buffer that is kept between calls, then append it once.
class Writer final {
 public:
  explicit Writer(const kifa_writer* out) : out_(out) {}

  // Anything but KIFA_OK: stop and return it.
  [[nodiscard]] kifa_status append(std::string_view text) const {
    return out_->append(out_, text.data(), text.size());
  }
  [[nodiscard]] kifa_status append(Bytes bytes) const {
    return out_->append(out_, bytes.data(), bytes.size());
  }

 private:
  const kifa_writer* out_;
};

// Turns records into bytes. The same records give the same bytes.
//
// Threads: those of Component on the control thread; the others serialised, on any host thread.
class Formatter : public Component {
 public:
  using Component::Component;

  virtual Status begin(Writer /*out*/) { return {}; }  // a header
  virtual Status format(const Records& records, Writer out) = 0;
  virtual Status end(Writer /*out*/) { return {}; }
};

}  // namespace v1
}  // namespace kifa::sdk
