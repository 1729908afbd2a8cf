"""Python's side of the benchmarks: peer.py asyncio|uvloop WORK COUNT

Prints nanoseconds for one operation; of processor time for sleeps, else of real time. The work runs
once with a tenth of the operations to warm up.
"""

import asyncio
import concurrent.futures
import functools
import os
import sys
import time


async def uncontended_lock(count):
    lock = asyncio.Lock()
    for _ in range(count):
        async with lock:
            pass


async def contended_lock(count):
    """A hundred tasks; whoever holds the lock lets the others run and so has them queue up."""
    lock = asyncio.Lock()

    async def contender():
        for _ in range(count // 100):
            async with lock:
                await asyncio.sleep(0)

    await asyncio.gather(*(contender() for _ in range(100)))


async def through_queue(capacity, count):
    queue = asyncio.Queue(capacity)

    async def produce():
        for number in range(count):
            await queue.put(number)

    async def consume():
        total = 0
        for _ in range(count):
            total += await queue.get()
        return total

    _, total = await asyncio.gather(produce(), consume())
    assert total == count * (count - 1) // 2


async def bounded_queue(count):
    await through_queue(10, count)


async def unbounded_queue(count):
    await through_queue(0, count)


async def nothing():
    pass


async def spawn_and_join(count):
    tasks = [asyncio.create_task(nothing()) for _ in range(count)]
    for task in tasks:
        await task


async def sleeps(count):
    """All at once, due at a thousand different times from 0.5 s to 1 s from now."""
    tasks = [
        asyncio.create_task(asyncio.sleep(0.5 + number * 7919 % 1000 / 2000)) for number in range(count)
    ]
    for task in tasks:
        await task


async def to_thread(count):
    for number in range(count):
        assert await asyncio.to_thread(int.__add__, number, 1) == number + 1


async def file_lines(count):
    """The first lines of the file that BENCH_FILE names."""
    import aiofiles

    seen = 0
    async with aiofiles.open(os.environ["BENCH_FILE"]) as lines:
        async for line in lines:
            assert line
            seen += 1
            if seen == count:
                return
    raise AssertionError("the file has fewer lines")


async def run_true(count):
    """Ten at a time."""
    left = count

    async def run_some():
        nonlocal left
        while left > 0:
            left -= 1
            child = await asyncio.create_subprocess_exec("/bin/true")
            assert await child.wait() == 0

    await asyncio.gather(*(run_some() for _ in range(10)))


def echo(argument):
    return argument


def nap(_):
    """So long that the next job goes to another worker."""
    time.sleep(0.05)
    return os.getpid()


@functools.cache
def two_workers():
    """The pool, both of whose workers have started; for the warm-up and for what is measured."""
    pool = concurrent.futures.ProcessPoolExecutor(2)
    assert len(set(pool.map(nap, range(2)))) == 2
    return pool


async def through_pool(size, count):
    """Jobs one at a time; argument and result are so many bytes."""
    loop, pool = asyncio.get_running_loop(), two_workers()
    argument = b"x" * size
    for _ in range(count):
        assert len(await loop.run_in_executor(pool, echo, argument)) == size


async def small_job(count):
    await through_pool(64, count)


async def large_job(count):
    await through_pool(16 * 1024 * 1024, count)


WORKS = {
    work.__name__: work
    for work in (
        uncontended_lock,
        contended_lock,
        bounded_queue,
        unbounded_queue,
        spawn_and_join,
        sleeps,
        to_thread,
        file_lines,
        run_true,
        small_job,
        large_job,
    )
}


async def measure(work, count):
    clock = time.process_time_ns if work is sleeps else time.perf_counter_ns
    await work(count // 10)
    began = clock()
    await work(count)
    return (clock() - began) / count


def main():
    loop, work, count = sys.argv[1:]
    if loop == "uvloop":
        import uvloop

        uvloop.install()
    print(f"{asyncio.run(measure(WORKS[work], int(count))):.2f}")


if __name__ == "__main__":
    main()
