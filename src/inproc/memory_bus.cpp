#include "inproc/memory_bus.hpp"

#include <map>
#include <mutex>
#include <vector>

namespace inproc {
namespace {

constexpr std::size_t message_bytes_max = 64 * 1024;
using listener = std::function<void(const std::string&)>;

struct listeners {
    std::mutex mutex;
    std::map<std::uint64_t, std::pair<std::string, std::shared_ptr<listener>>> all;
    std::uint64_t next = 1;
};

class subscription_of final : public ports::bus::subscription {
  public:
    subscription_of(std::shared_ptr<listeners> listeners, std::uint64_t number)
        : listeners_(std::move(listeners)), number_(number) {}
    ~subscription_of() override {
        const std::lock_guard lock(listeners_->mutex);
        listeners_->all.erase(number_);
    }

  private:
    std::shared_ptr<listeners> listeners_;
    std::uint64_t number_;
};

class memory_bus final : public ports::bus {
  public:
    explicit memory_bus(aio::executor executor) : executor_(std::move(executor)) {}

    aio::task<void> publish(std::string channel, std::string message) override {
        if (message.size() > message_bytes_max) {
            co_return base::fail(base::errc::limit, "a message must have at most 64 KiB");
        }
        aio::post(executor_, [listeners = listeners_, channel, message] {
            std::vector<std::shared_ptr<listener>> called;
            {
                const std::lock_guard lock(listeners->mutex);
                for (const auto& [number, entry] : listeners->all) {
                    if (entry.first == channel) called.push_back(entry.second);
                }
            }
            for (const auto& callback : called) (*callback)(message);
        });
        co_return base::ok();
    }

    std::unique_ptr<subscription> subscribe(std::string channel, listener callback) override {
        const std::lock_guard lock(listeners_->mutex);
        const auto number = listeners_->next++;
        listeners_->all.emplace(
            number, std::pair(std::move(channel), std::make_shared<listener>(std::move(callback))));
        return std::make_unique<subscription_of>(listeners_, number);
    }

    [[nodiscard]] bool is_connected() const noexcept override { return true; }

  private:
    aio::executor executor_;
    std::shared_ptr<listeners> listeners_ = std::make_shared<listeners>();
};

}  // namespace

std::unique_ptr<ports::bus> make_bus(aio::executor executor) {
    return std::make_unique<memory_bus>(std::move(executor));
}

}  // namespace inproc
