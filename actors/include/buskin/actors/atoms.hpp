// The first elements of the messages that brokers understand.
#pragma once

#include <caf/atom.hpp>

namespace buskin {

using get_item = caf::atom_constant<caf::atom("bk.get")>;
using put_item = caf::atom_constant<caf::atom("bk.put")>;
using item_done = caf::atom_constant<caf::atom("bk.done")>;
using await_done = caf::atom_constant<caf::atom("bk.join")>;
using shut_down_queue = caf::atom_constant<caf::atom("bk.shut")>;
using drop_queue = caf::atom_constant<caf::atom("bk.drop")>;
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
using await_barrier = caf::atom_constant<caf::atom("bk.arrive")>;
using leave_barrier = caf::atom_constant<caf::atom("bk.leave")>;
using reset_barrier = caf::atom_constant<caf::atom("bk.reset")>;
using abort_barrier = caf::atom_constant<caf::atom("bk.abort")>;
using await_condition = caf::atom_constant<caf::atom("bk.cond")>;
using await_notification = caf::atom_constant<caf::atom("bk.awnote")>;
using notify_condition = caf::atom_constant<caf::atom("bk.notify")>;
using publish_end = caf::atom_constant<caf::atom("bk.end")>;
using publish = caf::atom_constant<caf::atom("bk.pub")>;
using follow_broadcast = caf::atom_constant<caf::atom("bk.follow")>;
using close_source = caf::atom_constant<caf::atom("bk.close")>;
using clear_event = caf::atom_constant<caf::atom("bk.clear")>;
using is_event_set = caf::atom_constant<caf::atom("bk.isset")>;

// From other processes: a request is taken back; what an answer brought was not taken.
using withdraw_request = caf::atom_constant<caf::atom("bk.nomore")>;
using return_answer = caf::atom_constant<caf::atom("bk.return")>;

// Of supervisors.
using start_child_atom = caf::atom_constant<caf::atom("bk.start")>;
using terminate_child_atom = caf::atom_constant<caf::atom("bk.term")>;
using restart_child_atom = caf::atom_constant<caf::atom("bk.restart")>;
using delete_child_atom = caf::atom_constant<caf::atom("bk.delete")>;
using which_children_atom = caf::atom_constant<caf::atom("bk.which")>;
using count_children_atom = caf::atom_constant<caf::atom("bk.count")>;
using get_childspec_atom = caf::atom_constant<caf::atom("bk.spec")>;

// Of the registry.
using register_name_atom = caf::atom_constant<caf::atom("bk.reg")>;
using unregister_name_atom = caf::atom_constant<caf::atom("bk.unreg")>;
using whereis_atom = caf::atom_constant<caf::atom("bk.where")>;
using await_name_atom = caf::atom_constant<caf::atom("bk.appear")>;
using registered_atom = caf::atom_constant<caf::atom("bk.names")>;

}  // namespace buskin
