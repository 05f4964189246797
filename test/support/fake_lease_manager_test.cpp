#include "test/support/fake_lease_manager.hpp"

#include "test/support/lease_manager_contract.hpp"

namespace fakes {
namespace {

class memory_place final : public lease_place {
  public:
    explicit memory_place(const base::clock& clock) : first_(clock), second_(first_) {}
    ports::lease_manager& first() override { return first_; }
    ports::lease_manager& second() override { return second_; }
    void trouble(std::optional<base::errc> how) override {
        for (auto* each : {&first_, &second_}) {
            each->fail_with(how.transform(
                [](base::errc code) { return base::failure{.code = code, .text = "trouble"}; }));
        }
    }

  private:
    fake_lease_manager first_;
    fake_lease_manager second_;
};

INSTANTIATE_TEST_SUITE_P(memory, lease_manager_contract,
                         ::testing::Values([](aio::executor, manual_clock& clock) {
                             return std::make_unique<memory_place>(clock);
                         }));

}  // namespace
}  // namespace fakes
