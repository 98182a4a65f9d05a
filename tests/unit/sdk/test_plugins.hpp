#pragma once

#include <kifa/plugin.h>

// Two of the test plugins, linked into the test as built-ins.
extern "C" const kifa_plugin* kifa_builtin_good_cpp() noexcept;
extern "C" const kifa_plugin* kifa_builtin_thrower() noexcept;
