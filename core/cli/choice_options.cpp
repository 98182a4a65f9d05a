#include "core/cli/choice_options.hpp"

#include <fmt/format.h>

#include "core/cli/time_bound.hpp"

namespace kifa::cli {
namespace {

constexpr NumberRange kLsns{.least = 1, .most = kLsnMax};

Status read_time(const Text& text, RangeEnd end, const TimeContext& context, std::int64_t& into) {
  if (text.value.empty()) {
    return {};
  }
  const auto time = parse_time_bound(text.value, end, context);
  if (!time) {
    return time.error().with_context(text.name);
  }
  into = *time;
  return {};
}

Status read_times(const ChoiceTexts& texts, std::int64_t now_unix_ns, RecordChoice& into) {
  if (texts.is_utc && texts.is_local) {
    return {Code::invalid, "--utc and --local contradict each other: give one of them"};
  }
  const TimeContext context{.now_unix_ns = now_unix_ns,
                            .zone = texts.is_local ? Zone::local : Zone::utc};
  KIFA_TRY(read_time(texts.from_time, RangeEnd::first, context, into.min_unix_ns));
  KIFA_TRY(read_time(texts.to_time, RangeEnd::last, context, into.max_unix_ns));
  if (into.min_unix_ns > into.max_unix_ns) {
    return {Code::invalid, fmt::format("--from-time {} is after --to-time {}: exchange them",
                                       texts.from_time.value, texts.to_time.value)};
  }
  return {};
}

// "input" or "till-1/input".
void read_source(const std::string& text, RecordChoice& into) {
  const std::size_t slash = text.find('/');
  into.pipeline = slash == std::string::npos ? "" : text.substr(0, slash);
  into.source = slash == std::string::npos ? text : text.substr(slash + 1);
}

Status read_matches(const std::vector<std::string>& where, RecordChoice& into) {
  if (where.size() > kMatchesMax) {
    return {Code::invalid, fmt::format("--where may be given {} times, not {}: a record has no "
                                       "more attributes",
                                       kMatchesMax, where.size())};
  }
  for (const std::string& text : where) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return {Code::invalid,
              fmt::format("--where takes ATTRIBUTE=VALUE, such as peer=10.0.0.7, not `{}`", text)};
    }
    into.matches.push_back({.key = text.substr(0, equals), .value = text.substr(equals + 1)});
  }
  return {};
}

}  // namespace

std::vector<OptionDeclaration> begin_options(ChoiceTexts& texts) {
  return {{.names = "--from-lsn",
           .value_name = "N",
           .summary = "First record",
           .into = &texts.from_lsn},
          {.names = "--from,--from-time",
           .value_name = "TIME",
           .summary = "Only records that were seen at this time or later: 1h30m ago, 2026-01-29, "
                      "'2026-01-29 12:00:00' or 2026-01-29T12:00:00+01:00",
           .into = &texts.from_time},
          {.names = "--utc",
           .value_name = "",
           .summary = "Times without a zone are UTC (default)",
           .into = &texts.is_utc},
          {.names = "--local",
           .value_name = "",
           .summary = "Times without a zone are this machine's local time",
           .into = &texts.is_local}};
}

std::vector<OptionDeclaration> end_options(ChoiceTexts& texts) {
  return {{.names = "--to-lsn", .value_name = "N", .summary = "Last record", .into = &texts.to_lsn},
          {.names = "--to,--to-time",
           .value_name = "TIME",
           .summary = "Only records that were seen at this time or earlier; a day, a minute or a "
                      "second is meant to its end",
           .into = &texts.to_time}};
}

std::vector<OptionDeclaration> filter_options(ChoiceTexts& texts) {
  return {{.names = "--source",
           .value_name = "NAME",
           .summary = "Only records of this source: its name, or PIPELINE/NAME",
           .into = &texts.source},
          {.names = "--grep",
           .value_name = "REGEX",
           .summary = "Only records whose payload matches this regular expression (RE2; (?i) at "
                      "its beginning: in upper and lower case)",
           .into = &texts.grep},
          {.names = "--where",
           .value_name = "ATTRIBUTE=VALUE",
           .summary = "Only records with this attribute, such as peer=10.0.0.7. May be given "
                      "several times: all must hold",
           .into = &texts.where},
          {.names = "-l,--limit",
           .value_name = "N",
           .summary = "At most N records (0: all)",
           .into = &texts.limit}};
}

std::vector<OptionDeclaration> order_options(ChoiceTexts& texts) {
  return {{.names = "--last",
           .value_name = "N",
           .summary = "Of what is chosen, only the last N records",
           .into = &texts.last},
          {.names = "--reverse",
           .value_name = "",
           .summary = "The newest first",
           .into = &texts.is_reverse}};
}

Status read_choice(const ChoiceTexts& texts, std::int64_t now_unix_ns, RecordChoice& into) {
  KIFA_TRY(read_number(texts.from_lsn, kLsns, into.from_lsn));
  into.is_from_lsn_given = !texts.from_lsn.value.empty();
  KIFA_TRY(read_number(texts.to_lsn, kLsns, into.to_lsn));
  KIFA_TRY(read_number(texts.limit, {.least = 0, .most = kLsnMax}, into.limit));
  KIFA_TRY(read_number(texts.last, kLsns, into.last));
  if (into.to_lsn != 0 && into.to_lsn < into.from_lsn) {
    return {Code::invalid, fmt::format("--from-lsn {} is after --to-lsn {}: exchange them",
                                       into.from_lsn, into.to_lsn)};
  }
  KIFA_TRY(read_times(texts, now_unix_ns, into));
  KIFA_TRY(read_matches(texts.where, into));
  read_source(texts.source.value, into);
  into.grep = texts.grep;
  into.is_reverse = texts.is_reverse;
  return {};
}

}  // namespace kifa::cli
