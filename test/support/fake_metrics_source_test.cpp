#include "test/support/fake_metrics_source.hpp"

#include "test/support/metrics_source_contract.hpp"

namespace fakes {
namespace {

class fake_metrics_world final : public metrics_world {
  public:
    explicit fake_metrics_world(const base::clock& clock) : source_(clock) {}
    ports::metrics_source& port() override { return source_; }
    void serve(const std::string& database_id, int page) override {
        domain::metric_values values;
        values[domain::metric_id::connections_current] = page;
        values[domain::metric_id::operations_per_second] = 100;
        source_.give(database_id, values);
    }
    void fail(const std::string& database_id, base::errc code) override {
        source_.fail(database_id, {.code = code, .text = "on demand"});
    }

  private:
    fake_metrics_source source_;
};

INSTANTIATE_TEST_SUITE_P(fake, metrics_source_contract, ::testing::Values([](manual_clock& clock) {
                             return std::make_unique<fake_metrics_world>(clock);
                         }));

}  // namespace
}  // namespace fakes
