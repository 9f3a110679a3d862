// Golden values made by Python peers: a text file of lines "name value value …". Inputs are made by
// `ramp`, as in the scripts beside the files.
#pragma once

#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/frontend/values.h"

inline gradus::Tensor ramp(const gradus::Shape& shape, int64_t seed) {
  std::vector<float> values;
  for (int64_t i = 0; i < shape.elements(); ++i) {
    values.push_back(
        static_cast<float>(static_cast<double>((i * 7919 + seed * 104729) % 101 - 50) / 50.0));
  }
  return gradus::tensor(values, shape);
}

class Golden {
 public:
  explicit Golden(const std::string& file) {
    std::ifstream in(std::string(GRADUS_SOURCE_DIR) + "/tests/nn/" + file);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string name;
      words >> name;
      for (float x; words >> x;)
        values_[name].push_back(x);
    }
  }

  const std::vector<float>& operator[](const std::string& name) const {
    const auto it = values_.find(name);
    if (it == values_.end()) throw std::runtime_error("no golden values of " + name);
    return it->second;
  }

  /// Largest |x - golden| / (1 + |golden|), or infinity for another number of elements.
  double error(const std::string& name, const gradus::Tensor& x) const {
    const auto& expected = (*this)[name];
    const auto got = floats(x);
    if (got.size() != expected.size()) return INFINITY;
    double worst = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double e = std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i])) /
                       (1 + std::abs(static_cast<double>(expected[i])));
      worst = std::isnan(e) ? INFINITY : std::max(worst, e);
    }
    return worst;
  }

 private:
  std::map<std::string, std::vector<float>> values_;
};
