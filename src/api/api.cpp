#include "api/api.hpp"

#include <fmt/format.h>

#include <mutex>

#include "api/handler.hpp"

namespace api {
namespace {

class api_impl final : public api {
  public:
    api_impl(api_deps deps, api_options options)
        : context_{
              .deps = deps, .options = std::move(options), .metrics = api_metrics(deps.registry)} {
        const auto description = openapi_document();
        context_.openapi = std::make_unique<const static_document>(description);
        context_.docs = std::make_unique<const static_site>(description, embedded_files());
    }

    void attach() override {
        context_.model.begin_bulk();
        context_.deps.platform.state.listen({.databases = &context_.model,
                                             .operations = &context_.model,
                                             .projects = &context_.model,
                                             .catalogue = &context_.model});
        context_.model.end_bulk();
        context_.model.on_change([this](const model_change& change) { publish(change); });
    }

    std::unique_ptr<http::handler> make_handler(aio::executor loop) override {
        // The hub gets every event after `number_`: both change under the same lock.
        const std::lock_guard lock(mutex_);
        auto hub = std::make_shared<stream_hub>(loop, number_);
        hubs_.push_back({loop, hub});
        return make_request_handler(context_, std::move(hub));
    }

  private:
    struct loop_hub {
        aio::executor loop;
        std::shared_ptr<stream_hub> hub;
    };

    // Encodes the change once for the subscribers of all loops.
    void publish(const model_change& change) {
        const std::lock_guard lock(mutex_);
        const auto number = ++number_;
        const auto event = std::make_shared<const std::string>(
            fmt::format("id: {}\nevent: {}\ndata: {}\n\n", context_.ids.seal(number),
                        change.is_delete ? "delete" : "upsert", change.data));
        for (const auto& [loop, hub] : hubs_) {
            aio::post(loop, [hub, number, project = change.project, database = change.database,
                             event] { hub->publish(number, project, event, database); });
        }
    }

    api_context context_;
    std::mutex mutex_;
    std::vector<loop_hub> hubs_;
    std::uint64_t number_ = 0;  // of the last event
};

}  // namespace

std::unique_ptr<api> make_api(api_deps deps, api_options options) {
    return std::make_unique<api_impl>(deps, std::move(options));
}

}  // namespace api
