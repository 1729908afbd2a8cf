"""Queues between two Python processes: peer.py queue|manager_queue COUNT

Prints nanoseconds for an item. A child puts numbers, this process gets them. `queue` is
multiprocessing.Queue: a pipe, which a thread of the producer fills; `manager_queue` is a queue.Queue
in a third process, which each put and each get asks. COUNT items after a tenth of that to warm up.
"""

import multiprocessing
import sys
import time


def produce(queue, go, counts):
    for count in counts:
        go.acquire()
        for number in range(count):
            queue.put(number)


def consume(queue, go, count):
    began = time.perf_counter_ns()
    go.release()
    for number in range(count):
        assert queue.get() == number
    return (time.perf_counter_ns() - began) / count


def measure(queue, count):
    go = multiprocessing.Semaphore(0)
    counts = [count // 10, count]
    producer = multiprocessing.Process(target=produce, args=(queue, go, counts), daemon=True)
    producer.start()
    warm_up, cost = [consume(queue, go, each) for each in counts]
    producer.join()
    return cost


def main():
    work, count = sys.argv[1:]
    if work == "queue":
        cost = measure(multiprocessing.Queue(), int(count))
    elif work == "manager_queue":
        with multiprocessing.Manager() as manager:
            cost = measure(manager.Queue(), int(count))
    else:
        sys.exit(f"no work is called {work}")
    print(f"{cost:.2f}")


if __name__ == "__main__":
    main()
