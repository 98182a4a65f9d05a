// Pages of the manual, in the language of man(7), from the declarations of the commands.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "core/cli/command_declaration.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/version.hpp"
#include "core/config/document.hpp"

namespace kifa::cli {
namespace {

// `text` so that roff prints it as it is: nothing in it is a request, an escape or a hyphen.
std::string plain(std::string_view text) {
  std::string roff;
  bool is_line_start = true;
  for (const char c : text) {
    if (is_line_start && (c == '.' || c == '\'')) {
      roff += "\\&";
    }
    if (c == '\\') {
      roff += "\\e";
    } else if (c == '-') {
      roff += "\\-";
    } else if (c == '\'') {
      roff += "\\(aq";
    } else if (c == '`') {
      roff += "\\(ga";
    } else {
      roff += c;
    }
    is_line_start = c == '\n';
  }
  return roff;
}

std::string page_name(const CommandDeclaration& command) {
  std::string name = "kifa-" + command.name;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string head(const std::string& page, std::string_view summary) {
  std::string upper = page;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return fmt::format(".TH {} 1 \"{}\" \"kifa {}\" \"kifa\"\n.SH NAME\n{} \\- {}\n", upper,
                     manual_date(), version(), plain(page), plain(summary));
}

bool is_argument(const OptionDeclaration& option) { return !option.names.starts_with('-'); }

std::string synopsis(const CommandDeclaration& command) {
  std::string line = fmt::format(".SH SYNOPSIS\n\\fB{}\\fR", plain("kifa " + command.name));
  if (std::any_of(command.options.begin(), command.options.end(),
                  [](const OptionDeclaration& option) { return !is_argument(option); })) {
    line += " [\\fIOPTION\\fR ...]";
  }
  for (const OptionDeclaration& option : command.options) {
    if (is_argument(option)) {
      const std::string argument = fmt::format("\\fI{}\\fR", option.names);
      line += option.required ? " " + argument : fmt::format(" [{}]", argument);
      line += std::holds_alternative<std::vector<std::string>*>(option.into) ? " ..." : "";
    }
  }
  return line + "\n";
}

// "-d, --data-dir DIR" with its fonts.
std::string tag(const OptionDeclaration& option) {
  std::string tag;
  for (const std::string& name : all_names(option)) {
    tag += fmt::format("{}\\fB{}\\fR", tag.empty() ? "" : ", ", plain(name));
  }
  if (!option.value_name.empty()) {
    tag += fmt::format(" \\fI{}\\fR", plain(option.value_name));
  }
  return tag;
}

std::string options_text(const CommandDeclaration& command) {
  std::string text = ".SH OPTIONS\n";
  for (const OptionDeclaration& option : command.options) {
    text += fmt::format(".TP\n{}\n{}.\n", tag(option), plain(option.summary));
  }
  return text + ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint a help and exit.\n";
}

std::string environment_text(const CommandDeclaration& command) {
  std::string text;
  for (const OptionDeclaration& option : command.options) {
    if (!option.variable.empty()) {
      text += fmt::format(".TP\n\\fB{}\\fR\nCounts when \\fB{}\\fR is not given.\n",
                          plain(option.variable), plain(written_name(option)));
    }
  }
  return text.empty() ? "" : ".SH ENVIRONMENT\n" + text;
}

// The footer of the help: examples are indented there, the rest are paragraphs.
struct Footer {
  std::string examples;
  std::string paragraphs;
};

Footer footer_of(std::string_view text) {
  Footer footer;
  bool was_empty = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("  ")) {
      footer.examples += plain(line.substr(2)) + "\n";
    } else if (!line.empty() && !line.starts_with("Example")) {
      footer.paragraphs += (was_empty && !footer.paragraphs.empty() ? ".PP\n" : "");
      footer.paragraphs += plain(line) + "\n";
    }
    was_empty = line.empty();
  }
  return footer;
}

std::string section(std::string_view name, std::string_view text) {
  return text.empty() ? "" : fmt::format(".SH {}\n{}", name, text);
}

std::string examples_of(const Footer& footer) {
  return section("EXAMPLES", footer.examples.empty() ? "" : ".nf\n" + footer.examples + ".fi\n");
}

constexpr std::string_view kExitStatus =
    ".SH EXIT STATUS\n"
    ".TP\n0\nAll went well.\n"
    ".TP\n64\nThe command line is wrong.\n"
    ".TP\n65\nThe data is damaged, or of a newer format.\n"
    ".TP\n69\nNot available: locked by another kifa, not there.\n"
    ".TP\n74\nAn input or output error: the disk, a permission, no space at the end.\n"
    ".TP\n78\nThe configuration is wrong, or a plugin that it names.\n"
    ".TP\n130, 143\nEnded by SIGINT, by SIGTERM.\n";

std::string command_page(const CommandDeclaration& command) {
  const Footer footer = footer_of(command.footer);
  return head(page_name(command), command.summary) + synopsis(command) +
         section("DESCRIPTION",
                 plain(command.summary) + ".\n" +
                     (footer.paragraphs.empty() ? "" : ".PP\n" + footer.paragraphs)) +
         options_text(command) + environment_text(command) + examples_of(footer) +
         std::string(kExitStatus) + ".SH SEE ALSO\n\\fBkifa\\fR(1)\n";
}

std::string main_page(const std::vector<CommandDeclaration>& commands) {
  std::string list;
  std::string pages;
  for (const CommandDeclaration& command : commands) {
    if (command.finish) {
      list += fmt::format(".TP\n\\fB{}\\fR\n{}.\n", plain(command.name), plain(command.summary));
      pages +=
          fmt::format("{}\\fB{}\\fR(1)", pages.empty() ? "" : ",\n", plain(page_name(command)));
    }
  }
  return head("kifa", kSummary) +
         ".SH SYNOPSIS\n\\fBkifa\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR ...]\n"
         ".SH DESCRIPTION\n" +
         plain(kSummary) + "\n.SH COMMANDS\n" + list +
         ".SH OPTIONS\n.TP\n\\fB\\-V\\fR, \\fB\\-\\-version\\fR\nPrint the version and how this "
         "kifa "
         "was built, and exit.\n" +
         examples_of(footer_of(kFooter)) + std::string(kExitStatus) + ".SH SEE ALSO\n" + pages +
         "\n";
}

Status write_page(const std::string& path, std::string_view text) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return Status::from_errno(errno, "cannot write " + path);
  }
  Output output(descriptor);
  Status status = output.append(text);
  if (status) {
    status = output.flush();
  }
  if (close(descriptor) != 0 && status) {
    status = Status::from_errno(errno, "cannot write " + path);
  }
  return status;
}

Status write_all(const std::string& directory, const std::vector<CommandDeclaration>& commands) {
  KIFA_TRY(write_page(directory + "/kifa.1", main_page(commands)));
  for (const CommandDeclaration& command : commands) {
    if (command.finish) {
      KIFA_TRY(
          write_page(fmt::format("{}/{}.1", directory, page_name(command)), command_page(command)));
    }
  }
  return {};
}

}  // namespace

int run(const ManualCommand& manual) {
  const std::vector<CommandDeclaration> commands = all_commands();
  if (!manual.directory.empty()) {
    const Status status = write_all(manual.directory, commands);
    if (!status) {
      complain(status.message());
    }
    return status ? kExitOk : exit_code(status.code());
  }
  if (manual.topic.empty()) {
    return print(main_page(commands));
  }
  std::vector<std::string> names;
  for (const CommandDeclaration& command : commands) {
    if (command.finish && (command.name == manual.topic || page_name(command) == manual.topic)) {
      return print(command_page(command));
    }
    names.push_back(command.name);
  }
  const auto closest = config::did_you_mean(manual.topic, names);
  complain(fmt::format("there is no command `{}`{}", manual.topic,
                       closest ? fmt::format("; did you mean `{}`?", *closest) : ""));
  return kExitUsage;
}

}  // namespace kifa::cli
