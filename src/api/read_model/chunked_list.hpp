#pragma once
// An ordered sequence whose versions share their content: a reader keeps the version that it has
// while the writer makes the next one, which costs one chunk and the table of chunks, not the
// whole. Values are cheap to copy; no two are equal in the order. One writer; a version that is no
// longer changed may be read on any thread.

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
    // Valid while its list, or a copy of it, is not changed.
    class iterator {
      public:
        using value_type = Value;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::bidirectional_iterator_tag;
        using pointer = const Value*;
        using reference = const Value&;

        iterator() = default;
        reference operator*() const { return (*(*table_)[chunk_])[at_]; }
        pointer operator->() const { return &**this; }
        iterator& operator++() {
            if (++at_ == (*table_)[chunk_]->size()) {
                ++chunk_;
                at_ = 0;
            }
            return *this;
        }
        iterator& operator--() {
            if (at_ == 0) at_ = (*table_)[--chunk_]->size();
            --at_;
            return *this;
        }
        iterator operator++(int) { return std::exchange(*this, std::next(*this)); }
        iterator operator--(int) { return std::exchange(*this, std::prev(*this)); }
        bool operator==(const iterator& other) const noexcept {
            return chunk_ == other.chunk_ && at_ == other.at_;
        }

      private:
        friend chunked_list;
        iterator(const table* of, std::size_t chunk, std::size_t at)
            : table_(of), chunk_(chunk), at_(at) {}
        const table* table_ = nullptr;
        std::size_t chunk_ = 0;
        std::size_t at_ = 0;
    };

    chunked_list() : table_(std::make_shared<const table>()) {}

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] iterator begin() const { return {table_.get(), 0, 0}; }
    [[nodiscard]] iterator end() const { return {table_.get(), table_->size(), 0}; }

    // The first for which is_before(value) is false; all before it must say true.
    template <class Predicate>
    [[nodiscard]] iterator partition_point(Predicate is_before) const {
        const auto found = std::ranges::partition_point(
            *table_, [&](const auto& each) { return is_before(each->back()); });
        if (found == table_->end()) return end();
        const auto at = std::ranges::partition_point(**found, is_before);
        return {table_.get(), static_cast<std::size_t>(found - table_->begin()),
                static_cast<std::size_t>(at - (*found)->begin())};
    }

    // Takes the place of the equal one, or its own.
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
        const auto at = std::ranges::lower_bound(*changed, value, Less());
        if (at != changed->end() && !Less()(value, *at)) {
            *at = std::move(value);
        } else {
            changed->insert(at, std::move(value));
            ++size_;
        }
        if (changed->size() > chunk_most) {
            const auto middle = changed->begin() + static_cast<std::ptrdiff_t>(chunk_most / 2);
            next.insert(next.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                        std::make_shared<chunk>(middle, changed->end()));
            changed->erase(middle, changed->end());
        }
        next[index] = std::move(changed);
        table_ = std::make_shared<const table>(std::move(next));
    }

    // Nothing happens when there is no equal one.
    void erase(const Value& value) {
        const auto index = chunk_of(value);
        if (index == table_->size()) return;
        const auto& old = *(*table_)[index];
        const auto at = std::ranges::lower_bound(old, value, Less());
        if (at == old.end() || Less()(value, *at)) return;
        auto changed = std::make_shared<chunk>(old.begin(), at);
        changed->insert(changed->end(), std::next(at), old.end());
        auto next = *table_;
        const auto place = next.begin() + static_cast<std::ptrdiff_t>(index);
        const bool fits_into_neighbour =
            index > 0 && (*std::prev(place))->size() + changed->size() <= chunk_most / 2;
        if (changed->empty()) {
            next.erase(place);
        } else if (fits_into_neighbour) {
            auto merged = std::make_shared<chunk>(**std::prev(place));
            merged->insert(merged->end(), changed->begin(), changed->end());
            *std::prev(place) = std::move(merged);
            next.erase(place);
        } else {
            *place = std::move(changed);
        }
        --size_;
        table_ = std::make_shared<const table>(std::move(next));
    }

  private:
    static constexpr std::size_t chunk_most = 256;
    [[nodiscard]] std::size_t chunk_of(const Value& value) const {
        const auto found = std::ranges::partition_point(
            *table_, [&](const auto& each) { return Less()(each->back(), value); });
        return static_cast<std::size_t>(found - table_->begin());
    }
    std::shared_ptr<const table> table_;
    std::size_t size_ = 0;
};

}  // namespace api
