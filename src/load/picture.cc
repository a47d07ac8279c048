// The picture of a load: SVG, by hand.

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "load/report.h"

namespace millrace::load {
namespace {

constexpr double kLeft = 80, kWidth = 780, kHeight = 180;
constexpr double kRatesTop = 60, kLatenciesTop = 310;

// The next of 1, 2, 5, 10, 20, … that is not below `value`.
double round_up(double value) {
  double power = std::pow(10, std::floor(std::log10(std::max(value, 1.0))));
  for (double step : {1.0, 2.0, 5.0}) {
    if (step * power >= value) {
      return step * power;
    }
  }
  return 10 * power;
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text) {
  return fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, text);
}

std::string guide(double y, std::string_view label) {
  return fmt::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>\n", kLeft,
                     kLeft + kWidth, y) +
         text_at(kLeft - 8, y + 4, "end", label);
}

class Picture {
 public:
  explicit Picture(const std::vector<Second>& seconds) : seconds_(seconds) {}

  // `y` gives a height of 0 … 1 for each second, or nothing: then the line has a gap.
  void line(double top, const char* colour, const std::function<std::optional<double>(const Second&)>& y) {
    std::string points;
    std::string last;
    auto draw = [&] {
      if (!points.empty()) {
        // A point alone is a line to itself: a dot.
        svg_ += fmt::format(
            "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" stroke-linecap=\"round\" points=\"{}\"/>\n",
            colour, points == last ? points + last : points);
      }
      points.clear();
    };
    for (std::size_t i = 0; i < seconds_.size(); ++i) {
      if (std::optional<double> height = y(seconds_[i])) {
        last = fmt::format("{:.1f},{:.1f} ", x(i), top + kHeight * (1 - std::clamp(*height, 0.0, 1.0)));
        points += last;
      } else {
        draw();
      }
    }
    draw();
  }
  void legend(double top, double at, const char* colour, const char* name) {
    svg_ +=
        fmt::format("<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"4\" fill=\"{}\"/>\n", kLeft + at, top - 12, colour);
    svg_ += text_at(kLeft + at + 18, top - 6, "start", name);
  }
  void rates() {
    double most = 1;
    for (const Second& second : seconds_) {
      most = std::max(most, static_cast<double>(second.accepted + second.refused) / std::max(second.seconds, 0.1));
    }
    most = round_up(most);
    for (int i = 0; i <= 4; ++i) {
      svg_ += guide(kRatesTop + kHeight * (1 - i / 4.0), format_count(static_cast<std::uint64_t>(most * i / 4)));
    }
    auto rate = [most](std::uint64_t count, const Second& second) {
      return static_cast<double>(count) / std::max(second.seconds, 0.1) / most;
    };
    line(kRatesTop, "#1565c0", [&](const Second& second) { return rate(second.accepted, second); });
    line(kRatesTop, "#c62828", [&](const Second& second) { return rate(second.refused + second.other, second); });
    legend(kRatesTop, 0, "#1565c0", "events accepted a second");
    legend(kRatesTop, 240, "#c62828", "refused, failed or unknown");
  }
  void latencies() {
    TimeNs most = 1'000'000;
    for (const Second& second : seconds_) {
      most = std::max(most, second.longest);
    }
    double top = std::ceil(std::log10(static_cast<double>(most)));
    constexpr double kBottom = 4;  // 10 µs
    for (double power = kBottom; power <= top; ++power) {
      svg_ += guide(kLatenciesTop + kHeight * (1 - (power - kBottom) / (top - kBottom)),
                    format_latency(static_cast<TimeNs>(std::pow(10, power))));
    }
    // Where nothing was taken there is no latency: a point at the bottom would be the best one.
    auto height = [top](TimeNs of) {
      return of > 0 ? std::optional((std::log10(static_cast<double>(of)) - kBottom) / (top - kBottom)) : std::nullopt;
    };
    line(kLatenciesTop, "#90a4ae", [&](const Second& second) { return height(second.longest); });
    line(kLatenciesTop, "#ef6c00", [&](const Second& second) { return height(second.p99); });
    line(kLatenciesTop, "#2e7d32", [&](const Second& second) { return height(second.p50); });
    legend(kLatenciesTop, 0, "#2e7d32", "latency p50");
    legend(kLatenciesTop, 120, "#ef6c00", "p99");
    legend(kLatenciesTop, 200, "#90a4ae", "longest");
    svg_ += text_at(kLeft, kLatenciesTop + kHeight + 20, "middle", "1 s");
    svg_ += text_at(kLeft + kWidth, kLatenciesTop + kHeight + 20, "middle", fmt::format("{} s", seconds_.size()));
  }
  std::string take() { return std::move(svg_); }

 private:
  double x(std::size_t i) const {
    double last = std::max<double>(1, static_cast<double>(seconds_.size()) - 1);
    return kLeft + kWidth * static_cast<double>(i) / last;
  }

  const std::vector<Second>& seconds_;
  std::string svg_;
};

}  // namespace

std::string report_picture(const LoadOptions& options, const LoadReport& report) {
  Picture picture(report.seconds);
  picture.rates();
  picture.latencies();
  std::string what = options.rate > 0
                         ? fmt::format("{} events/s meant", format_count(static_cast<std::uint64_t>(options.rate)))
                         : std::string("as fast as answers came");
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 540\" font-family=\"sans-serif\" "
             "font-size=\"12\">\n"
             "<rect width=\"900\" height=\"540\" fill=\"white\"/>\n") +
         text_at(kLeft, 26, "start",
                 fmt::format("millrace load: {}, {} events a request, {} connections, {} accepted", what, options.batch,
                             options.connections, format_count(report.totals.accepted.get()))) +
         picture.take() + "</svg>\n";
}

}  // namespace millrace::load
