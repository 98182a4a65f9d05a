#pragma once

#include <kifa/sdk/host.hpp>
#include <kifa/sdk/source.hpp>
#include <kifa/sdk/status.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace kifa::sdk {
inline namespace v1 {

using Records = Strided<kifa_record>;

// One batch of records that travel together. Valid during write().
class BatchView final {
 public:
  explicit BatchView(const kifa_batch* batch) : batch_(batch) {}

  [[nodiscard]] std::uint64_t ticket() const { return batch_->ticket; }
  [[nodiscard]] std::string_view origin() const { return text_of(batch_->origin); }
  [[nodiscard]] Records records() const {
    return {batch_->records, batch_->record_count, batch_->record_stride};
  }
  [[nodiscard]] Strided<kifa_checkpoint> checkpoints() const {
    return {batch_->checkpoints, batch_->checkpoint_count, batch_->checkpoint_stride};
  }
  [[nodiscard]] Strided<kifa_gap> gaps() const {
    return {batch_->gaps, batch_->gap_count, batch_->gap_stride};
  }
  // Sinks with KIFA_SINK_TEXT: the records through `format:`.
  [[nodiscard]] std::string_view text() const { return text_of(batch_->text); }

  [[nodiscard]] const kifa_batch* raw() const { return batch_; }

 private:
  const kifa_batch* batch_;
};

// The batches of one write(), in ticket order.
class Batches final {
 public:
  class Iterator final {
   public:
    using value_type = BatchView;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = void;
    using reference = BatchView;

    explicit Iterator(const kifa_batch* const* at) : at_(at) {}
    BatchView operator*() const { return BatchView(*at_); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const kifa_batch* const* at_;
  };

  Batches(const kifa_batch* const* first, std::uint32_t count) : first_(first), count_(count) {}
  [[nodiscard]] std::uint32_t size() const { return count_; }
  [[nodiscard]] Iterator begin() const { return Iterator(first_); }
  [[nodiscard]] Iterator end() const { return Iterator(first_ + count_); }
  BatchView operator[](std::uint32_t index) const { return BatchView(first_[index]); }
  [[nodiscard]] const kifa_batch* const* raw() const { return first_; }

 private:
  const kifa_batch* const* first_;
  std::uint32_t count_;
};

// Takes the checkpoints of an origin; valid during load_checkpoints().
class CheckpointOut final {
 public:
  explicit CheckpointOut(const kifa_checkpoint_out* out) : out_(out) {}
  // Anything but KIFA_OK: return it.
  [[nodiscard]] kifa_status entry(const Checkpoint& checkpoint) const {
    const kifa_checkpoint raw = detail::to_abi_checkpoint(checkpoint);
    return out_->entry(out_, &raw);
  }

 private:
  const kifa_checkpoint_out* out_;
};

// Keeps or forwards batches, and says through host().settle() what became of each.
//
// Threads: load_checkpoints and those of Component on the control thread; write and flush
//          serialised, on any host thread. settle() from any thread.
// Errors:  AGAIN and NO_SPACE of write: the host offers what was not taken again. Any other failure
//          ends the pipeline.
class Sink : public Component {
 public:
  using Component::Component;

  // Copies or encodes the batches and returns; counts each one it took in `taken`. Every taken
  // batch is settled once, in ticket order, from inside this call or later.
  virtual Status write(Batches batches, std::uint32_t& taken) = 0;
  // OK: everything taken is settled.
  virtual Status flush(std::int64_t /*deadline_mono_ns*/) { return {}; }
  // Needs KIFA_SINK_CHECKPOINTS: every checkpoint stored for `origin` ("pipeline/source").
  virtual Status load_checkpoints(std::string_view /*origin*/, CheckpointOut /*out*/) {
    return Status::unsupported("this sink keeps no checkpoints");
  }
  // The operator wants writing to be safer (1) or faster (-1) from now on. Sinks that share what
  // they write to get the same `request`, and take the step once.
  virtual Status shift_mode(std::int32_t /*step*/, std::uint64_t /*request*/) { return {}; }
};

}  // namespace v1
}  // namespace kifa::sdk
