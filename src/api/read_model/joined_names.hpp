#pragma once
// The names of consecutive rows in one text, so that a search for a part of a name reads memory in
// order and compares many bytes per instruction. A value. Pure.

#include <cstddef>
#include <string>
#include <string_view>

namespace api {

class joined_names {
  public:
    // Inserts the name before the one with this index. Precondition: index <= the number of names.
    void insert(std::size_t index, std::string_view name);
    // Precondition: index < the number of names.
    void erase(std::size_t index);
    // Removes the names from this index on and returns them.
    joined_names split(std::size_t index);
    void append(const joined_names& other) { text_ += other.text_; }

    // Calls `visit` with the index of each name that contains `part`, in ascending order. A part
    // with '\0' is in no name. Precondition: `part` is not empty.
    template <class Visit>
    void find(std::string_view part, Visit visit) const {
        if (part.contains('\0')) return;  // it would match across two names
        position current;
        while (find_next(part, current)) visit(current.index++);
    }

  private:
    struct position {
        std::size_t offset = 0;
        std::size_t index = 0;
    };
    // Moves from the start of a name to the first name from there that contains `part`; its offset
    // becomes that of the following name. Returns false if there is none.
    bool find_next(std::string_view part, position& current) const;
    [[nodiscard]] std::size_t offset_of(std::size_t index) const;

    std::string text_;  // each name, without '\0' in it, and a '\0'
};

}  // namespace api
