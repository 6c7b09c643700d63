"""Scopes of a syntax tree: which names are bound inside, and which come from outside; runs nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from blazen_nb.shipping.flow import Flow


class _Scope(Flow):
    """One scope; what is read and not bound here goes to the scope around it."""

    def __init__(self, outer: _Scope | None, *, lazy_annotations: bool) -> None:
        super().__init__()
        self.outer = outer
        self.lazy_annotations = lazy_annotations
        self.touched: set[str] = set()
        """Bound here on some path."""
        self.elsewhere: dict[str, str] = {}
        """Names declared global or nonlocal, and which."""

    def read_later(self, name: str) -> None:
        """A function in here reads the name when it is called."""
        raise NotImplementedError

    def read_maybe(self, name: str) -> None:
        """The name could be read."""
        self.top.lazy.add(name)

    @property
    def top(self) -> Top:
        """The module's scope."""
        scope: _Scope = self
        while scope.outer is not None:
            scope = scope.outer
        assert isinstance(scope, Top)
        return scope

    def bind(self, name: str) -> None:
        """The name is bound here from now on, or where it was declared to be."""
        if self.elsewhere.get(name) == "global":
            self.top.bound_by_functions.add(name)
        elif name not in self.elsewhere:
            self.state.certain.add(name)
            self.touched.add(name)

    def note_chain(self, chain: str) -> None:
        """The chain counts where its first name comes from outside, which only the top knows."""
        self.top.dotted.add(chain)

    def note_star(self) -> None:
        """A star import is allowed at the top level only."""
        self.top.has_star = True

    def visit_Global(self, node: ast.Global) -> None:
        self.elsewhere.update(dict.fromkeys(node.names, "global"))

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.elsewhere.update(dict.fromkeys(node.names, "nonlocal"))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.annotation(node.annotation)
        self.run([node.value])
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)

    # scopes inside

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.run(node.decorator_list)
        signature = self._with_type_params(node)
        signature.parameters(node.args)
        if node.returns:
            signature.annotation(node.returns)
        _Function(signature).body_of(node.args, node.body)
        self.bind(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.parameters(node.args)
        _Function(self).body_of(node.args, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.run(node.decorator_list)
        head = self._with_type_params(node)
        head.run([*node.bases, *node.keywords])
        _ClassBody(head).run(node.body)
        self.bind(node.name)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """``type X = ...`` (Python 3.12): its value is evaluated when asked for."""
        inner = self._with_type_params(node)
        _Function(inner).body_of(None, [node.value])  # type: ignore[attr-defined]
        self.visit(node.name)  # type: ignore[attr-defined]

    def _with_type_params(self, node: ast.AST) -> _Scope:
        type_params = getattr(node, "type_params", ())
        if not type_params:
            return self
        inner = _Comprehension(self)
        for parameter in type_params:
            inner.bind(parameter.name)
            _Function(inner).body_of(None, [getattr(parameter, "bound", None)])
        return inner

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self._comprehend(node.generators, [node.elt])

    visit_SetComp = visit_GeneratorExp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehend(node.generators, [node.key, node.value])

    def _comprehend(self, generators: list[ast.comprehension], results: list[ast.expr]) -> None:
        self.visit(generators[0].iter)
        inner = _Comprehension(self)
        for index, generator in enumerate(generators):
            inner.run([generator.iter] if index else [])
            inner.run([generator.target, *generator.ifs])
        inner.run(results)

    def parameters(self, args: ast.arguments) -> None:
        """Defaults and annotations, which the scope around the function evaluates."""
        self.run([*args.defaults, *args.kw_defaults])
        for parameter in _all_parameters(args):
            if parameter.annotation:
                self.annotation(parameter.annotation)

    def annotation(self, node: ast.expr) -> None:
        """An annotation: read now, or only where someone asks for it."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError):
                return
        elif not self.lazy_annotations:
            self.visit(node)
            return
        lazy = _Lazy(self)
        lazy.visit(node)


def _all_parameters(args: ast.arguments) -> list[ast.arg]:
    extra = [parameter for parameter in (args.vararg, args.kwarg) if parameter]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *extra]


class Top(_Scope):
    """The top level of a cell; after ``run`` its sets say which names were read and bound, and how."""

    def __init__(self, *, lazy_annotations: bool) -> None:
        super().__init__(None, lazy_annotations=lazy_annotations)
        self.free: set[str] = set()
        self.uncertain: set[str] = set()
        self.lazy: set[str] = set()
        self.first: set[str] = set()
        """Read while the cell runs and not bound there; ``free`` and ``uncertain`` are its two parts."""
        self.later: set[str] = set()
        """Read by functions when they are called."""
        self.dotted: set[str] = set()
        self.bound_by_functions: set[str] = set()
        self.has_star = False

    def read(self, name: str) -> None:  # noqa: D102  as in the base
        if name in self.state.certain:
            return
        self.first.add(name)
        uncertain = name in self.touched or self.has_star or name in self.bound_by_functions
        (self.uncertain if uncertain else self.free).add(name)

    def read_later(self, name: str) -> None:  # noqa: D102  as in the base
        self.later.add(name)


class _ClassBody(_Scope):
    """A class body runs at once, in order; its names are not seen by the functions in it."""

    def __init__(self, outer: _Scope) -> None:
        super().__init__(outer, lazy_annotations=outer.lazy_annotations)
        self._outer = outer

    def read(self, name: str) -> None:
        if name not in self.state.certain:
            self._outer.read(name)

    def read_later(self, name: str) -> None:
        self._outer.read_later(name)


class _Comprehension(_ClassBody):
    """A comprehension runs at once; the walrus in it binds outside of it."""

    def read_later(self, name: str) -> None:
        if name not in self.state.certain:
            self._outer.read_later(name)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        scope: _Scope = self
        while isinstance(scope, _Comprehension):
            scope = scope._outer
        scope.bind(node.target.id)


class _Function(_Scope):
    """A function body: its own names are known only at its end, its reads happen when it is called."""

    def __init__(self, outer: _Scope) -> None:
        super().__init__(outer, lazy_annotations=outer.lazy_annotations)
        self._outer = outer
        self._reads: set[str] = set()

    def body_of(self, args: ast.arguments | None, body: Iterable[ast.AST | None]) -> None:
        """Go through the body and hand what it reads from outside to the scope around it."""
        if args:
            self.touched.update(parameter.arg for parameter in _all_parameters(args))
        self.run(body)
        for name in self._reads:
            if self.elsewhere.get(name) == "global":
                self.top.read_later(name)
            elif name not in self.touched:
                self._outer.read_later(name)

    def read(self, name: str) -> None:
        self._reads.add(name)

    read_later = read

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        # The annotation of a local variable is never evaluated.
        _Lazy(self).visit(node.annotation)
        self.run([node.value])
        self.visit(node.target)


class _Lazy(_Scope):
    """An annotation that nobody may ever evaluate."""

    def __init__(self, outer: _Scope) -> None:
        super().__init__(outer, lazy_annotations=True)

    def read(self, name: str) -> None:
        self.read_maybe(name)

    read_later = read
