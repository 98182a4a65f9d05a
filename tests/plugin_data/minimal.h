/* A source that is right in every way and does nothing: each file of this folder takes it and adds
 * one flaw. */
#ifndef KIFA_TESTS_PLUGIN_DATA_MINIMAL_H
#define KIFA_TESTS_PLUGIN_DATA_MINIMAL_H

#include <kifa/plugin.h>

static kifa_instance* minimal_create(const kifa_host* host, kifa_error* error) {
  (void)error;
  return (kifa_instance*)(uintptr_t)host; /* no state of its own; only must not be null */
}

static kifa_status minimal_configure(kifa_instance* instance, const kifa_setting* settings,
                                     uint32_t count, uint32_t stride, kifa_error* error) {
  (void)instance, (void)settings, (void)count, (void)stride, (void)error;
  return KIFA_OK;
}

static kifa_status minimal_start(kifa_instance* instance, kifa_error* error) {
  (void)instance, (void)error;
  return KIFA_OK;
}

static kifa_status minimal_stop(kifa_instance* instance, int64_t deadline_mono_ns,
                                kifa_error* error) {
  (void)instance, (void)deadline_mono_ns, (void)error;
  return KIFA_OK;
}

static void minimal_destroy(kifa_instance* instance) { (void)instance; }

static kifa_status minimal_poll(kifa_instance* instance, const kifa_emitter* out,
                                int64_t deadline_mono_ns, kifa_error* error) {
  (void)instance, (void)out, (void)deadline_mono_ns, (void)error;
  return KIFA_END;
}

static uint32_t minimal_descriptors(kifa_instance* instance, kifa_fd* first, uint32_t capacity) {
  (void)instance, (void)first, (void)capacity;
  return 0;
}

static const kifa_lifecycle kMinimalLifecycle = {
    sizeof(kifa_lifecycle), 0, minimal_create, minimal_configure, minimal_start, minimal_stop,
    minimal_destroy};

static const kifa_source kMinimalSource = {sizeof(kifa_source), 0,    NULL, minimal_poll,
                                           minimal_descriptors, NULL, NULL, NULL};

#define MINIMAL_OPTION(name, type, default_text) \
  {sizeof(kifa_option), type, 0, 0, name, "An option.", NULL, default_text, NULL, 0, 0}

#define MINIMAL_SOURCE_WITH(type, options, option_count, lifecycle, operations) \
  {sizeof(kifa_component),                                                      \
   KIFA_KIND_SOURCE,                                                            \
   type,                                                                        \
   "Ends at once.",                                                             \
   KIFA_SOURCE_BYTES,                                                           \
   0,                                                                           \
   options,                                                                     \
   option_count,                                                                \
   sizeof(kifa_option),                                                         \
   lifecycle,                                                                   \
   operations}

#define MINIMAL_SOURCE(type) MINIMAL_SOURCE_WITH(type, NULL, 0, &kMinimalLifecycle, &kMinimalSource)

#define MINIMAL_PLUGIN(id, components, component_count) \
  {sizeof(kifa_plugin),                                 \
   KIFA_PLUGIN_MAGIC,                                   \
   KIFA_ABI_MAJOR,                                      \
   KIFA_ABI_MINOR,                                      \
   0,                                                   \
   0,                                                   \
   id,                                                  \
   "1.2.0",                                             \
   "Acme Ltd",                                          \
   "https://acme.example",                              \
   "MIT",                                               \
   components,                                          \
   component_count,                                     \
   sizeof(kifa_component)}

#endif
