// A returnable answer (returnable.hpp) that came from another process.
#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>
#include <caf/message_id.hpp>

namespace buskin::detail {

/// The answer `content` to the request with the response id `id`, for the mailbox of `asker`, who
/// asked `broker`, a proxy. If it is destroyed and nobody has taken its content, it sends
/// `(return_answer, content...)` to `broker`, in the name of `asker`: the broker has it again, and
/// hands it to the next. The same when `asker` has ended.
caf::mailbox_element_ptr make_far_answer(caf::message_id id, caf::message content,
                                         caf::strong_actor_ptr broker, caf::strong_actor_ptr asker);

}  // namespace buskin::detail
