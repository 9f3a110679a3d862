// Pictures of curves, drawn by gnuplot (the Debian package gnuplot-nox).
#pragma once

#include <string>
#include <vector>

#include <gradus/train/history.h>

namespace gradus::train {

/// One line: points (x[i], y[i]); those with a NaN are left out.
struct Curve {
  std::string name;
  std::vector<double> x, y;
};

struct Plot {
  std::string title, x_label, y_label;
  std::vector<Curve> curves;
  int width = 600, height = 400;  // pixels
};

/// The metrics of these names over the epochs.
Plot learning_curve(const History& history, const std::vector<std::string>& metrics,
                    std::string title, std::string y_label);

/// Draws into a PNG or SVG file, as the ending of `path` says; the file appears whole or not at
/// all. Throws ValueError for another ending, sizes gnuplot cannot draw, or nothing to draw, and
/// DataError if gnuplot is not installed or fails, or the file cannot be written.
void save_plot(const Plot& plot, const std::string& path, SourcePos where = SourcePos::here());

}  // namespace gradus::train
