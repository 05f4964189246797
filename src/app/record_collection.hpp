#pragma once
// The records of one kind as a collection of record_feed. Owned by the service. Lives on the
// control loop.

#include "app/record_repository.hpp"
#include "app/replicated_collection.hpp"
#include "app/state_cache.hpp"

namespace app {

class record_collection final : public replicated_collection {
  public:
    record_collection(record_kind kind, record_repository& records, const state_cache& cache)
        : kind_(kind), records_(records), cache_(cache) {}

    [[nodiscard]] const std::string& collection() const noexcept override {
        return collection_of(kind_);
    }
    [[nodiscard]] std::map<std::string, ports::document_version> known_versions() const override;
    [[nodiscard]] ports::document_version known_version(const std::string& id) const override;
    aio::task<> adopt(std::string id) override { return records_.adopt(kind_, std::move(id)); }
    void on_write(write_observer observer) override {
        records_.on_write(kind_, std::move(observer));
    }

  private:
    record_kind kind_;
    record_repository& records_;
    const state_cache& cache_;
};

}  // namespace app
