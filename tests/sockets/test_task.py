"""Coroutines of the data plane and where they wait."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.task import READING, WRITING, Task, parked


class Place:
    """Where tasks wait."""

    def __init__(self) -> None:
        self.reader: Task | None = None
        self.writer: Task | None = None

    def wake(self) -> None:
        task, self.reader = self.reader, None
        assert task is not None
        task.resume()


class TaskTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Place()
        self.ended: list[BaseException | None] = []
        self.heard: list[object] = []

    def run_task(self, work: object) -> Task:
        task = Task(work, self.ended.append)  # type: ignore[arg-type]
        task.resume()
        return task

    async def waiting(self, direction: int = READING) -> None:
        try:
            await parked(self.place, direction)
            self.heard.append("woken")
        except ValueError:
            self.heard.append("thrown")

    def test_parks_and_goes_on(self) -> None:
        """It runs until it waits, and on when its place wakes it."""
        task = self.run_task(self.waiting())
        self.assertIs(self.place.reader, task)
        self.place.wake()
        self.assertEqual((self.heard, self.ended, task.over), (["woken"], [None], True))

    def test_thrown_out(self) -> None:
        """What is thrown arrives at the wait, and the place forgets it, for either direction."""
        for direction in (READING, WRITING):
            task = self.run_task(self.waiting(direction))
            self.assertTrue(task.throw(ValueError()))
            self.assertEqual((self.place.reader, self.place.writer), (None, None))
        self.assertEqual((self.heard, self.ended), (["thrown"] * 2, [None] * 2))

    def test_throw_while_running(self) -> None:
        """One that is running has to notice for itself."""

        async def work() -> None:
            self.heard.append(task.throw(ValueError()))

        task = Task(work(), self.ended.append)
        task.resume()
        self.assertEqual((self.heard, self.ended), ([False], [None]))

    def test_throw_when_over(self) -> None:
        """One that is over cannot be thrown at."""
        task = self.run_task(self.waiting())
        self.place.wake()
        self.assertFalse(task.throw(ValueError()))
        self.assertEqual(self.ended, [None])

    def test_failure_is_told(self) -> None:
        """The owner hears of an exception that nobody caught, also one that was thrown in."""
        task = self.run_task(self.waiting())
        task.throw(KeyError("x"))
        self.assertIsInstance(self.ended[0], KeyError)

    def test_deferred(self) -> None:
        """It waits for a Deferred, and gets its result."""
        answer: Deferred[int] = Deferred()

        async def work() -> None:
            self.heard.append(await answer)

        task = self.run_task(work())
        self.assertFalse(task.over)
        answer.callback(7)
        self.assertEqual((self.heard, self.ended), ([7], [None]))

    def test_deferred_that_has_fired(self) -> None:
        """One that has its result already does not stop it."""

        async def work() -> None:
            self.heard.append(await succeed(7))

        self.run_task(work())
        self.assertEqual((self.heard, self.ended), ([7], [None]))

    def test_deferred_fails(self) -> None:
        """A failure is raised at the wait, and handled there is handled."""
        answer: Deferred[int] = Deferred()

        async def work() -> None:
            for each in (answer, fail(ValueError("second"))):
                try:
                    await each
                except ValueError as error:
                    self.heard.append(str(error))

        self.run_task(work())
        answer.errback(ValueError("first"))
        self.assertEqual((self.heard, self.ended), (["first", "second"], [None]))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_abandoned_answers(self) -> None:
        """An answer that comes after it was thrown out is nobody's: it wakes nothing, and no failure is logged."""
        for late in (lambda answer: answer.callback(7), lambda answer: answer.errback(KeyError("late"))):
            answer: Deferred[int] = Deferred()

            async def work(answer: Deferred[int] = answer) -> None:
                try:
                    await answer
                except ValueError:
                    self.heard.append("thrown")
                await parked(self.place, READING)
                self.heard.append("woken")

            self.heard.clear()
            task = self.run_task(work())
            self.assertTrue(task.throw(ValueError()))
            late(answer)
            del answer
            self.assertEqual(self.heard, ["thrown"])
            self.place.wake()
            self.assertEqual(self.heard, ["thrown", "woken"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_throws_at_another(self) -> None:
        """One task may throw at another from within its own step."""
        other = self.run_task(self.waiting())

        async def work() -> None:
            other.throw(ValueError())
            self.heard.append("went on")

        self.run_task(work())
        self.assertEqual(self.heard, ["thrown", "went on"])
