#include "devcluster/synthetic/exporters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace synthetic {
namespace {

using proxied = apiserver::simulator::proxied;

constexpr std::size_t oversized_bytes = 64 * 1024 * 1024;
constexpr std::uint64_t faults_salt = 77;
constexpr std::array fault_names{std::pair{std::string_view("hung"), scrape_fault::hung},
                                 std::pair{std::string_view("slow"), scrape_fault::slow},
                                 std::pair{std::string_view("truncated"), scrape_fault::truncated},
                                 std::pair{std::string_view("garbage"), scrape_fault::garbage},
                                 std::pair{std::string_view("oversized"), scrape_fault::oversized},
                                 std::pair{std::string_view("refused"), scrape_fault::refused}};

void apply_fault(std::string& page, scrape_fault fault) {
    if (fault == scrape_fault::truncated) page.resize(page.size() / 2);
    if (fault == scrape_fault::oversized) page.append(oversized_bytes, '#');
    if (fault == scrape_fault::garbage) {
        for (std::size_t index = 0; index < page.size(); index += 7) page[index] = '\x01';
    }
}

}  // namespace

bool scrape_faults::set(std::string_view name, double value) {
    constexpr double day_ms = 86'400'000;
    if (name == "slow_ms" && value >= 0 && value <= day_ms) {
        slow_delay = std::chrono::milliseconds(static_cast<std::int64_t>(value));
        return true;
    }
    for (const auto& [known, what] : fault_names) {
        if (known != name || value < 0 || value > 1) continue;
        parts[what] = value;
        return true;
    }
    return false;
}

scrape_fault exporters::fault_of(const exporter& source) const {
    double share = fraction(mix(source.number, faults_salt));
    for (const auto& [what, part] : faults_.parts) {
        if (share < part) return what;
        share -= part;
    }
    return scrape_fault::none;
}

proxied exporters::scrape(exporter& source, std::string_view engine, bool is_unavailable) {
    record_scrape(source);
    proxied result;
    auto& response = result.outgoing.response;
    response.status = 200;
    response.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    const auto fault = fault_of(source);
    if (fault == scrape_fault::hung) {
        result.hangs = true;
        return result;
    }
    if (fault == scrape_fault::refused) {
        response.status = 503;
        response.body =
            http::body(std::string("error trying to reach service: connection refused"));
        return result;
    }
    if (fault == scrape_fault::slow) result.delay = faults_.slow_delay;
    const auto& pages = templates_.find(engine)->second;
    const auto seconds =
        std::chrono::duration<double>(clock_.utc_now().time_since_epoch()).count() - 1.7e9;
    auto page = is_unavailable ? pages.page_of_unavailable() : pages.page(source.number, seconds);
    apply_fault(page, fault);
    response.body = http::body(std::move(page));
    return result;
}

void exporters::record_scrape(exporter& source) {
    const auto now = clock_.now();
    ++scrapes_;
    if (source.scrapes++ > 0) {
        const auto gap = std::chrono::duration<double>(now - source.scraped).count();
        ++gaps_[static_cast<int>(std::lround(gap * 2))];
    }
    source.scraped = now;
}

json::object exporters::gaps() const {
    json::object counted;
    for (const auto& [half_seconds, count] : gaps_) {
        counted[fmt::format("{}", half_seconds / 2.0)] = count;
    }
    return counted;
}

double exporters::age_seconds(const exporter& source) const {
    if (source.scrapes == 0) return 0;
    return std::chrono::duration<double>(clock_.now() - source.scraped).count();
}

void exporters::forget_scrapes() {
    scrapes_ = 0;
    gaps_.clear();
}

}  // namespace synthetic
