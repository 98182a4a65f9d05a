"""What the headers declare that cmake/KifaPrecompile.cmake compiles once for all sources.

No build notices that a file does not include them: they stand before every source. Nor does
clang-tidy, which reads several sources as one file.
"""

import re

STANDARD = {
    "algorithm": r"(?:min|max|clamp|sort|stable_sort|find|find_if|find_if_not|any_of|all_of|"
                 r"none_of|count|count_if|unique|transform|replace|equal|copy|copy_n|fill|fill_n|"
                 r"search|reverse|remove_if|lower_bound|upper_bound|equal_range|binary_search|"
                 r"merge|partition|rotate|push_heap|pop_heap|make_heap|max_element|min_element|"
                 r"minmax|for_each|generate|mismatch|lexicographical_compare|is_sorted|"
                 r"nth_element)\b(?=[(<])|ranges::(?!views)\w+\b(?=[(<])",
    "array": r"(?:array|to_array)\b",
    "chrono": r"chrono\b",
    "cstdint": r"u?int(?:8|16|32|64|ptr|max)_t\b",
    "deque": r"deque\b",
    "filesystem": r"filesystem\b",
    "functional": r"(?:function|hash|less|greater|greater_equal|less_equal|plus|"
                  r"invoke|bind_front|move_only_function|reference_wrapper|ref|cref)\b(?=[<({])",
    "map": r"(?:multi)?map\b(?=<)",
    "memory": r"(?:unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared|"
              r"make_unique_for_overwrite|enable_shared_from_this|addressof|destroy_at|"
              r"construct_at)\b",
    "mutex": r"(?:recursive_|timed_)?mutex\b|(?:lock_guard|unique_lock|scoped_lock|call_once|"
             r"once_flag)\b",
    "optional": r"(?:optional|nullopt|make_optional)\b",
    "span": r"(?:span|as_bytes|as_writable_bytes)\b",
    "string": r"(?:string|to_string|getline|stoi|stoul)\b",
    "string_view": r"string_view\b",
    "utility": r"(?:exchange|pair|make_pair|swap|forward|move|cmp_less|unreachable|to_underlying|"
               r"in_place)\b(?=[(<])",
    "vector": r"vector\b",
}
NAMES = {header: re.compile(rf"\bstd::(?:{names})") for header, names in STANDARD.items()}
NAMES["fmt/format.h"] = re.compile(r"\bfmt::")
# Headers that promise as much of another, or cannot do without.
PROVIDED_BY = {
    "string_view": {"string"},
    "utility": {"algorithm", "array", "deque", "functional", "map", "memory", "optional", "string",
                "string_view", "vector", "expected", "variant", "tuple", "set", "unordered_map"},
    "string": {"fmt/format.h", "filesystem", "system_error", "stdexcept"},
    "fmt/format.h": {"fmt/ranges.h", "fmt/chrono.h"},
}


def names_without_header(bare, reached):
    """(offset, name, header) of what a file names while its header is not among `reached`."""
    for header, names in NAMES.items():
        found = names.search(bare)
        if found and not reached & {header, *PROVIDED_BY.get(header, ())}:
            yield found.start(), found.group(), header
