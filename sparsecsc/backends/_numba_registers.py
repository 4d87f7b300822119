"""Blocks of sums that live in registers: the inner loops of the direct and the tiled plans.

LLVM does not keep a block of vector accumulators in registers by itself; these three intrinsics
write the loop out. Measured on AMD EPYC (Zen 4), one thread, float32, operands in cache:
`rows_times_lanes` and `points_times_lanes` 57 billion multiply-adds a second, the processor's
peak; with one row 32, which is what its loads allow.

Nothing is checked, and arrays are contiguous.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import extending
from numba.core import types

intrinsic: Any = extending.intrinsic  # its types do not know what compilation fills in

_WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
VECTOR_BYTES = 64 if _WIDE else 32
"""Of one vector: the widest that the processor has, at least two of the narrow ones."""

ROWS, VECTORS = (4, 4) if _WIDE else (4, 2)
"""Sums in registers of `rows_times_lanes`: so many outputs times vectors of positions."""
LONE_VECTORS = 8
"""The same for one output."""
POINTS, PANEL = (8, 2) if _WIDE else (4, 2)
"""Of `points_times_lanes`: so many positions times vectors of outputs."""
OUTS, TILES = (4, 2) if _WIDE else (2, 2)
"""Of `frequencies`: so many outputs times tiles, two sums each."""

_FAST = ("contract", "reassoc", "nsz")
_INT = ir.IntType(64)


class _Loop:
    """Code generation for ``for k in range(n): sums = update(k, sums)``, the sums in registers."""

    def __init__(self, context: Any, builder: Any, element: Any) -> None:
        self.context, self.builder = context, builder
        self.element = context.get_value_type(element)
        self.align = element.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.align
        self.vector = ir.VectorType(self.element, self.lanes)

    def data(self, array_type: Any, array: Any) -> Any:
        """Return the pointer to the first element of an array; to parts where it is complex."""
        pointer = self.context.make_array(array_type)(self.context, self.builder, array).data
        if isinstance(array_type.dtype, types.Complex):
            return self.builder.bitcast(pointer, self.element.as_pointer())
        return pointer

    def integer(self, pointer: Any, index: Any) -> Any:
        return self.builder.load(self.at(pointer, index))

    def at(self, pointer: Any, index: Any) -> Any:
        """Return a pointer moved by `index` elements."""
        index = ir.Constant(_INT, index) if isinstance(index, int) else index
        return self.builder.gep(pointer, [index])

    def load(self, pointer: Any, index: Any = 0) -> Any:
        address = self.builder.bitcast(self.at(pointer, index), self.vector.as_pointer())
        return self.builder.load(address, align=self.align)

    def store(self, value: Any, pointer: Any, index: Any) -> None:
        address = self.builder.bitcast(self.at(pointer, index), self.vector.as_pointer())
        self.builder.store(value, address, align=self.align)

    def spread(self, scalar: Any) -> Any:
        """Return a vector with the scalar in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
        return self.shuffle(first, [0] * self.lanes)

    def shuffle(self, vector: Any, lanes: list[int]) -> Any:
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), lanes)
        return self.builder.shuffle_vector(vector, ir.Constant(self.vector, ir.Undefined), mask)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Return a b + c."""
        return self.builder.fadd(self.builder.fmul(a, b, flags=_FAST), c, flags=_FAST)

    def zero(self) -> Any:
        return ir.Constant(self.vector, None)

    def run(self, n: Any, n_sums: int, update: Any) -> list[Any]:
        """Emit the loop over k < n and return the sums, which start at zero."""
        builder = self.builder
        before = builder.block
        body = builder.append_basic_block("sums")
        after = builder.append_basic_block("summed")
        builder.cbranch(builder.icmp_signed("<", ir.Constant(_INT, 0), n), body, after)
        builder.position_at_end(body)
        k = builder.phi(_INT)
        sums = [builder.phi(self.vector) for _ in range(n_sums)]
        updated = update(k, sums)
        following = builder.add(k, ir.Constant(_INT, 1))
        k.add_incoming(ir.Constant(_INT, 0), before)
        k.add_incoming(following, body)
        for total, value in zip(sums, updated, strict=True):
            total.add_incoming(self.zero(), before)
            total.add_incoming(value, body)
        builder.cbranch(builder.icmp_signed("<", following, n), body, after)
        builder.position_at_end(after)
        out = [builder.phi(self.vector) for _ in range(n_sums)]
        for total, value in zip(out, updated, strict=True):
            total.add_incoming(self.zero(), before)
            total.add_incoming(value, body)
        return out


def _rows_times_lanes(n_rows: int, n_vectors: int) -> Any:
    @intrinsic
    def emit(typing: Any, out: Any, x: Any, places: Any, weights: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            loop = _Loop(context, builder, kinds[0].dtype)
            to, source = loop.data(kinds[0], args[0]), loop.data(kinds[1], args[1])
            first, offset = (
                loop.data(kinds[2][i], builder.extract_value(args[2], i)) for i in (0, 1)
            )
            taps = loop.data(kinds[3][0], builder.extract_value(args[3], 0))
            taps = loop.at(taps, builder.extract_value(args[3], 1))
            n = builder.extract_value(args[3], 2)
            begins = [loop.at(source, loop.integer(first, v)) for v in range(n_vectors)]

            def update(k: Any, sums: Any) -> Any:
                here = loop.integer(offset, k)
                row = loop.at(taps, builder.mul(k, ir.Constant(_INT, n_rows)))
                lanes = [loop.load(begin, here) for begin in begins]
                factors = [loop.spread(builder.load(loop.at(row, r))) for r in range(n_rows)]
                pairs = [(f, lane) for f in factors for lane in lanes]
                return [loop.fma(*pair, s) for pair, s in zip(pairs, sums, strict=True)]

            for j, total in enumerate(loop.run(n, n_rows * n_vectors, update)):
                loop.store(total, to, j * loop.lanes)
            return context.get_dummy_value()

        return types.void(out, x, places, weights), build

    return emit


rows_times_lanes = _rows_times_lanes(ROWS, VECTORS)
"""``out[r, v] = sum_k w[k, r] * x[starts[v] + offsets[k] + lane]``, places = (starts, offsets),
weights = (array, from, n)."""

row_times_lanes = _rows_times_lanes(1, LONE_VECTORS)
"""The same with one row and more vectors."""


@intrinsic
def points_times_lanes(typing: Any, out: Any, x: Any, entries: Any, weights: Any) -> Any:
    """Store ``out[p, lane] = sum_k x[starts[p] + offsets[k]] * w[rows[k], lane]``.

    entries = (starts, offsets, rows, from, n); weights = (array, from).
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        loop = _Loop(context, builder, kinds[0].dtype)
        width = PANEL * loop.lanes
        to, source = loop.data(kinds[0], args[0]), loop.data(kinds[1], args[1])
        first, offset, taken = (
            loop.data(kinds[2][i], builder.extract_value(args[2], i)) for i in range(3)
        )
        begin = builder.extract_value(args[2], 3)
        offset, taken = loop.at(offset, begin), loop.at(taken, begin)
        panel = loop.data(kinds[3][0], builder.extract_value(args[3], 0))
        panel = loop.at(panel, builder.extract_value(args[3], 1))
        begins = [loop.at(source, loop.integer(first, p)) for p in range(POINTS)]

        def update(k: Any, sums: Any) -> Any:
            here = loop.integer(offset, k)
            row = builder.mul(loop.integer(taken, k), ir.Constant(_INT, width))
            row = loop.at(panel, row)
            lanes = [loop.load(row, v * loop.lanes) for v in range(PANEL)]
            factors = [loop.spread(builder.load(loop.at(begin, here))) for begin in begins]
            pairs = [(f, lane) for f in factors for lane in lanes]
            return [loop.fma(*pair, s) for pair, s in zip(pairs, sums, strict=True)]

        n = builder.extract_value(args[2], 4)
        for j, total in enumerate(loop.run(n, POINTS * PANEL, update)):
            loop.store(total, to, j * loop.lanes)
        return context.get_dummy_value()

    return types.void(out, x, entries, weights), build


@intrinsic
def frequencies(typing: Any, out: Any, spectra: Any, x: Any, starts: Any) -> Any:
    """Store sums of products of complex vectors, for OUTS outputs times TILES tiles.

    ``out[to[o, t]] = sum_i s(spectra[w[o] + i * dw]) * x[from[t] + i * dx]``, where starts =
    (indices, n, sign): the indices hold w, from, to, dw, dx in elements. `sign`, of the real
    dtype, is 1 for the plain product and -1 for that with the conjugate of the spectra.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        loop = _Loop(context, builder, kinds[0].dtype.underlying_float)
        pairs = zip(kinds[:3], args[:3], strict=True)
        to, matrix, source = (loop.data(*pair) for pair in pairs)
        indices = loop.data(kinds[3][0], builder.extract_value(args[3], 0))
        two = ir.Constant(_INT, 2)
        where = [
            builder.mul(loop.integer(indices, j), two) for j in range(OUTS + TILES * (1 + OUTS) + 2)
        ]
        rows = [loop.at(matrix, j) for j in where[:OUTS]]
        columns = [loop.at(source, j) for j in where[OUTS : OUTS + TILES]]
        targets = where[OUTS + TILES : -2]
        evens = [lane - lane % 2 for lane in range(loop.lanes)]
        odds = [lane + 1 for lane in evens]
        swapped = [lane ^ 1 for lane in range(loop.lanes)]

        def update(k: Any, sums: Any) -> Any:
            down, along = (builder.mul(k, step) for step in where[-2:])
            left = [loop.load(row, down) for row in rows]
            right = [loop.load(column, along) for column in columns]
            reals = [loop.shuffle(value, evens) for value in right]
            imaginaries = [loop.shuffle(value, odds) for value in right]
            factors = [part for pair in zip(reals, imaginaries, strict=True) for part in pair]
            pairs = [(value, factor) for value in left for factor in factors]
            return [loop.fma(*pair, s) for pair, s in zip(pairs, sums, strict=True)]

        n = builder.extract_value(args[3], 1)
        sums = loop.run(n, 2 * OUTS * TILES, update)
        one = loop.spread(ir.Constant(loop.element, 1.0))
        by_real, by_imaginary = _signs(loop, one, builder.extract_value(args[3], 2))
        for j, target in enumerate(targets):
            turned = loop.shuffle(sums[2 * j + 1], swapped)
            value = loop.fma(turned, by_imaginary, builder.fmul(sums[2 * j], by_real))
            loop.store(value, to, target)
        return context.get_dummy_value()

    return types.void(out, spectra, x, starts), build


def _signs(loop: _Loop, one: Any, sign: Any) -> tuple[Any, Any]:
    """Return (1, sign, 1, sign, ...) and (-sign, 1, -sign, 1, ...)."""
    by_real = by_imaginary = one
    negative = loop.builder.fsub(ir.Constant(loop.element, 0.0), sign)
    for lane in range(loop.lanes):
        index = ir.Constant(ir.IntType(32), lane)
        if lane % 2:
            by_real = loop.builder.insert_element(by_real, sign, index)
        else:
            by_imaginary = loop.builder.insert_element(by_imaginary, negative, index)
    return by_real, by_imaginary
