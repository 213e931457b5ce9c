"""When a batch starts, told by which requests were answered together."""

import asyncio

import pytest

from profilers.serving.batching import Batcher


class Model:
    """Answers a number with its batch; runs until it is let go."""

    def __init__(self):
        self.batches = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, asked):
        self.batches.append(list(asked))
        await self.gate.wait()
        if "bad" in asked:
            raise ValueError("a batch that fails")
        return [len(asked)] * len(asked)


def batcher_of(model, *, most, longest_wait_s=0.0):
    batcher = Batcher(model.run)
    batcher.most, batcher.longest_wait_s = most, longest_wait_s
    return batcher


def test_a_lone_request_waits_as_long_as_allowed_and_no_longer():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=8, longest_wait_s=0.03)
        began_s = asyncio.get_running_loop().time()
        assert await batcher.answer("a") == 1
        return asyncio.get_running_loop().time() - began_s

    assert asyncio.run(go()) >= 0.03


def test_a_full_batch_does_not_wait():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=2, longest_wait_s=3600.0)
        return await asyncio.gather(*(batcher.answer(i) for i in range(4)))

    assert asyncio.run(go()) == [2, 2, 2, 2]


def test_who_waited_while_another_batch_ran_does_not_wait_again():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=4, longest_wait_s=0.05)
        model.gate.clear()
        first = [asyncio.create_task(batcher.answer(i)) for i in range(4)]
        await asyncio.sleep(0)
        late = asyncio.create_task(batcher.answer("late"))
        await asyncio.sleep(0.06)
        batcher.longest_wait_s = 0.05
        model.gate.set()
        await asyncio.gather(*first)
        # No more than a few turns of the loop: far less than another timer.
        for _ in range(5):
            await asyncio.sleep(0)
        return late.done()

    assert asyncio.run(go())


def test_one_batch_runs_at_a_time_and_the_rest_go_in_order_of_arrival():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=2)
        model.gate.clear()
        tasks = [asyncio.create_task(batcher.answer(i)) for i in range(5)]
        await asyncio.sleep(0.01)
        running, waiting = len(model.batches), batcher.n_waiting
        model.gate.set()
        await asyncio.gather(*tasks)
        return running, waiting, model.batches

    running, waiting, batches = asyncio.run(go())

    assert running == 1
    assert waiting == 5 - len(batches[0])
    assert [i for batch in batches for i in batch] == [0, 1, 2, 3, 4]
    assert max(map(len, batches)) == 2


def test_who_left_takes_no_place_in_a_batch():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=2)
        model.gate.clear()
        first = asyncio.create_task(batcher.answer("first"))
        await asyncio.sleep(0.01)
        gone = asyncio.create_task(batcher.answer("gone"))
        stays = [asyncio.create_task(batcher.answer(i)) for i in range(2)]
        await asyncio.sleep(0.01)
        gone.cancel()
        model.gate.set()
        await asyncio.gather(first, *stays)
        return model.batches

    assert asyncio.run(go()) == [["first"], [0, 1]]


def test_a_batch_that_fails_is_its_own_requests_misfortune_alone():
    async def go():
        model = Model()
        batcher = batcher_of(model, most=1)
        with pytest.raises(ValueError, match="a batch that fails"):
            await batcher.answer("bad")
        return await batcher.answer("good")

    assert asyncio.run(go()) == 1
