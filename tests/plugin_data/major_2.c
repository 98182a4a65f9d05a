/* From the future: its section says ABI 2. Its code must not run. */
__attribute__((section("kifa_abi2"), used, retain)) static const unsigned char kMarker[4] = {2, 0,
                                                                                             0, 0};

__attribute__((constructor)) static void must_not_run(void) { __builtin_trap(); }
