#include "kubedb/kubedb_leases.hpp"

#include <utility>

namespace kubedb {
namespace {

class lease_manager final : public ports::lease_manager {
  public:
    explicit lease_manager(std::unique_ptr<kube::lease_client> leases)
        : leases_(std::move(leases)) {}

    aio::task<bool> hold(std::string name, std::string holder,
                         std::chrono::seconds duration) override {
        return leases_->hold(std::move(name), std::move(holder), duration);
    }
    aio::task<void> release(std::string name, std::string holder) override {
        return leases_->release(std::move(name), std::move(holder));
    }
    aio::task<std::vector<std::string>> live_holders(std::string prefix) override {
        return leases_->live_holders(std::move(prefix));
    }

  private:
    std::unique_ptr<kube::lease_client> leases_;
};

}  // namespace

std::unique_ptr<ports::lease_manager> make_lease_manager(kube::client& client,
                                                         kube::lease_options options) {
    return std::make_unique<lease_manager>(kube::make_lease_client(client, std::move(options)));
}

}  // namespace kubedb
