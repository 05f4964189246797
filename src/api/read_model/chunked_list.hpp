#pragma once
// An ordered sequence whose versions share their content. A reader keeps its version while the
// writer makes the next one; a change copies one chunk and the table of chunks, unless no other
// version shares them. Values are cheap to copy and distinct in the order. One writer; a version
// that no longer changes may be read on any thread.
//
// Each chunk may have a column: a compact copy of a part of its values, for scans. A column has
// insert(index, value), erase(index), split(index) and append(column). Equal values must have equal
// parts: the column stays when a value replaces an equal one.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace api {

struct no_column {
    template <class Value>
    void insert(std::size_t, const Value&) {}
    void erase(std::size_t) {}
    no_column split(std::size_t) { return {}; }
    void append(const no_column&) {}
};

template <class Value, class Less, class Column = no_column>
class chunked_list {
    struct chunk {
        std::vector<Value> values;
        [[no_unique_address]] Column column;
    };
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
        reference operator*() const { return (*table_)[chunk_]->values[index_]; }
        pointer operator->() const { return &**this; }
        iterator& operator++() {
            if (++index_ == (*table_)[chunk_]->values.size()) {
                ++chunk_;
                index_ = 0;
            }
            return *this;
        }
        iterator& operator--() {
            if (index_ == 0) index_ = (*table_)[--chunk_]->values.size();
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
            *table_, [&](const auto& part) { return is_before(part->values.back()); });
        if (entry == table_->end()) return end();
        const auto& values = (*entry)->values;
        const auto value = std::ranges::partition_point(values, is_before);
        return {table_.get(), static_cast<std::size_t>(entry - table_->begin()),
                static_cast<std::size_t>(value - values.begin())};
    }

    // Calls visit(values, column) for each chunk in order. `values` is a span; its addresses are
    // valid while a copy of this version exists.
    template <class Visit>
    void for_each_chunk(Visit visit) const {
        for (const auto& part : *table_) visit(std::span(part->values), part->column);
    }

    // Inserts the value, or replaces the equal one.
    void put(Value value) {
        if (put_in_place(value)) return;
        auto next = *table_;
        if (next.empty()) next.push_back(std::make_shared<chunk>());
        const auto index = std::min(chunk_of(value), next.size() - 1);
        auto changed = std::make_shared<chunk>();
        changed->values.reserve(next[index]->values.size() + 1);
        changed->values.assign(next[index]->values.begin(), next[index]->values.end());
        changed->column = next[index]->column;
        put_into(*changed, std::move(value));
        if (changed->values.size() > chunk_size_max) {
            constexpr auto middle = chunk_size_max / 2;
            const auto start = changed->values.begin() + static_cast<std::ptrdiff_t>(middle);
            auto rest = std::make_shared<chunk>();
            rest->values.assign(start, changed->values.end());
            rest->column = changed->column.split(middle);
            changed->values.erase(start, changed->values.end());
            next.insert(next.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(rest));
        }
        next[index] = std::move(changed);
        table_ = std::make_shared<const table>(std::move(next));
    }

    // Removes the equal value. No-op if there is none.
    void erase(const Value& value) {
        const auto index = chunk_of(value);
        if (index == table_->size()) return;
        const auto& old = (*table_)[index]->values;
        const auto position = std::ranges::lower_bound(old, value, Less());
        if (position == old.end() || Less()(value, *position)) return;
        auto changed = std::make_shared<chunk>();
        changed->values.assign(old.begin(), position);
        changed->values.insert(changed->values.end(), std::next(position), old.end());
        changed->column = (*table_)[index]->column;
        changed->column.erase(static_cast<std::size_t>(position - old.begin()));
        auto next = *table_;
        const auto slot = next.begin() + static_cast<std::ptrdiff_t>(index);
        const auto size = changed->values.size();
        const bool fits_into_neighbour =
            index > 0 && (*std::prev(slot))->values.size() + size <= chunk_size_max / 2;
        if (changed->values.empty()) {
            next.erase(slot);
        } else if (fits_into_neighbour) {
            auto merged = std::make_shared<chunk>(**std::prev(slot));
            merged->values.insert(merged->values.end(), changed->values.begin(),
                                  changed->values.end());
            merged->column.append(changed->column);
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

    // Changes the chunk of the value if this version alone has it and it has space. Returns whether
    // it did. No other thread has seen such a chunk: a version that other threads read is kept by
    // its owner while the writer makes the next one from a copy.
    bool put_in_place(Value& value) {
        if (table_->empty() || table_.use_count() != 1) return false;
        const auto& shared = (*table_)[std::min(chunk_of(value), table_->size() - 1)];
        if (shared.use_count() != 1 || shared->values.size() >= chunk_size_max) return false;
        put_into(const_cast<chunk&>(*shared),
                 std::move(value));  // every chunk is created as not const
        return true;
    }
    void put_into(chunk& target, Value value) {
        auto& values = target.values;
        const auto position = std::ranges::lower_bound(values, value, Less());
        if (position != values.end() && !Less()(value, *position)) {
            *position = std::move(value);
            return;
        }
        target.column.insert(static_cast<std::size_t>(position - values.begin()), value);
        values.insert(position, std::move(value));
        ++size_;
    }
    [[nodiscard]] std::size_t chunk_of(const Value& value) const {
        const auto entry = std::ranges::partition_point(
            *table_, [&](const auto& part) { return Less()(part->values.back(), value); });
        return static_cast<std::size_t>(entry - table_->begin());
    }
    std::shared_ptr<const table> table_;
    std::size_t size_ = 0;
};

}  // namespace api
