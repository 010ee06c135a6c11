"""What schemathesis cannot write by itself: bodies of the media types of components and of exports."""

import json

import schemathesis


def as_bytes(value):
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value, default=repr).encode()


@schemathesis.serializer("application/wasm")
def component(context, value):
    return as_bytes(value)


@schemathesis.serializer("application/jsonl")
def lines(context, value):
    return as_bytes(value if isinstance(value, bytes) else json.dumps(value, default=repr)) + b"\n"


@schemathesis.deserializer("application/jsonl")
def exported(context, response):
    # Every line has the schema that the document names; the first stands for all.
    text = response.content.decode().splitlines()
    return json.loads(text[0]) if text else {"bucket": "none", "key": "", "value": ""}


@schemathesis.deserializer("application/octet-stream", "application/x-tar")
def opaque(context, response):
    # How the document describes bytes that have no structure.
    return list(response.content[:64])


@schemathesis.hook
def before_call(context, case, kwargs):
    # Taken for JSON, the text `"12"` is sent without its quotes, which an entity tag must have.
    seen = (case.headers or {}).get("If-Match")
    if seen is not None and str(seen).isdigit():
        case.headers["If-Match"] = f'"{seen}"'
