#include "app/identity/platform_key.hpp"

namespace app {

base::secret new_platform_key_text() {
    return token::make_platform_key();
}

base::outcome<shared_sealer> make_sealer(const base::secret& text, const base::secret& previous) {
    auto key = token::parse_platform_key(text.reveal());
    if (!key) return base::pass(std::move(key));
    base::secret previous_key;
    if (!previous.empty()) {
        auto parsed = token::parse_platform_key(previous.reveal());
        if (!parsed) return base::pass(std::move(parsed), "the previous key");
        previous_key = std::move(*parsed);
    }
    return std::make_shared<const token::sealer>(std::move(*key), std::move(previous_key));
}

}  // namespace app
