#include "compiler/dump.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "compiler/ir/dot.h"
#include "compiler/ir/parse.h"
#include "compiler/pipeline.h"

namespace gradus {
namespace {

bool is_graph(std::string_view stage) {
  return stage == "trace" || stage == "simplified";
}

/// One write for the whole text, so that nothing comes between.
void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

void append_to_dump_file(const std::string& path, std::string_view text) {
  if (path.empty()) return write_all(STDERR_FILENO, text);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) {
    const std::string reason = std::strerror(errno);
    throw DataError({"dump",
                     fmt::format("cannot write '{}': {}", path, reason),
                     {},
                     "set GRADUS_DUMP_FILE to a file that may be written"});
  }
  write_all(file, text);
  ::close(file);
}

}  // namespace

void require_stage(std::string_view stage) {
  if (std::ranges::find(stages(), stage, &Stage::name) != stages().end()) return;
  std::string names;
  for (const Stage& s : stages())
    names += (names.empty() ? "" : ", ") + std::string(s.name);
  throw ValueError({"dump",
                    fmt::format("unknown stage '{}'; expected one of {}", stage, names),
                    {},
                    "gradus-dump --list-stages explains them"});
}

std::string dump(const ir::Graph& graph, std::string_view stage, DumpFormat format) {
  require_stage(stage);
  std::string text = stage_text(graph, stage);
  if (format == DumpFormat::Text) return text;
  if (is_graph(stage)) {
    // The text is the graph: it reads back.
    const ir::Graph shown = ir::parse(text, stage);
    return format == DumpFormat::Dot ? ir::to_dot(shown) : ir::to_json(shown);
  }
  if (format == DumpFormat::Json) return fmt::format("{{\"text\": {}}}\n", ir::json_string(text));
  throw ValueError({"dump",
                    fmt::format("stage '{}' is no graph and has no dot form", stage),
                    {},
                    "ask for text or json"});
}

void dump_requested(const ir::Graph& graph, std::string_view function) {
  const Options& o = options();
  if (o.dump.empty() || (!o.dump_function.empty() && o.dump_function != function)) return;
  for (const std::string& stage : o.dump)
    require_stage(stage);
  for (const Stage& s : stages()) {  // in the pipeline's order
    if (!o.is_dumped(s.name)) continue;
    std::string text = dump(graph, s.name, o.dump_format);
    if (o.dump_format == DumpFormat::Json) std::erase(text, '\n');  // one line each
    const std::string entry =
        o.dump_format == DumpFormat::Json
            ? fmt::format("{{\"function\": {}, \"stage\": \"{}\", \"program\": {}}}\n",
                          ir::json_string(function), s.name, text)
            : fmt::format("// function {}, stage {}\n{}\n", function, s.name, text);
    append_to_dump_file(o.dump_file, entry);
  }
}

}  // namespace gradus
