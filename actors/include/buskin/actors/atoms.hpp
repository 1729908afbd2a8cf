// The first elements of the messages that brokers understand.
#pragma once

#include <caf/atom.hpp>

namespace buskin {

using get_item = caf::atom_constant<caf::atom("bk.get")>;
using put_item = caf::atom_constant<caf::atom("bk.put")>;
using item_done = caf::atom_constant<caf::atom("bk.done")>;
using await_done = caf::atom_constant<caf::atom("bk.join")>;
using shut_down_queue = caf::atom_constant<caf::atom("bk.shut")>;
using subscribe = caf::atom_constant<caf::atom("bk.sub")>;
using unsubscribe = caf::atom_constant<caf::atom("bk.unsub")>;
using acquire_permit = caf::atom_constant<caf::atom("bk.acquire")>;
using release_permit = caf::atom_constant<caf::atom("bk.release")>;
using await_event = caf::atom_constant<caf::atom("bk.await")>;
using await_value = caf::atom_constant<caf::atom("bk.value")>;
using get_value = caf::atom_constant<caf::atom("bk.getval")>;
using set_value = caf::atom_constant<caf::atom("bk.setval")>;
using set_error = caf::atom_constant<caf::atom("bk.seterr")>;
using cancel_value = caf::atom_constant<caf::atom("bk.cancel")>;
using await_change = caf::atom_constant<caf::atom("bk.change")>;
using set_event = caf::atom_constant<caf::atom("bk.set")>;
using publish = caf::atom_constant<caf::atom("bk.pub")>;

}  // namespace buskin
