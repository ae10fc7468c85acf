"""Primitives of the `short` tier that start from integers. docs/minicode.md is written from this table."""

from __future__ import annotations

from training.minicode.primitives import Bug, Kind, Primitive, often, rarely

_DIGITS = tuple("23456789")
_FEW = tuple("23")
_N, _I, _T = Kind.NUMBERS, Kind.NUMBER, Kind.TEXT
_WRONG = "wrong answer"


# fmt: off
NUMBERS = (
    Primitive(
        "sort", _N, _N, "xs = sorted(xs)",
        ("sort the numbers in ascending order", "put the numbers in increasing order"),
        often("sorted(xs)", "xs.sort()", "TypeError"),
    ),
    Primitive(
        "sort-down", _N, _N, "xs = sorted(xs, reverse=True)",
        ("sort the numbers in descending order", "put the numbers from largest to smallest"),
        often("reverse=", "reversed=", "TypeError"),
    ),
    Primitive(
        "reverse", _N, _N, "xs = xs[::-1]",
        ("reverse the list", "turn the list around"),
        rarely("xs[::-1]", "xs.reverse()", "TypeError"),
    ),
    Primitive(
        "take", _N, _N, "xs = xs[:{k}]",
        ("keep the first {k} numbers", "drop all but the first {k} numbers"),
        often("[:{k}]", "[1:{k}]", _WRONG), _FEW,
    ),
    Primitive(
        "drop", _N, _N, "xs = xs[{k}:]",
        ("remove the first {k} numbers", "skip the first {k} numbers"),
        rarely("[{k}:]", "[:{k}]", _WRONG), _FEW,
    ),
    Primitive(
        "last", _N, _N, "xs = xs[-{k}:]",
        ("keep the last {k} numbers", "drop all but the last {k} numbers"),
        rarely("[-{k}:]", "[{k}:]", _WRONG), _FEW,
    ),
    Primitive(
        "evens", _N, _N, "xs = [x for x in xs if x % 2 == 0]",
        ("keep the even numbers", "remove the odd numbers"),
        often("== 0", "= 0", "SyntaxError"),
    ),
    Primitive(
        "odds", _N, _N, "xs = [x for x in xs if x % 2 == 1]",
        ("keep the odd numbers", "remove the even numbers"),
        rarely("== 1", "== 0", _WRONG),
    ),
    Primitive(
        "positives", _N, _N, "xs = [x for x in xs if x > 0]",
        ("keep the positive numbers", "remove zeros and negative numbers"),
        rarely("x > 0", "xs > 0", "TypeError"),
    ),
    Primitive(
        "greater", _N, _N, "xs = [x for x in xs if x > {k}]",
        ("keep the numbers greater than {k}", "remove the numbers that are at most {k}"),
        often("> {k}", "< {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "less", _N, _N, "xs = [x for x in xs if x < {k}]",
        ("keep the numbers less than {k}", "remove the numbers that are at least {k}"),
        rarely("x < {k}", "x > {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "multiples", _N, _N, "xs = [x for x in xs if x % {k} == 0]",
        ("keep the multiples of {k}", "keep the numbers divisible by {k}"),
        rarely("x % {k}", "x // {k}", _WRONG), tuple("2345"),
    ),
    Primitive(
        "add", _N, _N, "xs = [x + {k} for x in xs]",
        ("add {k} to each number", "increase every number by {k}"),
        often("[x + {k} for x in xs]", "xs + {k}", "TypeError"), _DIGITS,
    ),
    Primitive(
        "multiply", _N, _N, "xs = [x * {k} for x in xs]",
        ("multiply each number by {k}", "scale every number by {k}"),
        rarely("[x * {k} for x in xs]", "xs * {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "squares", _N, _N, "xs = [x * x for x in xs]",
        ("square each number", "replace every number with its square"),
        rarely("x * x", "x ^ 2", _WRONG),
    ),
    Primitive(
        "absolute", _N, _N, "xs = [abs(x) for x in xs]",
        ("take the absolute value of each number", "make every number non-negative by dropping its sign"),
        rarely("[abs(x) for x in xs]", "abs(xs)", "TypeError"),
    ),
    Primitive(
        "negate", _N, _N, "xs = [-x for x in xs]",
        ("negate each number", "flip the sign of every number"),
        rarely("[-x for x in xs]", "-xs", "TypeError"),
    ),
    Primitive(
        "distinct", _N, _N, "xs = list(dict.fromkeys(xs))",
        ("remove repeated numbers, keeping first occurrences", "keep only the first occurrence of each number"),
        rarely("dict.fromkeys(xs)", "dict(xs)", "TypeError"),
    ),
    Primitive(
        "distinct-sorted", _N, _N, "xs = sorted(set(xs))",
        ("list the distinct numbers in ascending order", "remove duplicates and sort the rest"),
        rarely("set(xs)", "xs", _WRONG),
    ),
    Primitive(
        "every-second", _N, _N, "xs = xs[::2]",
        ("keep every second number, starting with the first", "keep the numbers at even positions"),
        rarely("[::2]", "[1::2]", _WRONG),
    ),
    Primitive(
        "running-sums", _N, _N, "from itertools import accumulate\nxs = list(accumulate(xs))",
        ("replace each number with the sum so far", "take the running sums"),
        often("from itertools import accumulate\n", "", "NameError"),
    ),
    Primitive(
        "differences", _N, _N, "xs = [xs[i + 1] - xs[i] for i in range(len(xs) - 1)]",
        ("take the differences of neighbours", "replace the list with each number's difference to the next"),
        often("len(xs) - 1", "len(xs)", "IndexError"),
    ),
    Primitive(
        "rotate", _N, _N, "xs = xs[1:] + xs[:1]",
        ("move the first number to the end", "rotate the list left by one"),
        often("xs[:1]", "xs[0]", "TypeError"),
    ),
    Primitive(
        "clip-low", _N, _N, "xs = [max(x, 0) for x in xs]",
        ("replace negative numbers with 0", "turn every negative number into 0"),
        rarely("[max(x, 0) for x in xs]", "max(xs, 0)", "TypeError"),
    ),
    Primitive(
        "clip-high", _N, _N, "xs = [min(x, {k}) for x in xs]",
        ("cap each number at {k}", "replace numbers above {k} with {k}"),
        rarely("min(x, {k})", "max(x, {k})", _WRONG), _DIGITS,
    ),
    Primitive(
        "weights", _N, _N, "xs = [x * i for i, x in enumerate(xs)]",
        ("multiply each number by its index", "multiply every number by its position counted from 0"),
        rarely("enumerate(xs)", "xs", "TypeError"),
    ),
    Primitive(
        "tally", _N, _N, "counts = {}\nfor x in xs:\n    counts[x] = counts.get(x, 0) + 1\nxs = list(counts.values())",
        ("count each distinct number in order of appearance", "give the count of each distinct number"),
        often("counts[x] = counts.get(x, 0) + 1", "counts[x] += 1", "KeyError"),
    ),
    Primitive(
        "sum", _N, _I, "n = sum(xs)",
        ("find the sum", "add up the numbers"),
        rarely("sum(xs)", "xs.sum()", "AttributeError"),
    ),
    Primitive(
        "maximum", _N, _I, "n = max(xs)",
        ("find the largest number", "take the maximum"),
        rarely("max(xs)", "max", _WRONG),
    ),
    Primitive(
        "minimum", _N, _I, "n = min(xs)",
        ("find the smallest number", "take the minimum"),
        rarely("min(xs)", "xs.min()", "AttributeError"),
    ),
    Primitive(
        "count", _N, _I, "n = len(xs)",
        ("count the numbers", "find how many numbers there are"),
        often("len(xs)", "xs.length", "AttributeError"),
    ),
    Primitive(
        "spread", _N, _I, "n = max(xs) - min(xs)",
        ("subtract the smallest number from the largest", "find the spread between largest and smallest"),
        rarely("max(xs) - min(xs)", "max(xs) - min", "TypeError"),
    ),
    Primitive(
        "occurrences", _N, _I, "n = xs.count({k})",
        ("count how often {k} occurs", "find how many numbers equal {k}"),
        rarely("xs.count({k})", "count(xs, {k})", "NameError"), tuple("123"),
    ),
    Primitive(
        "product", _N, _I, "n = 1\nfor x in xs:\n    n *= x",
        ("find the product", "multiply all the numbers together"),
        often("n = 1", "n = 0", _WRONG),
    ),
    Primitive(
        "sum-squares", _N, _I, "n = sum(x * x for x in xs)",
        ("find the sum of the squares", "add up the squares of the numbers"),
        often("for x in xs)", "for x in xs", "SyntaxError"),
    ),
    Primitive(
        "mean", _N, _I, "n = sum(xs) // len(xs)",
        ("find the mean rounded down", "take the average rounded down"),
        rarely("//", "/", _WRONG),
    ),
    Primitive(
        "second-largest", _N, _I, "n = sorted(xs)[-2]",
        ("find the second largest number", "take the number just below the maximum in sorted order"),
        rarely("sorted(xs)[-2]", "sorted(xs)[2]", _WRONG),
    ),
    Primitive(
        "first", _N, _I, "n = xs[0]",
        ("take the first number", "find the number at the front"),
        rarely("xs[0]", "xs[1]", _WRONG),
    ),
    Primitive(
        "final", _N, _I, "n = xs[-1]",
        ("take the last number", "find the number at the end"),
        often("xs[-1]", "xs[len(xs)]", "IndexError"),
    ),
    Primitive(
        "median", _N, _I, "n = sorted(xs)[len(xs) // 2]",
        ("find the median", "find the middle number in sorted order"),
        often("len(xs) // 2", "len(xs) / 2", "TypeError"),
    ),
    Primitive(
        "position-of-maximum", _N, _I, "n = xs.index(max(xs))",
        ("find the index of the largest number", "find where the maximum first occurs, counting from 0"),
        rarely("index(max(xs))", "index(max)", "ValueError"),
    ),
    Primitive(
        "rises", _N, _I, "n = 0\nfor i in range(1, len(xs)):\n    if xs[i] > xs[i - 1]:\n        n += 1",
        ("count the numbers larger than the one before", "count how often the list rises"),
        often("xs[i - 1]:", "xs[i - 1]", "SyntaxError"),
    ),
)

NUMBER = (
    Primitive(
        "double", _I, _I, "n = n * 2",
        ("double the value", "multiply the value by two"),
        rarely("n * 2", "n ** 2", _WRONG),
    ),
    Primitive(
        "square", _I, _I, "n = n * n",
        ("square the value", "multiply the value by itself"),
        rarely("n * n", "n ^ 2", _WRONG),
    ),
    Primitive(
        "plus", _I, _I, "n = n + {k}",
        ("add {k} to the value", "increase the value by {k}"),
        rarely("n = n + {k}", "n =+ {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "modulo", _I, _I, "n = n % {k}",
        ("take the remainder of the value modulo {k}", "reduce the value modulo {k}"),
        rarely("% {k}", "// {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "digit-sum", _I, _I, "n = sum(int(d) for d in str(abs(n)))",
        ("add up the digits of the value", "find the digit sum of the value"),
        rarely("int(d) for d in str(abs(n))", "str(abs(n))", "TypeError"),
    ),
    Primitive(
        "halve", _I, _I, "n = n // 2",
        ("halve the value, rounding down", "divide the value by 2, rounding down"),
        often("//", "/", _WRONG),
    ),
    Primitive(
        "halvings", _I, _I, "c = 0\nwhile n > 0:\n    n //= 2\n    c += 1\nn = c",
        ("count the halvings until the value is 0", "find how often the value can be halved before it is 0"),
        (Bug("    n //= 2\n", "", "timeout", 0.4),),
    ),
    Primitive(
        "digits", _I, _N, "xs = [int(d) for d in str(abs(n))]",
        ("list the digits of the value", "split the value into its digits"),
        rarely("[int(d) for d in str(abs(n))]", "list(n)", "TypeError"),
    ),
    Primitive(
        "binary", _I, _T, "s = bin(abs(n))[2:]",
        ("write the value in binary without its sign", "convert its absolute value to binary"),
        often("bin(abs(n))[2:]", "bin(abs(n))", _WRONG),
    ),
)
