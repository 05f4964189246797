#pragma once
// The exporters of the simulated cluster: the response to each scrape, injected faults, and
// statistics of the scrapes. No task exists per exporter. Belongs to one loop.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "devcluster/apiserver/simulator.hpp"
#include "devcluster/synthetic/pages.hpp"
#include "json/json.hpp"

namespace synthetic {

// The fault of an exporter. scrape_faults::parts holds the share of the exporters with each fault.
enum class scrape_fault : std::uint8_t { hung, slow, truncated, garbage, oversized, refused, none };

struct scrape_faults {
    std::map<scrape_fault, double> parts{};
    std::chrono::milliseconds slow_delay{3000};

    // Sets the share (0 to 1) of "hung", "slow", ..., or the response time of slow exporters
    // ("slow_ms"). Returns false for an unknown name or an invalid value.
    bool set(std::string_view name, double value);
};

struct exporter {
    std::uint64_t number = 0;  // derived from seed and name; determines pages and faults
    base::steady_time scraped{};
    std::uint64_t scrapes = 0;
};

class exporters {
  public:
    explicit exporters(const base::clock& clock) : clock_(clock) {}

    // Must be called before a database of the engine is scraped.
    void add_engine(std::string_view engine) {
        templates_.try_emplace(std::string(engine), engine);
    }

    // The response to a scrape now. `is_unavailable`: the exporter responds, its database does not.
    apiserver::simulator::proxied scrape(exporter& source, std::string_view engine,
                                         bool is_unavailable);

    void set_faults(scrape_faults faults) { faults_ = std::move(faults); }

    [[nodiscard]] std::uint64_t scrapes() const noexcept { return scrapes_; }
    // Histogram of the time between two scrapes of an exporter: seconds, in halves, to count.
    [[nodiscard]] json::object gaps() const;
    [[nodiscard]] double age_seconds(const exporter& source) const;  // 0 before the first scrape
    void forget_scrapes();

  private:
    [[nodiscard]] scrape_fault fault_of(const exporter& source) const;
    void record_scrape(exporter& source);

    const base::clock& clock_;
    std::map<std::string, page_template, std::less<>> templates_;  // by engine
    scrape_faults faults_;
    std::uint64_t scrapes_ = 0;
    std::map<int, std::uint64_t> gaps_;  // half seconds
};

}  // namespace synthetic
