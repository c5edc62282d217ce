"""Conditions on the fields of a row: `type == "ED Note" and age < 365`.

A condition is parsed with Python's grammar, restricted to comparisons, `in`, `and`, `or`, `not`,
parentheses, field names (`patient.sex`, or `field("note-type")` for names that are not Python
identifiers), and literals: text, numbers, lists, true, false, null. It is compiled to closures
over a row; nothing is passed to `eval`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from penstock.fields import MISSING, find, kind_of
from penstock.steps._fields import UnusableError

Evaluator = Callable[[dict[str, Any]], Any]

_LITERAL_NAMES = {"true": True, "false": False, "null": None}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ALLOWED = (
    "a condition has field names, literals, comparisons, `in`, `and`, `or`, `not` and parentheses"
)
#: Far below the depth at which Python fails.
_MOST_LEVELS = 50
_TOO_DEEP = "the condition is nested too deeply; use fewer parentheses and `not`"


class ExpressionError(ValueError):
    """An invalid condition; the message says what is wrong, where, and what is allowed."""


class EvaluationError(UnusableError):
    """A row on which a condition cannot be evaluated: a field is absent or of the wrong type."""


def compile_condition(text: str) -> Callable[[dict[str, Any]], bool]:
    """Return a function that returns True if the condition holds for a row.

    `and` and `or` short-circuit as in Python. Values of different types are never compared, except
    with null, which equals only null. The function raises EvaluationError for an absent field and
    for a value of the wrong type.

    Raises ExpressionError for an invalid condition.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        message = f"not a condition (column {error.offset}: {error.msg}); {_ALLOWED}"
        raise ExpressionError(message) from None
    except (RecursionError, MemoryError):
        raise ExpressionError(_TOO_DEEP) from None
    _refuse_deep(node, _MOST_LEVELS)
    return _condition(node)


def _refuse_deep(node: ast.AST, levels: int) -> None:
    if not levels:
        raise ExpressionError(_TOO_DEEP)
    for child in ast.iter_child_nodes(node):
        _refuse_deep(child, levels - 1)


def _condition(node: ast.expr) -> Evaluator:
    """Return an evaluator with a boolean result."""
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [_condition(value) for value in values]
            if isinstance(op, ast.And):
                return lambda row: all(part(row) for part in parts)
            return lambda row: any(part(row) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _condition(operand)
            return lambda row: not inner(row)
        case ast.Compare():
            return _comparison(node)
        case ast.Name() | ast.Attribute() | ast.Call():
            value_of = _field(node)

            def is_true(row: dict[str, Any]) -> bool:
                value = value_of(row)
                if not isinstance(value, bool):
                    shown = ast.unparse(node)
                    raise EvaluationError(f"'{shown}' is {kind_of(value)}, not true or false")
                return value

            return is_true
    raise _refusal(node)


def _comparison(node: ast.Compare) -> Evaluator:
    """Return an evaluator of `a < b`, or of a chain `a < b <= c`."""
    operands = [_operand(operand) for operand in (node.left, *node.comparators)]
    tests = [_test(op, node) for op in node.ops]

    def holds(row: dict[str, Any]) -> bool:
        left = operands[0](row)
        for test, operand in zip(tests, operands[1:], strict=True):
            right = operand(row)
            if not test(left, right):
                return False
            left = right
        return True

    return holds


def _test(op: ast.cmpop, node: ast.Compare) -> Callable[[Any, Any], bool]:
    shown = ast.unparse(node)
    if isinstance(op, ast.In):
        return lambda left, right: _contains(left, right, shown)
    if isinstance(op, ast.NotIn):
        return lambda left, right: not _contains(left, right, shown)
    compare = _COMPARE.get(type(op))
    if compare is None:
        raise _refusal(node)
    needs_order = not isinstance(op, ast.Eq | ast.NotEq)

    def holds(left: Any, right: Any) -> bool:
        has_null = left is None or right is None
        if (needs_order or not has_null) and not _same_kind(left, right):
            kinds = f"{kind_of(left)} is compared with {kind_of(right)}"
            raise EvaluationError(f"{kinds}, in `{shown}`")
        if needs_order and (not isinstance(left, str | int | float) or isinstance(left, bool)):
            raise EvaluationError(f"{kind_of(left)} has no order, in `{shown}`")
        return bool(compare(left, right))

    return holds


def _contains(value: Any, container: Any, shown: str) -> bool:
    if isinstance(container, str) and isinstance(value, str):
        return value in container
    if not isinstance(container, list):
        raise EvaluationError(f"{kind_of(container)} cannot hold {kind_of(value)}, in `{shown}`")
    others = [other for other in container if other is not None]
    if value is not None and others and not any(_same_kind(value, other) for other in others):
        raise EvaluationError(f"{kind_of(value)} is looked for among others, in `{shown}`")
    # In Python 1 == True; here a number is never true or false.
    return any(value == other and _same_kind(value, other) for other in container)


def _same_kind(left: Any, right: Any) -> bool:
    return kind_of(left) == kind_of(right)


def _operand(node: ast.expr) -> Evaluator:
    """Return an evaluator of a field or a literal."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            values = [_literal(element) for element in elements]
            return lambda _: values
        case ast.Name(id=name) if name not in _LITERAL_NAMES:
            return _field(node)
        case ast.Attribute() | ast.Call():
            return _field(node)
    value = _literal(node)
    return lambda _: value


def _literal(node: ast.expr) -> Any:
    match node:
        case ast.Name(id=name) if name in _LITERAL_NAMES:
            return _LITERAL_NAMES[name]
        case ast.Constant(value=str() | bool() | int() | float() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    raise _refusal(node)


def _field(node: ast.expr) -> Evaluator:
    name = _field_name(node)

    def value_of(row: dict[str, Any]) -> Any:
        value = find(row, name)
        if value is MISSING:
            raise EvaluationError(f"the field '{name}' is absent")
        return value

    return value_of


def _field_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) if name not in _LITERAL_NAMES:
            return name
        case ast.Attribute(value=inner, attr=name):
            return f"{_field_name(inner)}.{name}"
        case ast.Call(func=ast.Name(id="field"), args=[ast.Constant(value=str() as name)]):
            if not node.keywords:
                return name
    raise _refusal(node)


def _refusal(node: ast.expr) -> ExpressionError:
    text = ast.unparse(node)
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return ExpressionError(f"`{shown}` is not allowed here; {_ALLOWED}")
