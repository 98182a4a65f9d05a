#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/types.hpp"

// Every limit that is shared between modules, in one place. A limit of one module alone stands in
// that module.
namespace kifa::limits {

inline constexpr std::uint64_t kRecordBytesMaxDefault =
    1_MiB;  // payload of one record; option `record_bytes_max`
inline constexpr std::uint64_t kRecordBytesMaxHighest = 16_MiB;  // what the option may be raised to
inline constexpr std::size_t kAttributesMax = 64;                // attributes of one record
inline constexpr std::size_t kAttributeBytesMax = 64_KiB;        // their keys and values together
inline constexpr std::size_t kNameBytesMax =
    64;  // pipeline, source and sink names: [A-Za-z0-9_-]{1,64}
inline constexpr std::size_t kCheckpointKeyBytesMax = 128;
inline constexpr std::size_t kCheckpointStateBytesMax = 1_KiB;
inline constexpr std::size_t kCheckpointStreamsMax =
    65'536;                                                // streams with a checkpoint in one store
inline constexpr std::size_t kCheckpointBytesMax = 4_MiB;  // all checkpoints of one store together
inline constexpr std::size_t kPathBytesMax = 4096;         // PATH_MAX of Linux

}  // namespace kifa::limits
