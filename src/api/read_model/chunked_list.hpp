#pragma once
// An ordered sequence whose versions share their content. A reader keeps its version while the
// writer makes the next one; a change copies one chunk and the table of chunks. Values are cheap to
// copy and distinct in the order. One writer; a version that no longer changes may be read on any
// thread.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace api {

template <class Value, class Less>
class chunked_list {
    using chunk = std::vector<Value>;
    using table = std::vector<std::shared_ptr<const chunk>>;

  public:
    // Valid while a copy of its version of the list exists.
    class iterator {
      public:
        using value_type = Value;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::bidirectional_iterator_tag;
        using pointer = const Value*;
        using reference = const Value&;

        iterator() = default;
        reference operator*() const { return (*(*table_)[chunk_])[index_]; }
        pointer operator->() const { return &**this; }
        iterator& operator++() {
            if (++index_ == (*table_)[chunk_]->size()) {
                ++chunk_;
                index_ = 0;
            }
            return *this;
        }
        iterator& operator--() {
            if (index_ == 0) index_ = (*table_)[--chunk_]->size();
            --index_;
            return *this;
        }
        iterator operator++(int) { return std::exchange(*this, std::next(*this)); }
        iterator operator--(int) { return std::exchange(*this, std::prev(*this)); }
        bool operator==(const iterator& other) const noexcept {
            return chunk_ == other.chunk_ && index_ == other.index_;
        }

      private:
        friend chunked_list;
        iterator(const table* chunks, std::size_t chunk, std::size_t index)
            : table_(chunks), chunk_(chunk), index_(index) {}
        const table* table_ = nullptr;
        std::size_t chunk_ = 0;
        std::size_t index_ = 0;
    };

    chunked_list() : table_(std::make_shared<const table>()) {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] iterator begin() const { return {table_.get(), 0, 0}; }
    [[nodiscard]] iterator end() const { return {table_.get(), table_->size(), 0}; }

    // Returns the first value for which is_before() is false. Precondition: is_before() is true
    // for all values before it and false for the others.
    template <class Predicate>
    [[nodiscard]] iterator partition_point(Predicate is_before) const {
        const auto entry = std::ranges::partition_point(
            *table_, [&](const auto& values) { return is_before(values->back()); });
        if (entry == table_->end()) return end();
        const auto value = std::ranges::partition_point(**entry, is_before);
        return {table_.get(), static_cast<std::size_t>(entry - table_->begin()),
                static_cast<std::size_t>(value - (*entry)->begin())};
    }

    // Inserts the value, or replaces the equal one.
    void put(Value value) {
        auto next = *table_;
        if (next.empty()) {
            next.push_back(std::make_shared<chunk>(chunk{std::move(value)}));
            ++size_;
            table_ = std::make_shared<const table>(std::move(next));
            return;
        }
        const auto index = std::min(chunk_of(value), next.size() - 1);
        auto changed = std::make_shared<chunk>();
        changed->reserve(next[index]->size() + 1);
        changed->assign(next[index]->begin(), next[index]->end());
        const auto position = std::ranges::lower_bound(*changed, value, Less());
        if (position != changed->end() && !Less()(value, *position)) {
            *position = std::move(value);
        } else {
            changed->insert(position, std::move(value));
            ++size_;
        }
        if (changed->size() > chunk_size_max) {
            const auto middle = changed->begin() + static_cast<std::ptrdiff_t>(chunk_size_max / 2);
            next.insert(next.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                        std::make_shared<chunk>(middle, changed->end()));
            changed->erase(middle, changed->end());
        }
        next[index] = std::move(changed);
        table_ = std::make_shared<const table>(std::move(next));
    }

    // Removes the equal value. No-op if there is none.
    void erase(const Value& value) {
        const auto index = chunk_of(value);
        if (index == table_->size()) return;
        const auto& old = *(*table_)[index];
        const auto position = std::ranges::lower_bound(old, value, Less());
        if (position == old.end() || Less()(value, *position)) return;
        auto changed = std::make_shared<chunk>(old.begin(), position);
        changed->insert(changed->end(), std::next(position), old.end());
        auto next = *table_;
        const auto slot = next.begin() + static_cast<std::ptrdiff_t>(index);
        const bool fits_into_neighbour =
            index > 0 && (*std::prev(slot))->size() + changed->size() <= chunk_size_max / 2;
        if (changed->empty()) {
            next.erase(slot);
        } else if (fits_into_neighbour) {
            auto merged = std::make_shared<chunk>(**std::prev(slot));
            merged->insert(merged->end(), changed->begin(), changed->end());
            *std::prev(slot) = std::move(merged);
            next.erase(slot);
        } else {
            *slot = std::move(changed);
        }
        --size_;
        table_ = std::make_shared<const table>(std::move(next));
    }

  private:
    static constexpr std::size_t chunk_size_max = 256;
    [[nodiscard]] std::size_t chunk_of(const Value& value) const {
        const auto entry = std::ranges::partition_point(
            *table_, [&](const auto& values) { return Less()(values->back(), value); });
        return static_cast<std::size_t>(entry - table_->begin());
    }
    std::shared_ptr<const table> table_;
    std::size_t size_ = 0;
};

}  // namespace api
