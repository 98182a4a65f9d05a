#pragma once

namespace kifa::detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace kifa::detail

// Stops the process when our own code contradicts itself; on in release builds too. Never for
// outside input.
#define KIFA_ASSERT(expression)        \
  ((expression) ? static_cast<void>(0) \
                : ::kifa::detail::assertion_failed(#expression, __FILE__, __LINE__))

// The same for checks that are too costly for release builds.
#ifdef NDEBUG
#define KIFA_DASSERT(expression) static_cast<void>(0)
#else
#define KIFA_DASSERT(expression) KIFA_ASSERT(expression)
#endif
