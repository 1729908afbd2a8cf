// Ours and the peers at the same work, in one program run, in turn.
//
// One round runs every contestant once: A, B, C, A, B, C, ... so that a noisy neighbour, a hot
// processor or a full disk is everybody's. The first round is a warm-up and not counted. What is
// compared are medians. Of several peers that are the same program under different settings the
// fastest counts.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// One value for each of the comparison's measures, in its unit; smaller is better.
using sample = std::vector<double>;

struct contestant {
  std::string name;
  std::function<sample()> run;
  /// For ours: the least ratio (peer / ours) for each measure; 0 or none: for information.
  std::vector<double> targets{};
};

struct measure {
  std::string name;
  std::string unit;
};

struct comparison {
  std::string name;
  std::vector<contestant> ours;
  std::vector<contestant> peers;
  std::vector<measure> measures{{"", "ns"}};
};

/// The middle and the ends of some samples.
struct summary {
  double median = 0;
  double least = 0;
  double most = 0;
};

inline summary summarise(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

/// The command line, the rounds and the report.
class suite {
 public:
  suite(std::string title, int argc, char** argv) : title_(std::move(title)) {
    for (int i = 1; i < argc; ++i) {
      const std::string_view option = argv[i];
      const auto value = [&] {
        if (++i == argc) usage(argv[0]);
        return std::string(argv[i]);
      };
      if (option == "--rounds")
        rounds_ = std::max(2, std::atoi(value().c_str()));
      else if (option == "--filter")
        filter_ = value();
      else if (option == "--json")
        json_ = value();
      else
        usage(argv[0]);
    }
  }

  void add(comparison what) {
    if (what.name.find(filter_) != std::string::npos) comparisons_.push_back(std::move(what));
  }

  /// Measures everything, prints a line for each of ours, and writes the JSON file if one was asked
  /// for.
  int run() {
    std::printf(
        "%s: medians (least … most) of %d rounds after one warm-up; ratio = peer / ours, more than "
        "1: ours is faster\n\n",
        title_.c_str(), rounds_ - 1);
    for (const auto& what : comparisons_) run(what);
    if (!json_.empty()) write_json();
    return 0;
  }

 private:
  struct line {
    std::string comparison, measure, unit, ours, peer;
    summary our_time, peer_time;
    double target;
    double ratio() const { return peer_time.median / our_time.median; }
  };
  using samples =
      std::vector<std::vector<double>>;  // of one contestant: for each measure, one a round

  [[noreturn]] static void usage(const char* program) {
    std::fprintf(stderr, "usage: %s [--rounds N] [--filter TEXT] [--json FILE]\n", program);
    std::exit(2);
  }

  static void once(const contestant& who, samples& into, std::size_t measures, bool counts) {
    const sample result = who.run();
    if (result.size() != measures)
      throw std::logic_error(who.name + " did not measure what the comparison measures");
    into.resize(measures);
    if (counts)
      for (std::size_t m = 0; m != measures; ++m) into[m].push_back(result[m]);
  }

  void run(const comparison& what) {
    const std::size_t measures = what.measures.size();
    std::vector<samples> ours(what.ours.size()), peers(what.peers.size());
    for (int round = 0; round != rounds_; ++round) {
      for (std::size_t i = 0; i != ours.size(); ++i)
        once(what.ours[i], ours[i], measures, round != 0);
      for (std::size_t i = 0; i != peers.size(); ++i)
        once(what.peers[i], peers[i], measures, round != 0);
    }
    for (std::size_t m = 0; m != measures; ++m) report(what, m, ours, peers);
  }

  void report(const comparison& what, std::size_t m, const std::vector<samples>& ours,
              const std::vector<samples>& peers) {
    const auto& measured = what.measures[m];
    std::printf("%s%s%s\n", what.name.c_str(), measured.name.empty() ? "" : ": ",
                measured.name.c_str());
    std::size_t best = 0;
    std::vector<summary> times;
    for (std::size_t i = 0; i != peers.size(); ++i) {
      times.push_back(summarise(peers[i][m]));
      if (times[i].median < times[best].median) best = i;
    }
    for (std::size_t i = 0; i != peers.size(); ++i)
      std::printf("  %-44s %9.1f %s (%.1f … %.1f)%s\n", what.peers[i].name.c_str(), times[i].median,
                  measured.unit.c_str(), times[i].least, times[i].most,
                  i == best ? "  <- the peer" : "");
    for (std::size_t i = 0; i != ours.size(); ++i) {
      const auto& who = what.ours[i];
      line l{what.name,
             measured.name,
             measured.unit,
             who.name,
             what.peers[best].name,
             summarise(ours[i][m]),
             times[best],
             m < who.targets.size() ? who.targets[m] : 0};
      std::printf("  %-44s %9.1f %s (%.1f … %.1f)  ratio %5.2f  %s\n", who.name.c_str(),
                  l.our_time.median, measured.unit.c_str(), l.our_time.least, l.our_time.most,
                  l.ratio(), verdict(l).c_str());
      lines_.push_back(std::move(l));
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  static std::string verdict(const line& l) {
    if (l.target == 0) return "(info)";
    char text[64];
    std::snprintf(text, sizeof text, "target %.2f  %s", l.target,
                  l.ratio() >= l.target ? "ok" : "MISSED");
    return text;
  }

  void write_json() const {
    std::ofstream out(json_);
    const auto times = [&](const char* name, const summary& s) {
      out << "\"" << name << "\": {\"median\": " << s.median << ", \"least\": " << s.least
          << ", \"most\": " << s.most << "}";
    };
    out << "{\"title\": \"" << title_ << "\", \"rounds\": " << rounds_ - 1 << ", \"rows\": [";
    for (std::size_t i = 0; i != lines_.size(); ++i) {
      const auto& l = lines_[i];
      out << (i == 0 ? "\n" : ",\n") << "  {\"comparison\": \"" << l.comparison
          << "\", \"measure\": \"" << l.measure << "\", \"unit\": \"" << l.unit
          << "\", \"ours\": \"" << l.ours << "\", \"peer\": \"" << l.peer << "\", ";
      times("our_time", l.our_time);
      out << ", ";
      times("peer_time", l.peer_time);
      out << ", \"ratio\": " << l.ratio() << ", \"target\": " << l.target
          << ", \"ok\": " << (l.ratio() >= l.target ? "true" : "false") << "}";
    }
    out << "\n]}\n";
    if (!out.flush()) throw std::runtime_error("cannot write " + json_);
  }

  std::string title_;
  int rounds_ = 7;
  std::string filter_;
  std::string json_;
  std::vector<comparison> comparisons_;
  std::vector<line> lines_;
};

}  // namespace bench
