"""The way that a program takes through its statements, and what is bound on it; knows no nested scopes."""

# The methods of a node visitor say by their names what they do.
# ruff: noqa: D102

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class State:
    """What is bound at one point of the way through a scope."""

    certain: set[str] = field(default_factory=set)
    dead: bool = False
    """This path ended in raise, return, break or continue."""

    def copy(self) -> State:
        """A state that goes its own way from here."""
        return State(set(self.certain), self.dead)


def merge(ends: list[State]) -> State:
    """What is certain where these ways come together again."""
    alive = [end for end in ends if not end.dead]
    if not alive:
        return State(set.union(*(end.certain for end in ends)), dead=True)
    return State(set.intersection(*(end.certain for end in alive)))


class Flow(ast.NodeVisitor):
    """Follows statements in the order in which they run; a subclass hears what is read and bound."""

    def __init__(self) -> None:
        self.state = State()

    def read(self, name: str) -> None:
        """The name is read now."""
        raise NotImplementedError

    def bind(self, name: str) -> None:
        """The name is bound from now on."""
        raise NotImplementedError

    def unbind(self, name: str) -> None:
        """The name was deleted."""
        self.state.certain.discard(name)

    def note_chain(self, chain: str) -> None:
        """An attribute of a name is read: ``xml.etree.ElementTree``."""

    def note_star(self) -> None:
        """Any name may be bound from now on."""

    def run(self, body: Iterable[ast.AST | None]) -> None:
        """Follow these nodes one after the other."""
        for node in body:
            if node is not None:
                self.visit(node)

    def branch(self, *bodies: Iterable[ast.AST | None]) -> list[State]:
        """Where each of these bodies ends when it starts here."""
        start, ends = self.state, []
        for body in bodies:
            self.state = start.copy()
            self.run(body)
            ends.append(self.state)
        self.state = start
        return ends

    def visit_Name(self, node: ast.Name) -> None:
        match node.ctx:
            case ast.Store():
                self.bind(node.id)
            case ast.Del():
                self.read(node.id)
                self.unbind(node.id)
            case _:
                self.read(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = [node.attr]
        inner = node.value
        while isinstance(inner, ast.Attribute):
            chain.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.note_chain(".".join([inner.id, *reversed(chain)]))
        self.visit(inner)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.run([node.value, *node.targets])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
        self.run([node.value, node.target])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.run([node.value, node.target])

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.note_star()
            else:
                self.bind(alias.asname or alias.name)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.state = merge(self.branch(node.body, node.orelse))

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self.state = merge([self.state, *self.branch(node.body)])
        self.state = merge([self.state, *self.branch(node.orelse)])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.state = merge([self.state, *self.branch([node.target, *node.body])])
        self.state = merge([self.state, *self.branch(node.orelse)])

    visit_AsyncFor = visit_For

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        ends = self.branch([*node.body, *node.orelse], *[[handler] for handler in node.handlers])
        if node.finalbody:
            start = self.state.copy()
            self.run(node.finalbody)  # runs even where nothing of the body did
            certain = self.state.certain - start.certain
            self.state = merge(ends)
            self.state.certain |= certain
        else:
            self.state = merge(ends)

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.run([node.type])
        if node.name:
            self.bind(node.name)
        self.run(node.body)
        if node.name:
            self.unbind(node.name)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        ends = self.branch(*[[case.pattern, case.guard, *case.body] for case in node.cases])
        last = node.cases[-1]
        always = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
        if not always or last.guard:
            ends.append(self.state)
        self.state = merge(ends)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.generic_visit(node)
        if node.name:
            self.bind(node.name)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self.bind(node.rest)

    def _end_path(self, node: ast.AST) -> None:
        self.generic_visit(node)
        self.state.dead = True

    visit_Raise = visit_Return = visit_Break = visit_Continue = _end_path

    # expressions with a choice: what only one side binds is not certain

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self.branch(node.values[1:])

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self.state = merge(self.branch([node.body], [node.orelse]))
