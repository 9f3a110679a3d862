#include "frontend/train/plot.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "runtime/file.h"

namespace gradus::train {
namespace {

/// A file without a name, gone with its owner.
using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

File temporary_file(SourcePos where) {
  File file(std::tmpfile(), &std::fclose);
  if (!file) {
    throw DataError({.op = "save_plot",
                     .what = fmt::format("no temporary file; {}", std::strerror(errno)),
                     .where = where,
                     .remedy = "make room in the system's temporary folder"});
  }
  return file;
}

std::string contents(std::FILE* file) {
  std::string text;
  std::rewind(file);
  char block[4096];
  while (const size_t n = std::fread(block, 1, sizeof block, file))
    text.append(block, n);
  return text;
}

/// As gnuplot reads it between single quotes.
std::string quoted(std::string_view text) {
  std::string result = "'";
  for (char c : text) {
    if (c == '\'') result += c;
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

std::string script_of(const Plot& plot, std::string_view terminal) {
  std::string script =
      fmt::format("set terminal {} size {},{} noenhanced\n", terminal, plot.width, plot.height);
  script += fmt::format("set title {}\nset xlabel {}\nset ylabel {}\n", quoted(plot.title),
                        quoted(plot.x_label), quoted(plot.y_label));
  script += "set grid\nset key bottom right\n";
  std::string lines;
  for (size_t i = 0; i < plot.curves.size(); ++i) {
    const Curve& curve = plot.curves[i];
    script += fmt::format("$curve{} << EOD\n", i);
    for (size_t k = 0; k < curve.x.size(); ++k) {
      if (std::isfinite(curve.x[k]) && std::isfinite(curve.y[k])) {
        script += fmt::format("{} {}\n", curve.x[k], curve.y[k]);
      }
    }
    script += "EOD\n";
    lines += fmt::format("{}$curve{} with linespoints pointtype 7 pointsize 0.5 title {}",
                         i == 0 ? "plot " : ", ", i, quoted(curve.name));
  }
  return script + lines + "\n";
}

/// What gnuplot prints for a script.
std::string run_gnuplot(const std::string& script, SourcePos where) {
  const File input = temporary_file(where);
  const File output = temporary_file(where);
  const File errors = temporary_file(where);
  std::fwrite(script.data(), 1, script.size(), input.get());
  std::rewind(input.get());

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(input.get()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(output.get()), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(errors.get()), STDERR_FILENO);
  char program[] = "gnuplot";
  char* const arguments[] = {program, nullptr};
  pid_t child = 0;
  const int failure = posix_spawnp(&child, program, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    throw DataError({.op = "save_plot",
                     .what = fmt::format("gnuplot cannot be started; {}", std::strerror(failure)),
                     .where = where,
                     .remedy = "install it, on Debian with: apt-get install gnuplot-nox"});
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::string picture = contents(output.get());
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || picture.empty()) {
    throw DataError({.op = "save_plot",
                     .what = "gnuplot failed; it says: " + contents(errors.get()),
                     .where = where,
                     .remedy = "install its terminals pngcairo and svg (Debian: gnuplot-nox)"});
  }
  return picture;
}

bool has_points(const Curve& curve) {
  for (size_t k = 0; k < curve.x.size(); ++k) {
    if (std::isfinite(curve.x[k]) && std::isfinite(curve.y[k])) return true;
  }
  return false;
}

void check(const Plot& plot, SourcePos where) {
  const auto fail = [&](std::string what, std::string remedy) {
    throw ValueError(
        {.op = "save_plot", .what = std::move(what), .where = where, .remedy = std::move(remedy)});
  };
  if (plot.width < 100 || plot.height < 100 || plot.width > 10000 || plot.height > 10000) {
    fail(fmt::format("width and height are 100 to 10000 pixels; got {} and {}", plot.width,
                     plot.height),
         "choose another size");
  }
  if (plot.curves.empty()) fail("no curves", "give at least one");
  for (const Curve& curve : plot.curves) {
    if (curve.x.size() != curve.y.size()) {
      fail(fmt::format("a curve has as many x as y; got {} and {} in '{}'", curve.x.size(),
                       curve.y.size(), curve.name),
           "give both for every point");
    }
    if (!has_points(curve)) {
      fail(fmt::format("a curve has no finite points; got '{}'", curve.name),
           "check the metric's name");
    }
  }
}

}  // namespace

Plot learning_curve(const History& history, const std::vector<std::string>& metrics,
                    std::string title, std::string y_label) {
  Plot plot{std::move(title), "epoch", std::move(y_label), {}};
  std::vector<double> epochs;
  for (const History::Row& row : history.rows())
    epochs.push_back(row.epoch);
  for (const std::string& name : metrics)
    plot.curves.push_back({name, epochs, history.column(name)});
  return plot;
}

void save_plot(const Plot& plot, const std::string& path, SourcePos where) {
  const bool is_png = path.ends_with(".png");
  if (!is_png && !path.ends_with(".svg")) {
    throw ValueError({.op = "save_plot",
                      .what = fmt::format("the file ends with .png or .svg; got {}", path),
                      .where = where,
                      .remedy = "choose another name"});
  }
  check(plot, where);
  write_file_atomically(path, run_gnuplot(script_of(plot, is_png ? "pngcairo" : "svg"), where));
}

}  // namespace gradus::train
