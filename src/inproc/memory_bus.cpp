#include "inproc/memory_bus.hpp"

#include <map>
#include <mutex>
#include <vector>

namespace inproc {
namespace {

constexpr std::size_t message_bytes_max = 64 * 1024;
using subscriber = ports::bus::subscriber;

struct subscribers {
    std::mutex mutex;
    std::map<std::uint64_t, std::pair<std::string, std::shared_ptr<subscriber>>> all;
    std::uint64_t next = 1;
};

class subscription_of final : public ports::bus::subscription {
  public:
    subscription_of(std::shared_ptr<subscribers> subscribers, std::uint64_t number)
        : subscribers_(std::move(subscribers)), number_(number) {}
    ~subscription_of() override {
        const std::lock_guard lock(subscribers_->mutex);
        subscribers_->all.erase(number_);
    }

  private:
    std::shared_ptr<subscribers> subscribers_;
    std::uint64_t number_;
};

// Returns the subscriber of the number, or nullptr after the end of its subscription.
std::shared_ptr<subscriber> find(subscribers& subscribers, std::uint64_t number) {
    const std::lock_guard lock(subscribers.mutex);
    const auto it = subscribers.all.find(number);
    return it == subscribers.all.end() ? nullptr : it->second.second;
}

class memory_bus final : public ports::bus {
  public:
    explicit memory_bus(aio::executor executor) : executor_(std::move(executor)) {}

    aio::task<void> publish(std::string channel, std::string message) override {
        if (message.size() > message_bytes_max) {
            co_return base::fail(base::errc::limit, "a message must have at most 64 KiB");
        }
        aio::post(executor_, [subscribers = subscribers_, channel, message] {
            std::vector<std::uint64_t> numbers;
            {
                const std::lock_guard lock(subscribers->mutex);
                for (const auto& [number, entry] : subscribers->all) {
                    if (entry.first == channel) numbers.push_back(number);
                }
            }
            // A subscriber may end its own subscription or another one.
            for (const auto number : numbers) {
                const auto target = find(*subscribers, number);
                if (target) target->on_message(message);
            }
        });
        co_return base::ok();
    }

    std::unique_ptr<subscription> subscribe(std::string channel, subscriber target) override {
        std::uint64_t number = 0;
        {
            const std::lock_guard lock(subscribers_->mutex);
            number = subscribers_->next++;
            subscribers_->all.emplace(
                number,
                std::pair(std::move(channel), std::make_shared<subscriber>(std::move(target))));
        }
        aio::post(executor_, [subscribers = subscribers_, number] {
            const auto resumed = find(*subscribers, number);
            if (resumed && resumed->on_resumed) resumed->on_resumed();
        });
        return std::make_unique<subscription_of>(subscribers_, number);
    }

    [[nodiscard]] bool is_connected() const noexcept override { return true; }

  private:
    aio::executor executor_;
    std::shared_ptr<subscribers> subscribers_ = std::make_shared<subscribers>();
};

}  // namespace

std::unique_ptr<ports::bus> make_bus(aio::executor executor) {
    return std::make_unique<memory_bus>(std::move(executor));
}

}  // namespace inproc
