"""`lts messages`: what a node tells over MQTT."""

from importlib.metadata import version
from typing import Annotated, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from typer import Option, Typer, echo

from actors.mqtt.asyncapi import described, topics
from actors.mqtt.channels import channels
from actors.mqtt.params import MARKET, MqttParams
from lts.cli.node import ConfigFile
from lts.cli.options import Json
from lts.cli.report import as_json, say
from lts.config.file import read_system
from lts.live import bridged
from lts.refusal import Refused

app = Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def messages(
    *,
    config: ConfigFile = None,
    asyncapi: Annotated[
        bool, Option("--asyncapi", help="Print the description of it all: AsyncAPI 3, as JSON.")
    ] = False,
    json: Json = False,
) -> None:
    """See what a node tells an MQTT broker, and under which topics.

    With a file it is what that node tells, at its broker; without, what any node can tell.
    """
    params = None
    if config is not None:
        plan = read_system(config).mqtt
        if plan is None:
            raise Refused(f"{config} has no [mqtt], so its node tells no broker anything")
        params = bridged(plan)
    if asyncapi:
        echo(as_json(described(params, version("lts"))))
        return
    known = params or MqttParams("")
    root = params.root if params else "lts/v1/{node}"
    told = list(topics(channels(known, () if params else MARKET), root))
    say({"messages": told}, _table(told, root), json=json)


def _table(told: list[dict[str, Any]], root: str) -> Table:
    table = Table(title=f"below {root}/", box=SIMPLE_HEAD, header_style="bold", show_edge=False)
    for column in ("family", "topic", "messages"):
        table.add_column(column, overflow="fold")
    table.add_column("QoS", justify="right")
    table.add_column("kept")
    for each in told:
        kept = "yes" if each["retained"] else ""
        topic = each["topic"].removeprefix(f"{root}/")
        table.add_row(each["family"], topic, "\n".join(each["schemas"]), str(each["qos"]), kept)
    return table
