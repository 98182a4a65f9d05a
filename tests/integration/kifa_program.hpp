#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.hpp"

// The programs under test and the ways in which every test uses them.
namespace kifa::test {

// Sanitizers make everything several times slower: the same tests run with fewer repetitions.
#ifdef KIFA_TEST_SMALL
inline constexpr bool kSmall = true;
#else
inline constexpr bool kSmall = false;
#endif

// This build's kifa, or the delivery that the environment names (tests/deliveries).
[[nodiscard]] std::string program_under_test();

inline const std::string kKifa = program_under_test();
inline const std::string kBuildDirectory = KIFA_TEST_BUILD_DIR;
inline const std::string kSourceDirectory = KIFA_TEST_SOURCE_DIR;
inline const std::string kPython = KIFA_TEST_PYTHON;
inline const std::string kCmake = KIFA_TEST_CMAKE;

// Starts `kifa` with these arguments; the environment has no KIFA_* variables.
[[nodiscard]] Launch kifa(std::vector<std::string> arguments);

Ending run_kifa(std::vector<std::string> arguments, std::string_view input = {});
// The same for a command that, run by root, becomes the owner of the store: the search for leaks at
// its end is not allowed to look into such a process.
Ending run_kifa_for_another_user(std::vector<std::string> arguments);

// Stores `input` and requires success.
void ingest(const std::string& directory, std::string_view input,
            const std::vector<std::string>& more = {});

// What `kifa query` prints in one format, after requiring success.
[[nodiscard]] std::string query(const std::string& directory, const std::string& format,
                                const std::vector<std::string>& more = {});

// `kifa stats --json`, after requiring success, and one number of it.
[[nodiscard]] std::string stats_json(const std::string& directory);
[[nodiscard]] std::uint64_t json_number(std::string_view json, std::string_view key);
[[nodiscard]] std::uint64_t stats_number(const std::string& directory, std::string_view key);

// The payloads of `kifa query --format text`, one an element, as printed.
[[nodiscard]] std::vector<std::string> payloads(const std::string& directory,
                                                const std::vector<std::string>& more = {});

// Requires that the text output of a query is the lines first..last of generated_lines.hpp, in
// order, once. Returns how many there were.
std::uint64_t require_generated(std::string_view text, std::uint64_t first);

// Names, modes, modification times and contents of everything below `directory`, as one text that
// differs when anything differs.
[[nodiscard]] std::string fingerprint(const std::string& directory);

void write_file(const std::string& path, std::string_view text);
[[nodiscard]] std::string read_file(const std::string& path);

// Requires that `ending` has this exit code and told one sentence that contains `words`.
void require_refusal(const Ending& ending, int exit_code, std::string_view words);

}  // namespace kifa::test
