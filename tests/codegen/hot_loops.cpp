#include "tests/codegen/hot_loops.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <sstream>

namespace gradus::codegen::testing {
namespace {

struct Line {
  std::string mnemonic, operands;
};

void add(Instructions& to, const Line& line) {
  ++to.count[line.mnemonic];
  ++to.total;
  to.on_stack += line.operands.find("(%rsp") != std::string::npos;
}

std::string to_string(const Instructions& i) {
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [mnemonic, count] : i.count)
    sorted.emplace_back(-count, mnemonic);
  std::ranges::sort(sorted);
  std::vector<std::string> words;
  for (const auto& [count, mnemonic] : sorted)
    words.push_back(fmt::format("{} {}", -count, mnemonic));
  return fmt::format("{}{}", fmt::join(words, ", "),
                     i.on_stack ? fmt::format("; {} on the stack", i.on_stack) : "");
}

/// Instructions that run one after the other, and the blocks that may follow them.
struct Block {
  std::vector<Line> lines;
  std::vector<size_t> next;
};

/// Of the blocks in `among`, sets that can be left and come back to; a block alone if it follows
/// itself. In the order of the text.
std::vector<std::vector<size_t>> cycles(const std::vector<Block>& blocks,
                                        const std::vector<size_t>& among) {
  const size_t n = blocks.size();
  std::vector<char> is_in(n, 0), reaches(n * n, 0);
  for (size_t i : among)
    is_in[i] = 1;
  for (size_t i : among) {
    std::vector<size_t> stack{i};
    while (!stack.empty()) {
      const size_t at = stack.back();
      stack.pop_back();
      for (size_t j : blocks[at].next) {
        if (!is_in[j] || reaches[i * n + j]) continue;
        reaches[i * n + j] = 1;
        stack.push_back(j);
      }
    }
  }
  std::vector<std::vector<size_t>> found;
  for (size_t i : among) {
    std::vector<size_t> cycle;
    for (size_t j : among) {
      if (reaches[i * n + j] && reaches[j * n + i]) cycle.push_back(j);
    }
    if (!cycle.empty() && cycle.front() == i) found.push_back(std::move(cycle));
  }
  return found;
}

/// Where a cycle is entered: what is left of it without that block is what it encloses.
size_t entry_of(const std::vector<Block>& blocks, const std::vector<size_t>& cycle) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (std::ranges::count(cycle, i)) continue;
    for (size_t j : blocks[i].next) {
      if (std::ranges::count(cycle, j)) return j;
    }
  }
  return cycle.front();
}

std::vector<std::vector<size_t>> innermost_loops(const std::vector<Block>& blocks) {
  std::vector<size_t> all(blocks.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::vector<size_t>> innermost, work = cycles(blocks, all);
  while (!work.empty()) {
    const std::vector<size_t> loop = std::move(work.back());
    work.pop_back();
    std::vector<size_t> body = loop;
    std::erase(body, entry_of(blocks, loop));
    const auto inner = cycles(blocks, body);
    if (inner.empty()) innermost.push_back(loop);
    work.insert(work.end(), inner.begin(), inner.end());
  }
  std::ranges::sort(innermost);
  return innermost;
}

/// A function's text between two labels, line by line: blocks by label, joined when all are known.
class Reader {
 public:
  void label(const std::string& name) {
    begin_block();
    at_[name] = blocks_.size() - 1;
  }
  void line(Line line) {
    if (blocks_.empty() || ended_) begin_block();
    const bool is_jump = line.mnemonic.starts_with('j');
    const bool is_end = line.mnemonic == "jmp" || line.mnemonic.starts_with("ret");
    if (is_jump) jumps_.emplace_back(blocks_.size() - 1, line.operands);
    blocks_.back().lines.push_back(std::move(line));
    if (is_jump || is_end) {
      falls_through_ = !is_end;
      ended_ = true;
    }
  }
  Function finish(const std::string& name) {
    for (const auto& [from, to] : jumps_) {
      if (at_.contains(to)) blocks_[from].next.push_back(at_[to]);
    }
    Function f{.name = name};
    for (const Block& b : blocks_) {
      for (const Line& line : b.lines)
        add(f.all, line);
    }
    for (const auto& loop : innermost_loops(blocks_)) {
      Instructions& i = f.loops.emplace_back();
      for (size_t b : loop) {
        for (const Line& line : blocks_[b].lines)
          add(i, line);
      }
    }
    *this = {};
    return f;
  }

 private:
  void begin_block() {
    if (!blocks_.empty() && falls_through_) blocks_.back().next.push_back(blocks_.size());
    blocks_.emplace_back();
    falls_through_ = true;
    ended_ = false;
  }

  std::vector<Block> blocks_;
  std::map<std::string, size_t> at_;
  std::vector<std::pair<size_t, std::string>> jumps_;
  bool falls_through_ = true, ended_ = false;
};

}  // namespace

int Instructions::multiply_adds() const {
  int sum = 0;
  for (const auto& [mnemonic, n] : count)
    sum += mnemonic.starts_with("vfmadd") ? n : 0;
  return sum;
}

std::vector<Function> functions_of(std::string_view assembly) {
  std::vector<Function> functions;
  Reader reader;
  std::string name;
  std::istringstream stream{std::string(assembly)};
  for (std::string text; std::getline(stream, text);) {
    if (text.starts_with(".Lfunc_end")) {
      functions.push_back(reader.finish(name));
      name.clear();
    } else if (!text.starts_with('\t')) {
      const size_t colon = text.find(':');
      if (colon == std::string::npos) continue;
      if (text.starts_with(".LBB")) {
        reader.label(text.substr(0, colon));
      } else if (!text.starts_with('.')) {
        name = text.substr(0, colon);
      }
    } else if (text.size() > 1 && text[1] != '.' && !name.empty()) {
      const size_t end = std::min(text.find('\t', 1), text.size());
      reader.line({text.substr(1, end - 1), end < text.size() ? text.substr(end + 1) : ""});
    }
  }
  return functions;
}

std::string to_string(const Function& function) {
  std::string text = fmt::format("{}: {} instructions, {} on the stack\n", function.name,
                                 function.all.total, function.all.on_stack);
  for (const Instructions& loop : function.loops) {
    text += fmt::format("  loop of {}: {}\n", loop.total, to_string(loop));
  }
  return text;
}

}  // namespace gradus::codegen::testing
