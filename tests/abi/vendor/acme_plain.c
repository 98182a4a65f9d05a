/* A formatter in C: the payload and a line feed. */
#include <kifa/plugin.h>

#include <stdlib.h>

KIFA_PLUGIN_MARKER;

static kifa_instance* create(const kifa_host* host, kifa_error* error) {
  (void)host, (void)error;
  return malloc(1);
}
static kifa_status configure(kifa_instance* self, const kifa_setting* settings, uint32_t count,
                             uint32_t stride, kifa_error* error) {
  (void)self, (void)settings, (void)count, (void)stride, (void)error;
  return KIFA_OK;
}
static kifa_status start(kifa_instance* self, kifa_error* error) {
  (void)self, (void)error;
  return KIFA_OK;
}
static kifa_status stop(kifa_instance* self, int64_t deadline_mono_ns, kifa_error* error) {
  (void)self, (void)deadline_mono_ns, (void)error;
  return KIFA_OK;
}
static void destroy(kifa_instance* self) { free(self); }

static kifa_status format(kifa_instance* self, const kifa_record* records, uint32_t count,
                          uint32_t stride, const kifa_writer* out, kifa_error* error) {
  (void)self, (void)error;
  for (uint32_t i = 0; i < count; ++i) {
    const kifa_record* record =
        (const kifa_record*)(const void*)((const char*)records + (size_t)i * stride);
    kifa_status status = out->append(out, record->payload.data, record->payload.size);
    if (status == KIFA_OK) {
      status = out->append(out, "\n", 1);
    }
    if (status != KIFA_OK) {
      return status;
    }
  }
  return KIFA_OK;
}

static const kifa_lifecycle kLifecycle = {
    sizeof(kifa_lifecycle), 0, create, configure, start, stop, destroy};
static const kifa_formatter kFormatter = {sizeof(kifa_formatter), 0, NULL, format, NULL};
static const kifa_component kComponents[] = {
    {sizeof(kifa_component), KIFA_KIND_FORMATTER, "acme_plain", "The payload and a line feed.", 0,
     0, NULL, 0, sizeof(kifa_option), &kLifecycle, &kFormatter}};
static const kifa_plugin kPlugin = {sizeof(kifa_plugin),
                                    KIFA_PLUGIN_MAGIC,
                                    KIFA_ABI_MAJOR,
                                    KIFA_ABI_MINOR,
                                    0,
                                    0,
                                    "com.acme.plain",
                                    "1.0.0",
                                    "Acme Ltd",
                                    "https://acme.example",
                                    "MIT",
                                    kComponents,
                                    1,
                                    sizeof(kifa_component)};

const kifa_plugin* kifa_plugin_v1(void) { return &kPlugin; }
