"""The page that shows the API's description: plain HTML, without scripts, and with nothing from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h2 { border-bottom: 1px solid #ccc; margin-top: 2.5rem }
code, pre { font: 14px/1.4 ui-monospace, monospace; background: #f4f4f4 }
pre { padding: .75rem; overflow-x: auto }
details { margin: .5rem 0; border: 1px solid #aaa; border-radius: 4px; padding: .5rem .75rem }
summary { cursor: pointer }
.method { display: inline-block; min-width: 4rem; font-weight: 600 }
.needs { color: #555; font-size: 14px }
table { border-collapse: collapse }
td, th { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top }
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #e6e6e6 } code, pre { background: #262626 } .needs { color: #aaa }
}
"""


def page(described: Mapping[str, Any]) -> str:
    """Return a description as a page."""
    info = described["info"]
    head = f'<meta charset="utf-8"><title>{escape(info["title"])} API</title>'
    head += '<link rel="stylesheet" href="docs.css">'
    body = "\n".join(_body(described))
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


def _body(described: Mapping[str, Any]) -> Iterator[str]:
    info = described["info"]
    yield f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
    for paragraph in info["description"].split("\n\n"):
        yield f"<p>{escape(paragraph)}</p>"
    yield '<p>For programs: <a href="openapi.json">openapi.json</a></p>'
    abouts = {tag["name"]: tag["description"] for tag in described["tags"]}
    links = (f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in sorted(abouts))
    yield f"<p>{' · '.join(links)}</p>"
    operations = [
        (operation["tags"][0], path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    order = list(abouts)
    operations.sort(key=lambda each: order.index(each[0]))
    schemas = described["components"]["schemas"]
    for tag, each in groupby(operations, key=lambda one: one[0]):
        yield f'<h2 id="{escape(tag)}">{escape(tag)}</h2><p>{escape(abouts[tag])}</p>'
        for _, path, method, operation in each:
            yield from _operation(path, method, operation)
    yield "<h2>Schemas</h2>"
    for name, schema in sorted(schemas.items()):
        title = f"<summary>{escape(name)}</summary>"
        yield f'<details id="schema-{escape(name)}">{title}{_code(schema)}</details>'


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    title = f'<span class="method">{method.upper()}</span> <code>{escape(path)}</code>'
    yield f'<details id="{escape(operation["operationId"])}">'
    yield f"<summary>{title} {escape(operation['summary'])}</summary>"
    if further := operation.get("description", "").removeprefix(operation["summary"]).strip():
        yield f"<p>{escape(further)}</p>"
    yield f'<p class="needs">Needs {escape(operation["x-needs"])}</p>'
    if parameters := operation.get("parameters"):
        yield f"<table><tr><th>parameter<th>in<th>what{''.join(map(_parameter, parameters))}</table>"
    if body := operation.get("requestBody"):
        content = body["content"]["application/json"]
        yield f"<p>Body: {_reference(content.get('schema', {}))}</p>"
        if "example" in content:
            yield _code(content["example"])
    rows = "".join(
        f"<tr><td>{escape(status)}<td>{escape(answer['description'])}<td>{_answers(answer)}"
        for status, answer in sorted(operation["responses"].items())
    )
    yield f"<table>{rows}</table></details>"


def _parameter(told: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in told["schema"].items() if name not in {"title", "examples"}}
    about = told.get("description", "")
    name = f"<code>{escape(told['name'])}</code>"
    return f"<tr><td>{name}<td>{escape(told['in'])}<td>{escape(about)} {_inline(rest)}"


def _answers(answer: Mapping[str, Any]) -> str:
    return " ".join(_reference(content["schema"]) for content in answer.get("content", {}).values())


def _reference(schema: Mapping[str, Any]) -> str:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return f'<a href="#schema-{escape(name)}">{escape(name)}</a>' if name else _inline(schema)


def _inline(schema: Mapping[str, Any]) -> str:
    return f"<code>{escape(json.dumps(schema))}</code>"


def _code(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2))}</pre>"
