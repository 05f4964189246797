#include "test/support/fake_lease_manager.hpp"

#include "test/support/lease_manager_contract.hpp"

namespace fakes {
namespace {

class memory_processes final : public lease_processes {
  public:
    explicit memory_processes(const base::clock& clock) : first_(clock), second_(clock, first_) {}
    ports::lease_manager& first() override { return first_; }
    ports::lease_manager& second() override { return second_; }
    void fail_calls(std::optional<base::errc> code) override {
        for (auto* manager : {&first_, &second_}) {
            manager->fail_with(code.transform(
                [](base::errc value) { return base::failure{.code = value, .text = "injected"}; }));
        }
    }

  private:
    fake_lease_manager first_;
    fake_lease_manager second_;
};

INSTANTIATE_TEST_SUITE_P(memory, lease_manager_contract,
                         ::testing::Values([](aio::executor, manual_clock& clock) {
                             return std::make_unique<memory_processes>(clock);
                         }));

}  // namespace
}  // namespace fakes
