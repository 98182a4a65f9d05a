/* The plugin ABI of kifa: what a plugin exports and what the host offers it.
 *
 * Pure C (C11, also C++17 and later). A plugin is one shared library that exports one function,
 * kifa_plugin_v1(), which returns a static descriptor; everything else is reached from it. C++
 * authors use <kifa/sdk.hpp> on top of this.
 *
 * Rules that hold everywhere
 *  - Text is UTF-8 with a size. Times are int64 nanoseconds: *_unix_ns (wall clock) or *_mono_ns
 * (CLOCK_MONOTONIC).
 *  - Who allocates frees. Pointers passed into a call are valid until it returns; descriptor
 * pointers are valid for ever.
 *  - Nothing throws or longjmps across this boundary.
 *  - Structs that begin with struct_size grow at the end only; read later fields through KIFA_HAS.
 * Arrays of such structs come with a stride: element i is at (const char*)array + i * stride.
 *  - Thread tags: [control] the host's control thread, or for start, stop, resume and
 * load_checkpoints the thread that the host gives to the instance (a start that hangs holds up
 * nobody else); [data] serialised for one instance, on any host thread; [any] any thread at any
 * time. Calls for one instance never overlap, but for those tagged [any].
 *
 * This is version 0: the ABI is not frozen yet, and a plugin must be built with the header of the
 * kifa that loads it.
 */
#ifndef KIFA_PLUGIN_H
#define KIFA_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define KIFA_NOEXCEPT noexcept
extern "C" {
#else
#define KIFA_NOEXCEPT
#endif

#define KIFA_ABI_MAJOR 1
#define KIFA_ABI_MINOR 0
#define KIFA_PLUGIN_MAGIC 0x4146494Bu /* the bytes "KIFA" */

#if defined(__GNUC__)
#define KIFA_EXPORT __attribute__((visibility("default")))
#else
#define KIFA_EXPORT
#endif

/* Puts the section "kifa_abi1" into the library: the host looks for it before any code of the
 * plugin runs. Once a library, at file scope. */
#define KIFA_PLUGIN_MARKER                                                         \
  __attribute__((section("kifa_abi1"), used,                                       \
                 retain)) static const unsigned char kifa_plugin_abi_marker[4] = { \
      KIFA_ABI_MAJOR, KIFA_ABI_MINOR, 0, 0}

/* True if `ptr` comes from a side that knows `field`. */
#ifdef __cplusplus
#define KIFA_HAS(ptr, field)                                                                \
  ((ptr)->struct_size >= static_cast<size_t>(reinterpret_cast<const char*>(&(ptr)->field) - \
                                             reinterpret_cast<const char*>(ptr)) +          \
                             sizeof((ptr)->field))
#else
#define KIFA_HAS(ptr, field) \
  ((ptr)->struct_size >=     \
   (size_t)((const char*)&(ptr)->field - (const char*)(ptr)) + sizeof((ptr)->field))
#endif

typedef struct kifa_str {
  const char* data; /* not NUL-terminated */
  size_t size;
} kifa_str;

typedef struct kifa_bytes {
  const uint8_t* data;
  size_t size;
} kifa_bytes;

/* >= 0: went well. Values are never reused. */
typedef int32_t kifa_status;
enum {
  KIFA_OK = 0,
  KIFA_AGAIN = 1,        /* nothing (more) now: ran dry, or not taken, offer it again */
  KIFA_END = 2,          /* finished for good */
  KIFA_INTERNAL = -1,    /* a fault of the component itself */
  KIFA_INVALID = -2,     /* bad settings or bad data */
  KIFA_UNSUPPORTED = -3, /* not on this system, not by this component */
  KIFA_UNAVAILABLE = -4, /* the outside is away; the host stops, backs off and starts again */
  KIFA_IO = -5,          /* a device or disk error */
  KIFA_NO_SPACE = -6,    /* disk full or budget used up; offer it again later */
  KIFA_CORRUPT = -7,     /* stored data is damaged */
  KIFA_NO_MEMORY = -8,   /* a limit of memory is reached */
  KIFA_LOCKED = -9       /* another process holds it */
};

/* One sentence about a failure. The caller allocates it and sets struct_size; the callee fills it
 * only when it fails. The message ends with NUL, says what failed and what to do, and names the
 * option if one is to blame. */
typedef struct kifa_error {
  uint32_t struct_size;
  kifa_status code;
  int32_t sys_errno; /* 0 when no system call failed */
  char message[512];
} kifa_error;

typedef struct kifa_attr {
  kifa_str key;
  kifa_str value;
} kifa_attr;

/* kifa_record.flags */
enum {
  KIFA_RECORD_TRUNCATED = 1 << 0, /* bytes behind record_bytes_max were dropped (and counted) */
  KIFA_RECORD_SPLIT =
      1 << 1, /* an oversize record cut in pieces: this piece is continued by the next record */
  KIFA_RECORD_PARTIAL = 1 << 2, /* the stream ended before the record's end was seen */
  KIFA_RECORD_RESENT = 1 << 3   /* the device sent this record again */
};

/* One record. Its layout is frozen (64-bit: 48 bytes); new facts come as attributes. */
typedef struct kifa_record {
  uint64_t lsn; /* 0 until stored */
  int64_t observed_unix_ns;
  kifa_bytes payload;
  const kifa_attr* attrs; /* records of one stream share one array: compare the pointer */
  uint32_t attr_count;
  uint32_t flags;
} kifa_record;

/* Option and setting types */
enum {
  KIFA_TYPE_BOOL = 1,     /* integer 0 or 1 */
  KIFA_TYPE_INT = 2,      /* integer */
  KIFA_TYPE_DOUBLE = 3,   /* number */
  KIFA_TYPE_STRING = 4,   /* text */
  KIFA_TYPE_ENUM = 5,     /* text, one of the choices */
  KIFA_TYPE_DURATION = 6, /* integer, nanoseconds; written 250ms, 2s, 1h30m */
  KIFA_TYPE_SIZE = 7,     /* integer, bytes; written 64KiB, 1MiB, 4096 */
  KIFA_TYPE_PATH = 8,     /* text, made absolute by the host */
  KIFA_TYPE_STRING_LIST = 9
};

/* kifa_option.flags */
enum {
  KIFA_OPTION_REQUIRED = 1 << 0,
  KIFA_OPTION_SECRET = 1 << 1, /* never logged or printed */
  KIFA_OPTION_DEPRECATED = 1 << 2
};

/* One option that a component declares: it drives validation, documentation and the schema. */
typedef struct kifa_option {
  uint32_t struct_size, type, flags, reserved0;
  const char *name, *summary; /* snake_case; one sentence */
  const char* unit;           /* for INT and DOUBLE, for example "records"; else null */
  const char* default_text;   /* as it would stand in the YAML; null: none */
  const char* choices;        /* ENUM: "split|truncate|reject"; else null */
  double min, max;            /* INT, DOUBLE, DURATION (ns), SIZE (bytes); both 0: not limited */
} kifa_option;

/* kifa_setting.flags */
enum { KIFA_SETTING_DEFAULTED = 1 << 0 /* the user did not write it: the default */ };

/* One option's value. configure() gets one for every declared option that has a value or a default,
 * already checked against the declaration. */
typedef struct kifa_setting {
  uint32_t struct_size, type, flags, list_count;
  const char* name;
  kifa_str text;
  int64_t integer;
  double number;
  const kifa_str* list;
} kifa_setting;

/* kifa_stream.flags */
enum {
  KIFA_STREAM_RESUMABLE = 1 << 0, /* can be read again from a position after a restart */
  KIFA_STREAM_REPLY = 1 << 1,     /* reply() works for it */
  KIFA_STREAM_DATAGRAM = 1 << 2,  /* every chunk is a message of its own */
  KIFA_STREAM_OFFSETS = 1 << 3    /* each record gets the attribute `offset`: where in the stream it
                                     begins */
};

typedef struct kifa_stream {
  uint32_t struct_size, flags;
  uint64_t stream;   /* number: never used twice in an instance's life */
  uint64_t position; /* offset of the next byte to come */
  kifa_str key; /* RESUMABLE: lasting name, unique in the source, at most 128 bytes, never reused */
  kifa_bytes state; /* at most 1 KiB, the source's own (path, inode, fingerprint); stored beside the
                       position */
  const kifa_attr* attrs;
  uint32_t attr_count, reserved0;
} kifa_stream;

/* kifa_checkpoint.flags */
enum { KIFA_CHECKPOINT_FORGET = 1 << 0 /* the key is retired */ };

typedef struct kifa_checkpoint {
  uint32_t struct_size, flags;
  kifa_str key;
  uint64_t position;
  kifa_bytes state;
} kifa_checkpoint;

/* kifa_chunk.flags */
enum { KIFA_CHUNK_END = 1 << 0 /* the stream's input ends with this chunk (which may be empty) */ };

typedef struct kifa_chunk {
  uint32_t struct_size, flags;
  uint64_t stream, position; /* position: offset of the first byte in the stream */
  kifa_bytes data;
  int64_t observed_unix_ns; /* 0: now */
  const kifa_attr* attrs;   /* DATAGRAM only: added to the stream's */
  uint32_t attr_count, reserved0;
} kifa_chunk;

/* kifa_gap.reason and framing skip reasons */
enum {
  KIFA_GAP_OTHER = 0,
  KIFA_GAP_OVERFLOW = 1,   /* dropped because nobody could take it in time */
  KIFA_GAP_OVERSIZE = 2,   /* longer than record_bytes_max */
  KIFA_GAP_MALFORMED = 3,  /* bytes that belong to no record */
  KIFA_GAP_TRUNCATED = 4,  /* the sender's data was cut by the transport */
  KIFA_GAP_DEVICE = 5,     /* lost in the device or the kernel */
  KIFA_GAP_DELIMITER = 100 /* skip() only: bytes that only separate records; not a loss */
};

typedef struct kifa_gap {
  uint32_t struct_size, reason;
  uint64_t stream, records, bytes; /* what is known to be lost; 0 where unknown */
  kifa_str detail;
} kifa_gap;

/* kifa_fd.flags */
enum { KIFA_FD_INPUT = 1 << 0 /* not waited for while there is no room */ };

typedef struct kifa_fd {
  int32_t fd;
  int16_t events; /* of poll(2) */
  uint16_t flags;
} kifa_fd;

/* kifa_outcome.flags */
enum { KIFA_OUTCOME_FILTERED = 1 << 0 /* dropped by configuration; lsn 0 */ };

typedef struct kifa_outcome {
  uint64_t lsn;
  kifa_status status;
  uint32_t flags;
} kifa_outcome;

typedef struct kifa_receipt {
  uint64_t ticket, first_lsn; /* record i of the batch has first_lsn + i */
  kifa_status status;
  uint32_t reserved0;
} kifa_receipt;

typedef struct kifa_batch {
  uint32_t struct_size, record_stride;
  const kifa_record* records;
  uint32_t record_count, checkpoint_count; /* record_count 0 with checkpoints or gaps is legal */
  uint64_t ticket;                         /* queue order is ticket order */
  kifa_str origin;                         /* "pipeline/source" */
  const kifa_checkpoint* checkpoints;
  uint32_t checkpoint_stride, gap_count;
  kifa_bytes text;      /* sinks with KIFA_SINK_TEXT: the records through `format:` */
  const kifa_gap* gaps; /* losses to keep as durable events, behind the batch's records; stream is
                           the number that the source gave it */
  uint32_t gap_stride, reserved0;
} kifa_batch;

typedef struct kifa_instance kifa_instance;           /* the component's own */
typedef struct kifa_framing_state kifa_framing_state; /* the framing's own, one a stream */
typedef struct kifa_host kifa_host;
typedef struct kifa_emitter kifa_emitter;
typedef struct kifa_framing_out kifa_framing_out;
typedef struct kifa_checkpoint_out kifa_checkpoint_out;
typedef struct kifa_writer kifa_writer;

/* Log levels */
enum { KIFA_LOG_DEBUG = 1, KIFA_LOG_INFO = 2, KIFA_LOG_WARN = 3, KIFA_LOG_ERROR = 4 };

/* Metric kinds */
enum { KIFA_METRIC_COUNTER = 1, KIFA_METRIC_GAUGE = 2 };

/* What the host offers; one per instance, valid until destroy() returns. */
struct kifa_host {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;
  void* ctx;
  const char *host_version, *instance_name; /* instance_name: "pipeline/name" */
  uint32_t record_bytes_max, batch_records_max;
  void (*log)(const kifa_host*, int32_t level, kifa_str message) KIFA_NOEXCEPT; /* [any] */
  int32_t (*log_level)(const kifa_host*) KIFA_NOEXCEPT; /* [any] lowest level that is kept */
  uint32_t (*metric_register)(const kifa_host*, int32_t kind, const char* name, const char* unit,
                              const char* help) KIFA_NOEXCEPT; /* [control], before start */
  void (*metric_add)(const kifa_host*, uint32_t metric,
                     double delta_or_value) KIFA_NOEXCEPT; /* [any] */
  int64_t (*now_unix_ns)(const kifa_host*) KIFA_NOEXCEPT;  /* [any] simulated under test */
  int64_t (*now_mono_ns)(const kifa_host*) KIFA_NOEXCEPT;  /* [any] */
  const void* (*extension)(const kifa_host*,
                           const char* id)KIFA_NOEXCEPT; /* [any] "kifa.ext.x/1"; null: not there */
  void (*wake)(const kifa_host*) KIFA_NOEXCEPT;          /* [any] poll me again now */
  void (*settle)(const kifa_host*, const kifa_receipt*,
                 uint32_t count) KIFA_NOEXCEPT; /* [any] sinks, in ticket order */
};

/* kifa_emitter.flags */
enum {
  KIFA_EMIT_DRAIN = 1 << 0 /* stopping: take in what the kernel has accepted, then return END */
};

/* Where a source puts what it read; valid during poll(). */
struct kifa_emitter {
  uint32_t struct_size, flags;
  void* ctx;
  uint64_t room; /* bytes this poll may hand over; 0: replies, timers and upkeep only */
  kifa_status (*open)(const kifa_emitter*, const kifa_stream*)
      KIFA_NOEXCEPT; /* again on an open stream: new state, attrs */
  kifa_status (*chunk)(const kifa_emitter*,
                       const kifa_chunk*) KIFA_NOEXCEPT; /* AGAIN: not taken, return from poll.
                                                           NO_MEMORY: the host ended this stream */
  kifa_status (*record)(const kifa_emitter*, uint64_t stream, const kifa_record*,
                        uint64_t position) KIFA_NOEXCEPT;
  kifa_status (*gap)(const kifa_emitter*,
                     const kifa_gap*) KIFA_NOEXCEPT; /* a loss: a durable event at this place */
  kifa_status (*checkpoint)(const kifa_emitter*, const kifa_checkpoint*)
      KIFA_NOEXCEPT; /* all emitted before; or FORGET */
  void (*wake_at)(const kifa_emitter*,
                  int64_t mono_ns) KIFA_NOEXCEPT; /* call poll then, at the latest */
};

struct kifa_checkpoint_out {
  uint32_t struct_size, reserved0;
  void* ctx;
  kifa_status (*entry)(const kifa_checkpoint_out*, const kifa_checkpoint*) KIFA_NOEXCEPT;
};

struct kifa_writer {
  uint32_t struct_size, reserved0;
  void* ctx;
  kifa_status (*append)(const kifa_writer*, const void* data,
                        size_t size) KIFA_NOEXCEPT; /* failure: stop and return it */
};

/* Every component has one. All [control]. */
typedef struct kifa_lifecycle {
  uint32_t struct_size, reserved0;
  kifa_instance* (*create)(const kifa_host*, kifa_error*)KIFA_NOEXCEPT;
  kifa_status (*configure)(kifa_instance*, const kifa_setting*, uint32_t count, uint32_t stride,
                           kifa_error*) KIFA_NOEXCEPT; /* no outside effect */
  kifa_status (*start)(kifa_instance*,
                       kifa_error*) KIFA_NOEXCEPT; /* UNAVAILABLE: the host retries with back-off */
  kifa_status (*stop)(kifa_instance*, int64_t deadline_mono_ns, kifa_error*) KIFA_NOEXCEPT;
  void (*destroy)(kifa_instance*) KIFA_NOEXCEPT; /* legal in any state */
} kifa_lifecycle;

typedef struct kifa_source {
  uint32_t struct_size, reserved0;
  /* [control] All checkpoints of this source, before EVERY start. Optional. */
  kifa_status (*resume)(kifa_instance*, const kifa_checkpoint*, uint32_t count, uint32_t stride,
                        kifa_error*) KIFA_NOEXCEPT;
  /* [data] Reads what is there without waiting. OK: more at once; AGAIN: ran dry; END: finished;
   * UNAVAILABLE: stop, back off, resume, start. */
  kifa_status (*poll)(kifa_instance*, const kifa_emitter*, int64_t deadline_mono_ns,
                      kifa_error*) KIFA_NOEXCEPT;
  /* [data] Fills at most `capacity` descriptors to wait for; returns how many there are. */
  uint32_t (*descriptors)(kifa_instance*, kifa_fd*, uint32_t capacity) KIFA_NOEXCEPT;
  /* [data] Everything of the stream up to `position` is settled. Optional. */
  void (*acknowledge)(kifa_instance*, uint64_t stream, uint64_t position,
                      kifa_status) KIFA_NOEXCEPT;
  /* [data] Never inside poll; whole or nothing. Optional; needs KIFA_SOURCE_REPLIES. */
  kifa_status (*reply)(kifa_instance*, uint64_t stream, kifa_bytes, kifa_error*) KIFA_NOEXCEPT;
  /* [data] After the stream's END: all is settled and replied, close it now. Optional. */
  void (*release)(kifa_instance*, uint64_t stream) KIFA_NOEXCEPT;
} kifa_source;

/* Where a framing puts what it found; valid during feed() and durable(). `used` counts bytes of the
 * view from its start, so far in this call, and never falls. */
struct kifa_framing_out {
  uint32_t struct_size, reserved0;
  void* ctx;
  int64_t now_mono_ns;
  void (*record)(const kifa_framing_out*, kifa_bytes payload, size_t used,
                 uint32_t flags) KIFA_NOEXCEPT;
  void (*skip)(const kifa_framing_out*, size_t used,
               uint32_t reason) KIFA_NOEXCEPT; /* bytes of no record: counted */
  void (*reply)(const kifa_framing_out*,
                kifa_bytes) KIFA_NOEXCEPT; /* queued; sent right after poll */
  /* Asks for a feed with TICK, after the stream ran dry at or after that time. The last one asked
   * for counts, until it fires or new bytes come. */
  void (*wake_at)(const kifa_framing_out*, int64_t mono_ns) KIFA_NOEXCEPT;
};

/* feed() flags */
enum {
  KIFA_FEED_TICK = 1 << 0, /* a timer that was asked for; no new bytes */
  KIFA_FEED_END = 1 << 1,  /* no more will come: give what is left as a PARTIAL record. On DATAGRAM
                              streams every feed has it and is a message of its own */
  KIFA_FEED_TAIL = 1 << 2  /* the head of this oversize record has been used up already: the view
                              begins inside it. Up to 4 KiB of a record may be no payload; a head
                              in front of the payload is to be skipped (as DELIMITER) once the
                              record is seen to be oversize */
};

/* One instance a source, one state a stream. */
typedef struct kifa_framing {
  uint32_t struct_size, reserved0;
  kifa_status (*open)(kifa_instance*, const kifa_stream*, kifa_framing_state**,
                      kifa_error*) KIFA_NOEXCEPT;                   /* [data] */
  void (*close)(kifa_instance*, kifa_framing_state*) KIFA_NOEXCEPT; /* [data] */
  /* [data] view: every byte not yet used, contiguous, kept by the host; view.data[fresh] is the
   * first new one. */
  kifa_status (*feed)(kifa_instance*, kifa_framing_state*, const kifa_framing_out*, kifa_bytes view,
                      size_t fresh, uint32_t flags, kifa_error*) KIFA_NOEXCEPT;
  /* [data] Outcomes of this stream's records in the order of emission. Optional. */
  void (*durable)(kifa_instance*, kifa_framing_state*, const kifa_framing_out*, const kifa_outcome*,
                  uint32_t count) KIFA_NOEXCEPT;
} kifa_framing;

typedef struct kifa_sink {
  uint32_t struct_size, reserved0;
  /* [data] Copies or encodes the batches and returns; `taken` says how many it took. Every taken
   * batch is settled later through host->settle (also from inside this call). AGAIN or NO_SPACE:
   * offer the rest again. */
  kifa_status (*write)(kifa_instance*, const kifa_batch* const*, uint32_t count, uint32_t* taken,
                       kifa_error*) KIFA_NOEXCEPT;
  kifa_status (*flush)(kifa_instance*, int64_t deadline_mono_ns,
                       kifa_error*) KIFA_NOEXCEPT; /* OK: all taken is settled */
  /* [control] Optional; with KIFA_SINK_CHECKPOINTS. */
  kifa_status (*load_checkpoints)(kifa_instance*, kifa_str origin, const kifa_checkpoint_out*,
                                  kifa_error*) KIFA_NOEXCEPT;
  /* [control] Optional. The operator wants writing to be safer (step 1) or faster (step -1) from
   * now on. Sinks that share what they write to get the same `request` and take the step once.
   * Logs what it is now. */
  kifa_status (*shift_mode)(kifa_instance*, int32_t step, uint64_t request,
                            kifa_error*) KIFA_NOEXCEPT;
} kifa_sink;

typedef struct kifa_formatter {
  uint32_t struct_size, reserved0;
  kifa_status (*begin)(kifa_instance*, const kifa_writer*,
                       kifa_error*) KIFA_NOEXCEPT; /* [data] optional: a header */
  kifa_status (*format)(kifa_instance*, const kifa_record*, uint32_t count, uint32_t stride,
                        const kifa_writer*, kifa_error*) KIFA_NOEXCEPT; /* [data] */
  kifa_status (*end)(kifa_instance*, const kifa_writer*,
                     kifa_error*) KIFA_NOEXCEPT; /* [data] optional */
} kifa_formatter;

/* Component kinds: what kifa_component.operations points to */
enum { KIFA_KIND_SOURCE = 1, KIFA_KIND_FRAMING = 2, KIFA_KIND_SINK = 3, KIFA_KIND_FORMATTER = 4 };

/* kifa_component.flags */
enum {
  KIFA_SOURCE_BYTES = 1 << 0,   /* emits chunks: takes a `framing:` */
  KIFA_SOURCE_RECORDS = 1 << 1, /* emits whole records */
  KIFA_SOURCE_REPLIES = 1 << 2, /* reply() works */
  KIFA_SINK_TEXT = 1 << 3,      /* gets kifa_batch.text: takes a `format:` */
  KIFA_SINK_CHECKPOINTS =
      1 << 4, /* keeps checkpoints: may be a pipeline's required sink with resumable sources */
  KIFA_SOURCE_LIVE = 1 << 5 /* who sends cannot be made to wait: the thread that polls is never
                               kept by a disk */
};

typedef struct kifa_component {
  uint32_t struct_size, kind;
  const char *type, *summary; /* type: what YAML says; summary: one sentence */
  uint32_t flags, reserved0;
  const kifa_option* options;
  uint32_t option_count, option_stride;
  const kifa_lifecycle* lifecycle;
  const void* operations; /* kifa_source, kifa_framing, kifa_sink or kifa_formatter */
} kifa_component;

typedef struct kifa_plugin {
  uint32_t struct_size, magic;
  uint16_t abi_major, abi_minor; /* what the plugin was compiled with */
  uint16_t abi_minor_required;   /* oldest host it can run on */
  uint16_t reserved0;
  const char *id, *version, *vendor, *url,
      *license; /* "com.acme.fiscal-printer", semver, SPDX expression */
  const kifa_component* components;
  uint32_t component_count, component_stride;
} kifa_plugin;

/* The one exported symbol. Returns static data, does nothing else. */
KIFA_EXPORT const kifa_plugin* kifa_plugin_v1(void) KIFA_NOEXCEPT;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* KIFA_PLUGIN_H */
