#include "testing/fake_lease_keeper.hpp"

#include "testing/lease_keeper_contract.hpp"

namespace fakes {
namespace {

class memory_place final : public lease_place {
  public:
    explicit memory_place(const base::clock& clock) : first_(clock), second_(first_) {}
    ports::lease_keeper& first() override { return first_; }
    ports::lease_keeper& second() override { return second_; }
    void trouble(std::optional<base::errc> how) override {
        for (auto* each : {&first_, &second_}) {
            each->fail_with(how.transform(
                [](base::errc code) { return base::failure{.code = code, .text = "trouble"}; }));
        }
    }

  private:
    fake_lease_keeper first_;
    fake_lease_keeper second_;
};

INSTANTIATE_TEST_SUITE_P(memory, lease_keeper_contract,
                         ::testing::Values([](aio::executor, manual_clock& clock) {
                             return std::make_unique<memory_place>(clock);
                         }));

}  // namespace
}  // namespace fakes
