// Runs the contract suite of ports::metrics_source against the scrape adapter, with pages captured
// from a real exporter.

#include "test/support/metrics_source_contract.hpp"

#include <fstream>
#include <iterator>
#include <map>

#include "scrape/source.hpp"
#include "scrape/source_on_loop.hpp"
#include "test/support/threaded_loop.hpp"

namespace {

std::string captured(int page) {
    std::ifstream file(SCRAPE_TESTDATA "/redis-" + std::to_string(page) + ".prom",
                       std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class served_pages final : public scrape::page_fetcher {
  public:
    aio::task<scrape::fetched_page> fetch(ports::scrape_target target, base::steady_time) override {
        const auto it = pages.find(target.key.name);
        if (it == pages.end()) co_return base::fail(base::errc::not_found, "no such service");
        co_return it->second;
    }
    std::map<std::string, base::outcome<scrape::fetched_page>> pages;
};

class exporter_world final : public fakes::metrics_world {
  public:
    explicit exporter_world(const base::clock& clock)
        : source_(scrape::make_source(pages_, clock)) {}
    ports::metrics_source& port() override { return *source_; }
    void serve(const std::string& database_id, int page) override {
        put(database_id, captured(page));
    }
    void fail(const std::string& database_id, base::errc code) override {
        if (code == base::errc::corrupt) {  // a truncated page
            const auto whole = captured(1);
            put(database_id, whole.substr(0, whole.rfind("redis_up") + 4));
        } else {
            pages_.pages.insert_or_assign(database_id, base::fail(code, "on demand"));
        }
    }

  private:
    void put(const std::string& database_id, std::string bytes) {
        pages_.pages.insert_or_assign(
            database_id, scrape::fetched_page{std::move(bytes), "text/plain; version=0.0.4"});
    }
    served_pages pages_;
    std::unique_ptr<ports::metrics_source> source_;
};

// The same source, called from another loop than its own.
class remote_exporter_world final : public fakes::metrics_world {
  public:
    explicit remote_exporter_world(const base::clock& clock)
        : world_(clock), source_(scrape::make_source_on_loop(loop_.executor(), world_.port())) {}
    ports::metrics_source& port() override { return *source_; }
    void serve(const std::string& database_id, int page) override {
        world_.serve(database_id, page);
    }
    void fail(const std::string& database_id, base::errc code) override {
        world_.fail(database_id, code);
    }

  private:
    exporter_world world_;
    fakes::threaded_loop loop_;  // its work ends before the world
    std::unique_ptr<ports::metrics_source> source_;
};

}  // namespace

namespace fakes {
INSTANTIATE_TEST_SUITE_P(scrape_on_another_loop, metrics_source_contract,
                         ::testing::Values([](manual_clock& clock) {
                             return std::make_unique<remote_exporter_world>(clock);
                         }));
INSTANTIATE_TEST_SUITE_P(scrape, metrics_source_contract,
                         ::testing::Values([](manual_clock& clock) {
                             return std::make_unique<exporter_world>(clock);
                         }));
}  // namespace fakes
