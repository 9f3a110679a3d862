#include "program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/error.h"

extern char** environ;

namespace gradus::dump_tool {
namespace {

/// A file of its own that goes when this does.
class TemporaryFile {
 public:
  TemporaryFile() {
    path_ = (std::filesystem::temp_directory_path() / "gradus-dump-XXXXXX").string();
    const int file = ::mkstemp(path_.data());
    if (file < 0) {
      throw DataError({"dump",
                       fmt::format("cannot make a temporary file: {}", std::strerror(errno)),
                       {},
                       "check TMPDIR"});
    }
    ::close(file);
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  std::string text() const {
    std::ostringstream text;
    text << std::ifstream(path_, std::ios::binary).rdbuf();
    return std::move(text).str();
  }

 private:
  std::string path_;
};

/// The environment without the dump options, and with the request's.
std::vector<std::string> environment_with(const Request& request, const std::string& file) {
  std::vector<std::string> variables;
  for (char** v = environ; *v; ++v) {
    if (std::string_view(*v).substr(0, 11) != "GRADUS_DUMP") variables.emplace_back(*v);
  }
  variables.push_back(fmt::format("GRADUS_DUMP={}", fmt::join(request.stages, ",")));
  variables.push_back("GRADUS_DUMP_FUNCTION=" + request.function);
  variables.push_back("GRADUS_DUMP_FORMAT=" + request.format);
  variables.push_back("GRADUS_DUMP_FILE=" + file);
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& t : texts)
    result.push_back(t.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

int run_program(const std::vector<std::string>& command, const Request& request) {
  const TemporaryFile dumped;
  std::vector<std::string> arguments = command;
  std::vector<std::string> environment = environment_with(request, dumped.path());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, command[0].c_str(), &actions, nullptr,
                                   pointers(arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error) {
    throw DataError({"dump",
                     fmt::format("cannot run '{}': {}", command[0], std::strerror(error)),
                     {},
                     "check the program's path"});
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string text = dumped.text();
  write_output(request.file, text);
  if (text.empty()) {
    fmt::print(stderr, "gradus-dump: {} compiled no function{}\n", command[0],
               request.function.empty() ? "" : fmt::format(" named '{}'", request.function));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string sibling(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

void write_output(const std::string& file, const std::string& text) {
  if (file.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return;
  }
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out.flush()) {
    throw DataError({"dump",
                     fmt::format("cannot write '{}'", file),
                     {},
                     "check that its folder is there and may be written to"});
  }
}

}  // namespace gradus::dump_tool
