"""What goes wrong: lines, actors, nodes, disks and clocks."""

from typing import TYPE_CHECKING

from tests.chaos.simulation.faults import SECOND
from tests.chaos.simulation.journal import Troubled
from tests.chaos.simulation.node import Struck

if TYPE_CHECKING:
    from tests.chaos.simulation.world import World

STRIKABLE = ("desk", "risk", "kill-switch", "broker/venue", "portfolio/first", "portfolio/second", "health")
MOST_FAILURES = 4
"""One less than an actor may have before it is out of service, which is another matter."""


class Trouble:
    """Whatever can go wrong, whenever it likes."""

    def __init__(self, world: "World") -> None:
        self.world = world

    def break_line(self) -> None:
        """Break the line between broker and venue, for a while."""
        self.world.tally["disconnect"] += 1
        self.world.wire.down_until = self.world.now + round(
            self.world.draw.choice((0.0, 0.05, 0.4, 3.0)) * SECOND
        )
        self.world.venue.hang_up(tell=self.world.draw.random() < 0.5)

    def strike(self) -> None:
        """Have an actor fail, soon."""
        if self.world.node is not None and self.world.node.struck is None:
            name = self.world.draw.choice(STRIKABLE)
            cell = self.world.node.bus.cells.get(name)
            if cell is not None and len(cell.failures) < MOST_FAILURES:
                how = self.world.draw.choice(("before", "amid", "after"))
                self.world.tally[f"crash of {name.partition('/')[0]}"] += 1
                if name == "desk":
                    self.world.laws.unwanted.clear()
                self.world.node.struck = Struck(name, self.world.draw.randint(1, 5), how)

    def doom(self) -> None:
        """Have the node die, soon."""
        if self.world.node is not None:
            self.world.tally["crash of the node"] += 1
            self.world.node.steps_left = self.world.draw.randint(1, 60)

    def fail_disk(self) -> None:
        """Have the disk refuse everything, for a while."""
        self.world.tally["disk error"] += 1
        self.world.tell(Troubled("disk full"))
        self.world.at(self.world.draw.choice((0.05, 0.5, 2.0)), self.mend_disk)

    def mend_disk(self) -> None:
        """Have the disk work again."""
        if self.world.store.trouble:
            self.world.store.trouble = ""
            self.world.tell(Troubled(""))

    def leap(self) -> None:
        """Have the clock jump ahead."""
        self.world.tally["leap of time"] += 1
        self.world.now += round(self.world.draw.uniform(1, 20) * SECOND)

    def let_strangers_trade(self) -> None:
        """Have somebody else trade in the account."""
        self.world.tally["trade of a stranger"] += 1
        self.world.venue.trade_elsewhere(self.world.draw.choice(("A", "B")))
