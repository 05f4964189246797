#include "scrape/source_on_loop.hpp"

#include <utility>

#include "aio/run_on_cancellable.hpp"

namespace scrape {
namespace {

class source_on_loop final : public ports::metrics_source {
  public:
    using shared_sample = std::shared_ptr<const domain::metrics_sample>;

    source_on_loop(aio::executor loop, ports::metrics_source& source)
        : loop_(std::move(loop)), source_(source) {}

    aio::task<shared_sample> scrape(ports::scrape_target target,
                                    base::steady_time deadline) override {
        return aio::run_on_cancellable<shared_sample>(
            loop_, [&source = source_, target = std::move(target), deadline]() mutable {
                return source.scrape(std::move(target), deadline);
            });
    }

    void forget(const std::string& database_id) override {
        aio::post(loop_, [&source = source_, database_id] { source.forget(database_id); });
    }

  private:
    aio::executor loop_;
    ports::metrics_source& source_;
};

}  // namespace

std::unique_ptr<ports::metrics_source> make_source_on_loop(aio::executor loop,
                                                           ports::metrics_source& source) {
    return std::make_unique<source_on_loop>(std::move(loop), source);
}

}  // namespace scrape
