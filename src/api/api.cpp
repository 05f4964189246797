#include "api/api.hpp"

#include <fmt/format.h>

#include <mutex>

#include "api/handler.hpp"

namespace api {
namespace {

class api_impl final : public api {
  public:
    api_impl(api_parts with, api_options how)
        : shared_{.with = with, .how = std::move(how), .probe = api_metrics(with.registry)} {
        const auto description = openapi_document();
        shared_.openapi = std::make_unique<const static_document>(description);
        shared_.docs = std::make_unique<const static_site>(description, embedded_files());
    }

    void attach() override {
        shared_.with.platform.listen(shared_.model);
        shared_.model.on_change([this](model_change news) { spread(news); });
    }

    std::unique_ptr<http::handler> make_handler(aio::executor loop) override {
        auto hub = std::make_shared<stream_hub>(loop);
        {
            const std::lock_guard lock(mutex_);
            hubs_.push_back({loop, hub});
        }
        return make_request_handler(shared_, std::move(hub));
    }

  private:
    struct loop_hub {
        aio::executor loop;
        std::shared_ptr<stream_hub> hub;
    };

    // One text for all subscribers of all loops.
    void spread(const model_change& news) {
        const auto number = ++number_;
        const auto event = std::make_shared<const std::string>(
            fmt::format("id: {}-{}\nevent: {}\ndata: {}\n\n", shared_.generation, number,
                        news.is_delete ? "delete" : "upsert", news.data));
        const std::lock_guard lock(mutex_);
        for (const auto& each : hubs_) {
            aio::post(each.loop, [hub = each.hub, number, event] { hub->publish(number, event); });
        }
    }

    api_context shared_;
    std::mutex mutex_;
    std::vector<loop_hub> hubs_;
    std::uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<api> make_api(api_parts with, api_options how) {
    return std::make_unique<api_impl>(with, std::move(how));
}

}  // namespace api
