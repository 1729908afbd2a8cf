// What a full queue does with one more item.
#pragma once

namespace buskin {

enum class overflow {
  wait,         ///< the putter waits for room; `put_nowait` throws queue_full
  drop_oldest,  ///< the item that came first goes, and the new one gets in
  drop_newest,  ///< the new item goes; its putter is not told
  refuse        ///< every put throws queue_full
};

}  // namespace buskin
