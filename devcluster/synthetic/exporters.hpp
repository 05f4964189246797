#pragma once
// The exporters of a played cluster: what a scrape of each answers, now and then wrongly on demand,
// and how regularly they are scraped. Nothing runs per exporter. Belongs to one loop.

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "devcluster/apiserver/simulator.hpp"
#include "devcluster/synthetic/pages.hpp"

namespace synthetic {

// What a scrape is like. The parts of the exporters that are so, in this order; the rest is well.
enum class scrape_fault : std::uint8_t { hung, slow, truncated, garbage, oversized, refused, none };

struct scrape_faults {
    std::map<scrape_fault, double> parts{};
    std::chrono::milliseconds slowness{3000};

    // "hung", "slow", ... with the part (0 to 1) of the exporters that are so; "slow_ms" with the
    // time that slow ones take. False: there is no such switch, or that is no value for it.
    bool set(std::string_view name, double value);
};

struct exporter {
    std::uint64_t number = 0;  // of seed and name: what its pages and faults come from
    base::steady_time scraped{};
    std::uint64_t scrapes = 0;
};

class exporters {
  public:
    explicit exporters(const base::clock& clock) : clock_(clock) {}

    // An engine must be known before one of its databases is scraped.
    void know(std::string_view engine) { templates_.try_emplace(std::string(engine), engine); }

    // The answer to a scrape now. `is_dead`: the exporter answers, its database does not.
    apiserver::simulator::proxied scrape(exporter& which, std::string_view engine, bool is_dead);

    void set_faults(scrape_faults how) { faults_ = std::move(how); }

    [[nodiscard]] std::uint64_t scrapes() const noexcept { return scrapes_; }
    // How often which time, in seconds by halves, lay between two scrapes of one exporter.
    [[nodiscard]] boost::json::object gaps() const;
    [[nodiscard]] double age_seconds(const exporter& which) const;  // 0 before the first scrape
    void forget_scrapes();

  private:
    [[nodiscard]] scrape_fault fault_of(const exporter& which) const;
    void note_scrape(exporter& which);

    const base::clock& clock_;
    std::map<std::string, page_template, std::less<>> templates_;  // by engine
    scrape_faults faults_;
    std::uint64_t scrapes_ = 0;
    std::map<int, std::uint64_t> gaps_;  // half seconds
};

}  // namespace synthetic
