"""The least arguments that a tool's schema allows."""

import json

import pytest

from projectloom.sandbox.tool_calls import least


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "minLength": 6}, "text.."),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 5}, 5),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "number", "exclusiveMinimum": 2}, 3),
        ({"type": "integer", "maximum": -4}, -4),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "boolean"}, True),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"$ref": "#/$defs/point"}, {"x": 1}),
        (
            {"allOf": [{"$ref": "#/$defs/point"}, {"properties": {"y": {"type": "boolean"}}, "required": ["y"]}]},
            {"x": 1, "y": True},
        ),
        ({"$ref": "#/$defs/loop"}, {}),
        (
            {"type": "object", "properties": {"deep": {"$ref": "#/$defs/point"}}, "required": ["deep"]},
            {"deep": {"x": 1}},
        ),
    ],
)
def test_arguments_are_the_least_that_a_schema_allows(schema, made):
    point = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}, "required": ["x"]}
    definitions = {"point": point, "loop": {"allOf": [{"$ref": "#/$defs/loop"}]}}
    whole = {"type": "object", "properties": {"it": schema}, "required": ["it"], "$defs": definitions}
    assert least(whole, text="text") == {"it": made}


def test_a_schema_that_holds_itself_many_times_comes_to_an_end():
    names = [f"p{number}" for number in range(50)]
    node = {"type": "object", "properties": {name: {"$ref": "#/$defs/node"} for name in names}, "required": names}
    mixed = {"allOf": [{"$ref": "#/$defs/mixed"}] * 50}
    for name in ("node", "mixed"):
        made = least({"$ref": f"#/$defs/{name}", "$defs": {"node": node, "mixed": mixed}}, text="")
        assert len(json.dumps(made)) < 200_000
