/* What is frozen before the rest of the ABI: the structs that come in arrays without a stride or in
 * great numbers, and the values that are stored or compared. Compiles or does not; there is nothing
 * to run. */
#include <kifa/plugin.h>

#ifdef __cplusplus
#define KIFA_ASSERT_LAYOUT(fact) static_assert(fact, #fact)
#else
#define KIFA_ASSERT_LAYOUT(fact) _Static_assert(fact, #fact)
#endif

#if UINTPTR_MAX == UINT64_MAX
KIFA_ASSERT_LAYOUT(sizeof(kifa_str) == 16);
KIFA_ASSERT_LAYOUT(sizeof(kifa_bytes) == 16);
KIFA_ASSERT_LAYOUT(sizeof(kifa_attr) == 32);
KIFA_ASSERT_LAYOUT(offsetof(kifa_attr, key) == 0);
KIFA_ASSERT_LAYOUT(offsetof(kifa_attr, value) == 16);
KIFA_ASSERT_LAYOUT(sizeof(kifa_record) == 48);
KIFA_ASSERT_LAYOUT(offsetof(kifa_record, lsn) == 0);
KIFA_ASSERT_LAYOUT(offsetof(kifa_record, observed_unix_ns) == 8);
KIFA_ASSERT_LAYOUT(offsetof(kifa_record, payload) == 16);
KIFA_ASSERT_LAYOUT(offsetof(kifa_record, attrs) == 32);
KIFA_ASSERT_LAYOUT(offsetof(kifa_record, attr_count) == 40);
KIFA_ASSERT_LAYOUT(offsetof(kifa_record, flags) == 44);
KIFA_ASSERT_LAYOUT(sizeof(kifa_outcome) == 16);
KIFA_ASSERT_LAYOUT(sizeof(kifa_receipt) == 24);
KIFA_ASSERT_LAYOUT(sizeof(kifa_fd) == 8);
#endif
KIFA_ASSERT_LAYOUT(sizeof(((kifa_error*)0)->message) == 512);

/* Every versioned struct begins with its size; the descriptor's magic and version follow at once,
 * for all majors. */
KIFA_ASSERT_LAYOUT(offsetof(kifa_plugin, struct_size) == 0);
KIFA_ASSERT_LAYOUT(offsetof(kifa_plugin, magic) == 4);
KIFA_ASSERT_LAYOUT(offsetof(kifa_plugin, abi_major) == 8);
KIFA_ASSERT_LAYOUT(offsetof(kifa_plugin, abi_minor) == 10);
KIFA_ASSERT_LAYOUT(offsetof(kifa_plugin, abi_minor_required) == 12);

KIFA_ASSERT_LAYOUT(KIFA_PLUGIN_MAGIC == 0x4146494B);
KIFA_ASSERT_LAYOUT(KIFA_OK == 0 && KIFA_AGAIN == 1 && KIFA_END == 2);
KIFA_ASSERT_LAYOUT(KIFA_INTERNAL == -1 && KIFA_INVALID == -2 && KIFA_UNSUPPORTED == -3);
KIFA_ASSERT_LAYOUT(KIFA_UNAVAILABLE == -4 && KIFA_IO == -5 && KIFA_NO_SPACE == -6);
KIFA_ASSERT_LAYOUT(KIFA_CORRUPT == -7 && KIFA_NO_MEMORY == -8 && KIFA_LOCKED == -9);
KIFA_ASSERT_LAYOUT(KIFA_RECORD_TRUNCATED == 1 && KIFA_RECORD_SPLIT == 2 &&
                   KIFA_RECORD_PARTIAL == 4 && KIFA_RECORD_RESENT == 8);
KIFA_ASSERT_LAYOUT(KIFA_KIND_SOURCE == 1 && KIFA_KIND_FRAMING == 2 && KIFA_KIND_SINK == 3 &&
                   KIFA_KIND_FORMATTER == 4);
KIFA_ASSERT_LAYOUT(KIFA_GAP_OTHER == 0 && KIFA_GAP_OVERFLOW == 1 && KIFA_GAP_OVERSIZE == 2 &&
                   KIFA_GAP_MALFORMED == 3 && KIFA_GAP_TRUNCATED == 4 && KIFA_GAP_DEVICE == 5);

/* KIFA_HAS compiles in both languages and looks at the size only. */
static inline int knows_version(const kifa_plugin* plugin) {
  return KIFA_HAS(plugin, version) ? 1 : 0;
}
int kifa_layout_uses_it(const kifa_plugin* plugin);
int kifa_layout_uses_it(const kifa_plugin* plugin) { return knows_version(plugin); }
