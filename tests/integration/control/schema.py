"""The part of JSON Schema that docs/api/control.openapi.yaml uses, checked: every mistake as one line."""
import yaml
from running import TOP

DOCUMENT = yaml.safe_load((TOP / "docs/api/control.openapi.yaml").read_text())
KNOWN = {"type", "required", "properties", "additionalProperties", "items", "enum", "oneOf", "$ref", "minimum", "maximum",
         "minItems", "maxItems", "description", "format"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int}


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def fits_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def mistakes(value, schema, place="$"):
    schema = resolve(schema)
    unknown = set(schema) - KNOWN
    assert not unknown, f"{place}: this checker does not know {unknown}"
    if "oneOf" in schema:
        fitting = [s for s in schema["oneOf"] if not mistakes(value, s, place)]
        return [] if len(fitting) == 1 else [f"{place}: fits {len(fitting)} of oneOf: {value!r}"]
    out = []
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(fits_type(value, t) for t in types):
        return [f"{place}: {value!r} is no {types}"]
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{place}: {value!r} is none of {schema['enum']}")
    if isinstance(value, int) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            out.append(f"{place}: {value} is out of range")
    if isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            out.append(f"{place}: {len(value)} items")
        for i, item in enumerate(value):
            out += mistakes(item, schema.get("items", {}), f"{place}[{i}]")
    if isinstance(value, dict):
        out += of_object(value, schema, place)
    return out


def of_object(value, schema, place):
    out = [f"{place}.{name}: missing" for name in schema.get("required", []) if name not in value]
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, inner in value.items():
        if name in properties:
            out += mistakes(inner, properties[name], f"{place}.{name}")
        elif extra is False:
            out.append(f"{place}.{name}: not in the document")
        elif isinstance(extra, dict):
            out += mistakes(inner, extra, f"{place}.{name}")
    return out


def check(method, path, answer):
    """The status is documented for the call, and the body fits its schema."""
    operation = DOCUMENT["paths"][path][method.lower()]
    assert str(answer.status) in operation["responses"], f"{method} {path} answered {answer.status}: {answer.text}"
    content = resolve(operation["responses"][str(answer.status)]).get("content", {})
    (media, entry), = content.items()
    assert answer.headers.get_content_type() == media, (path, answer.headers["Content-Type"])
    if media == "application/json":
        assert mistakes(answer.json(), entry["schema"]) == []
    return answer
