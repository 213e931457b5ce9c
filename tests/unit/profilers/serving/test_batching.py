"""When a batch starts, told by which requests were answered together."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from profilers.serving.batching import Batcher

PLACES = pytest.mark.parametrize("is_on_loop", [False, True])


class Model:
    """Answers a number with its batch; runs until it is let go."""

    def __init__(self):
        self.batches = []
        self.threads = set()
        self.gate = threading.Event()
        self.gate.set()

    def run(self, asked):
        self.batches.append(list(asked))
        self.threads.add(threading.current_thread())
        assert self.gate.wait(30)
        if "bad" in asked:
            raise ValueError("a batch that fails")
        return [len(asked)] * len(asked)


def batcher_of(model, *, most=1, longest_wait_s=0.0, is_on_loop=False):
    batcher = Batcher(model.run, ThreadPoolExecutor(max_workers=1))
    batcher.limit(most=most, longest_wait_s=longest_wait_s, is_on_loop=is_on_loop)
    return batcher


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def test_a_lone_request_waits_as_long_as_allowed_and_no_longer():
    async def go():
        batcher = batcher_of(Model(), most=8, longest_wait_s=0.03)
        began_s = asyncio.get_running_loop().time()
        assert await batcher.answer("a") == 1
        return asyncio.get_running_loop().time() - began_s

    assert asyncio.run(go()) >= 0.03


def test_a_full_batch_does_not_wait():
    async def go():
        batcher = batcher_of(Model(), most=2, longest_wait_s=3600.0)
        return await asyncio.gather(*(batcher.answer(i) for i in range(4)))

    assert asyncio.run(go()) == [2, 2, 2, 2]


def test_who_waited_while_another_batch_ran_does_not_wait_again():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=4, longest_wait_s=0.05)
        model.gate.clear()
        first = [asyncio.create_task(batcher.answer(i)) for i in range(4)]
        await until(lambda: model.batches)
        late = asyncio.create_task(batcher.answer("late"))
        await asyncio.sleep(0.06)
        model.gate.set()
        await asyncio.gather(*first)
        return await asyncio.wait_for(late, 30)

    assert asyncio.run(go()) == 1


def test_a_shorter_wait_holds_for_who_waits_already():
    async def go():
        batcher = batcher_of(Model(), most=4, longest_wait_s=3600.0)
        waiting = asyncio.create_task(batcher.answer("a"))
        await until(lambda: batcher.n_waiting)
        batcher.limit(most=4, longest_wait_s=0.0)
        return await asyncio.wait_for(waiting, 30)

    assert asyncio.run(go()) == 1


def test_one_batch_runs_at_a_time_and_the_rest_go_in_order_of_arrival():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=2)
        model.gate.clear()
        tasks = [asyncio.create_task(batcher.answer(i)) for i in range(5)]
        await until(lambda: model.batches and batcher.n_waiting >= 3)
        running, waiting = len(model.batches), batcher.n_waiting
        model.gate.set()
        await asyncio.gather(*tasks)
        return running, waiting, model.batches

    running, waiting, batches = asyncio.run(go())

    assert running == 1
    assert waiting == 5 - len(batches[0])
    assert [i for batch in batches for i in batch] == [0, 1, 2, 3, 4]
    assert max(map(len, batches)) == 2


def test_on_the_loop_an_answer_is_sent_before_the_next_one_is_begun():
    async def go():
        model, seen = Model(), []
        batcher = batcher_of(model, is_on_loop=True)

        async def ask(name):
            seen.append((name, await batcher.answer(name), len(model.batches)))

        await asyncio.gather(*map(ask, "abc"))
        return seen, model.batches, model.threads

    seen, batches, threads = asyncio.run(go())

    assert seen == [("a", 1, 1), ("b", 1, 2), ("c", 1, 3)]
    assert batches == [["a"], ["b"], ["c"]]
    assert threads == {threading.current_thread()}


def test_else_the_loop_stays_free():
    async def go():
        model = Model()
        await batcher_of(model).answer("a")
        return model.threads

    assert threading.current_thread() not in asyncio.run(go())


def test_who_left_takes_no_place_in_a_batch():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=2)
        model.gate.clear()
        first = asyncio.create_task(batcher.answer("first"))
        await until(lambda: model.batches)
        gone = asyncio.create_task(batcher.answer("gone"))
        stays = [asyncio.create_task(batcher.answer(i)) for i in range(2)]
        await until(lambda: batcher.n_waiting == 3)
        gone.cancel()
        await until(gone.done)
        model.gate.set()
        await asyncio.gather(first, *stays)
        return model.batches

    assert asyncio.run(go()) == [["first"], [0, 1]]


def test_on_the_loop_who_left_is_not_run():
    async def go():
        model = Model()
        batcher = batcher_of(model, is_on_loop=True)
        tasks = [asyncio.create_task(batcher.answer(i)) for i in range(3)]
        while not model.batches:
            await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks[:2])
        await batcher.answer("later")
        return model.batches

    assert asyncio.run(go()) == [[0], [1], ["later"]]


@PLACES
def test_a_batch_that_fails_is_its_own_requests_misfortune_alone(is_on_loop):
    async def go():
        batcher = batcher_of(Model(), is_on_loop=is_on_loop)
        with pytest.raises(ValueError, match="a batch that fails"):
            await batcher.answer("bad")
        return await batcher.answer("good")

    assert asyncio.run(go()) == 1
