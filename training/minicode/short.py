"""The `short` tier: programs of two to eight lines, mostly one statement for each step.

What this module does not do: anything; it is a table. docs/minicode.md is written from it.
"""

from __future__ import annotations

from training.minicode.primitives import DOMINANT, Bug, Edge, Kind, Primitive, Tier

_DIGITS = tuple("23456789")
_FEW = tuple("23")
_LETTERS = tuple("aeirst")
_N, _I, _T, _W = Kind.NUMBERS, Kind.NUMBER, Kind.TEXT, Kind.WORDS
_WRONG = "wrong answer"


def _often(right: str, wrong: str, effect: str) -> tuple[Bug, ...]:
    return (Bug(right, wrong, effect, DOMINANT),)


def _rarely(right: str, wrong: str, effect: str) -> tuple[Bug, ...]:
    return (Bug(right, wrong, effect),)


# fmt: off
_NUMBERS_TO_NUMBERS = (
    Primitive(
        "sort", _N, _N, "xs = sorted(xs)",
        ("sort the numbers in ascending order", "put the numbers in increasing order"),
        _often("sorted(xs)", "xs.sort()", "TypeError"),
    ),
    Primitive(
        "sort-down", _N, _N, "xs = sorted(xs, reverse=True)",
        ("sort the numbers in descending order", "put the numbers from largest to smallest"),
        _often("reverse=", "reversed=", "TypeError"),
    ),
    Primitive(
        "reverse", _N, _N, "xs = xs[::-1]",
        ("reverse the list", "turn the list around"),
        _rarely("xs[::-1]", "xs.reverse()", "TypeError"),
    ),
    Primitive(
        "take", _N, _N, "xs = xs[:{k}]",
        ("keep the first {k} numbers", "drop all but the first {k} numbers"),
        _often("[:{k}]", "[1:{k}]", _WRONG), _FEW,
    ),
    Primitive(
        "drop", _N, _N, "xs = xs[{k}:]",
        ("remove the first {k} numbers", "skip the first {k} numbers"),
        _rarely("[{k}:]", "[:{k}]", _WRONG), _FEW,
    ),
    Primitive(
        "last", _N, _N, "xs = xs[-{k}:]",
        ("keep the last {k} numbers", "drop all but the last {k} numbers"),
        _rarely("[-{k}:]", "[{k}:]", _WRONG), _FEW,
    ),
    Primitive(
        "evens", _N, _N, "xs = [x for x in xs if x % 2 == 0]",
        ("keep the even numbers", "remove the odd numbers"),
        _often("== 0", "= 0", "SyntaxError"),
    ),
    Primitive(
        "odds", _N, _N, "xs = [x for x in xs if x % 2 == 1]",
        ("keep the odd numbers", "remove the even numbers"),
        _rarely("== 1", "== 0", _WRONG),
    ),
    Primitive(
        "positives", _N, _N, "xs = [x for x in xs if x > 0]",
        ("keep the positive numbers", "remove zeros and negative numbers"),
        _rarely("x > 0", "xs > 0", "TypeError"),
    ),
    Primitive(
        "greater", _N, _N, "xs = [x for x in xs if x > {k}]",
        ("keep the numbers greater than {k}", "remove the numbers that are at most {k}"),
        _often("> {k}", "< {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "less", _N, _N, "xs = [x for x in xs if x < {k}]",
        ("keep the numbers less than {k}", "remove the numbers that are at least {k}"),
        _rarely("x < {k}", "x > {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "multiples", _N, _N, "xs = [x for x in xs if x % {k} == 0]",
        ("keep the multiples of {k}", "keep the numbers divisible by {k}"),
        _rarely("x % {k}", "x // {k}", _WRONG), tuple("2345"),
    ),
    Primitive(
        "add", _N, _N, "xs = [x + {k} for x in xs]",
        ("add {k} to each number", "increase every number by {k}"),
        _often("[x + {k} for x in xs]", "xs + {k}", "TypeError"), _DIGITS,
    ),
    Primitive(
        "multiply", _N, _N, "xs = [x * {k} for x in xs]",
        ("multiply each number by {k}", "scale every number by {k}"),
        _rarely("[x * {k} for x in xs]", "xs * {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "squares", _N, _N, "xs = [x * x for x in xs]",
        ("square each number", "replace every number with its square"),
        _rarely("x * x", "x ^ 2", _WRONG),
    ),
    Primitive(
        "absolute", _N, _N, "xs = [abs(x) for x in xs]",
        ("take the absolute value of each number", "make every number non-negative by dropping its sign"),
        _rarely("[abs(x) for x in xs]", "abs(xs)", "TypeError"),
    ),
    Primitive(
        "negate", _N, _N, "xs = [-x for x in xs]",
        ("negate each number", "flip the sign of every number"),
        _rarely("[-x for x in xs]", "-xs", "TypeError"),
    ),
    Primitive(
        "distinct", _N, _N, "xs = list(dict.fromkeys(xs))",
        ("remove repeated numbers, keeping first occurrences", "keep only the first occurrence of each number"),
        _rarely("dict.fromkeys(xs)", "dict(xs)", "TypeError"),
    ),
    Primitive(
        "distinct-sorted", _N, _N, "xs = sorted(set(xs))",
        ("list the distinct numbers in ascending order", "remove duplicates and sort the rest"),
        _rarely("set(xs)", "xs", _WRONG),
    ),
    Primitive(
        "every-second", _N, _N, "xs = xs[::2]",
        ("keep every second number, starting with the first", "keep the numbers at even positions"),
        _rarely("[::2]", "[1::2]", _WRONG),
    ),
    Primitive(
        "running-sums", _N, _N, "from itertools import accumulate\nxs = list(accumulate(xs))",
        ("replace each number with the sum so far", "take the running sums"),
        _often("from itertools import accumulate\n", "", "NameError"),
    ),
    Primitive(
        "differences", _N, _N, "xs = [xs[i + 1] - xs[i] for i in range(len(xs) - 1)]",
        ("take the differences of neighbours", "replace the list with each number's difference to the next"),
        _often("len(xs) - 1", "len(xs)", "IndexError"),
    ),
    Primitive(
        "rotate", _N, _N, "xs = xs[1:] + xs[:1]",
        ("move the first number to the end", "rotate the list left by one"),
        _often("xs[:1]", "xs[0]", "TypeError"),
    ),
    Primitive(
        "clip-low", _N, _N, "xs = [max(x, 0) for x in xs]",
        ("replace negative numbers with 0", "turn every negative number into 0"),
        _rarely("[max(x, 0) for x in xs]", "max(xs, 0)", "TypeError"),
    ),
    Primitive(
        "clip-high", _N, _N, "xs = [min(x, {k}) for x in xs]",
        ("cap each number at {k}", "replace numbers above {k} with {k}"),
        _rarely("min(x, {k})", "max(x, {k})", _WRONG), _DIGITS,
    ),
    Primitive(
        "weights", _N, _N, "xs = [x * i for i, x in enumerate(xs)]",
        ("multiply each number by its index", "multiply every number by its position counted from 0"),
        _rarely("enumerate(xs)", "xs", "TypeError"),
    ),
    Primitive(
        "tally", _N, _N, "counts = {}\nfor x in xs:\n    counts[x] = counts.get(x, 0) + 1\nxs = list(counts.values())",
        ("count each distinct number in order of appearance", "give the count of each distinct number"),
        _often("counts[x] = counts.get(x, 0) + 1", "counts[x] += 1", "KeyError"),
    ),
)

_NUMBERS_TO_NUMBER = (
    Primitive(
        "sum", _N, _I, "n = sum(xs)",
        ("find the sum", "add up the numbers"),
        _rarely("sum(xs)", "xs.sum()", "AttributeError"),
    ),
    Primitive(
        "maximum", _N, _I, "n = max(xs)",
        ("find the largest number", "take the maximum"),
        _rarely("max(xs)", "max", "TypeError"),
    ),
    Primitive(
        "minimum", _N, _I, "n = min(xs)",
        ("find the smallest number", "take the minimum"),
        _rarely("min(xs)", "xs.min()", "AttributeError"),
    ),
    Primitive(
        "count", _N, _I, "n = len(xs)",
        ("count the numbers", "find how many numbers there are"),
        _often("len(xs)", "xs.length", "AttributeError"),
    ),
    Primitive(
        "spread", _N, _I, "n = max(xs) - min(xs)",
        ("subtract the smallest number from the largest", "find the spread between largest and smallest"),
        _rarely("max(xs) - min(xs)", "max(xs) - min", "TypeError"),
    ),
    Primitive(
        "occurrences", _N, _I, "n = xs.count({k})",
        ("count how often {k} occurs", "find how many numbers equal {k}"),
        _rarely("xs.count({k})", "count(xs, {k})", "NameError"), tuple("123"),
    ),
    Primitive(
        "product", _N, _I, "n = 1\nfor x in xs:\n    n *= x",
        ("find the product", "multiply all the numbers together"),
        _often("n = 1", "n = 0", _WRONG),
    ),
    Primitive(
        "sum-squares", _N, _I, "n = sum(x * x for x in xs)",
        ("find the sum of the squares", "add up the squares of the numbers"),
        _often("for x in xs)", "for x in xs", "SyntaxError"),
    ),
    Primitive(
        "mean", _N, _I, "n = sum(xs) // len(xs)",
        ("find the mean rounded down", "take the average rounded down"),
        _rarely("//", "/", _WRONG),
    ),
    Primitive(
        "second-largest", _N, _I, "n = sorted(xs)[-2]",
        ("find the second largest number", "take the number just below the maximum in sorted order"),
        _rarely("sorted(xs)[-2]", "sorted(xs)[2]", _WRONG),
    ),
    Primitive(
        "first", _N, _I, "n = xs[0]",
        ("take the first number", "find the number at the front"),
        _rarely("xs[0]", "xs[1]", _WRONG),
    ),
    Primitive(
        "final", _N, _I, "n = xs[-1]",
        ("take the last number", "find the number at the end"),
        _often("xs[-1]", "xs[len(xs)]", "IndexError"),
    ),
    Primitive(
        "median", _N, _I, "n = sorted(xs)[len(xs) // 2]",
        ("find the median", "find the middle number in sorted order"),
        _often("len(xs) // 2", "len(xs) / 2", "TypeError"),
    ),
    Primitive(
        "position-of-maximum", _N, _I, "n = xs.index(max(xs))",
        ("find the index of the largest number", "find where the maximum first occurs, counting from 0"),
        _rarely("index(max(xs))", "index(max)", "ValueError"),
    ),
    Primitive(
        "rises", _N, _I, "n = 0\nfor i in range(1, len(xs)):\n    if xs[i] > xs[i - 1]:\n        n += 1",
        ("count the numbers larger than the one before", "count how often the list rises"),
        _often("xs[i - 1]:", "xs[i - 1]", "SyntaxError"),
    ),
)

_NUMBER = (
    Primitive(
        "double", _I, _I, "n = n * 2",
        ("double the value", "multiply the value by two"),
        _rarely("n * 2", "n ** 2", _WRONG),
    ),
    Primitive(
        "square", _I, _I, "n = n * n",
        ("square the value", "multiply the value by itself"),
        _rarely("n * n", "n ^ 2", _WRONG),
    ),
    Primitive(
        "plus", _I, _I, "n = n + {k}",
        ("add {k} to the value", "increase the value by {k}"),
        _rarely("n = n + {k}", "n =+ {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "modulo", _I, _I, "n = n % {k}",
        ("take the remainder of the value modulo {k}", "reduce the value modulo {k}"),
        _rarely("% {k}", "// {k}", _WRONG), _DIGITS,
    ),
    Primitive(
        "digit-sum", _I, _I, "n = sum(int(d) for d in str(abs(n)))",
        ("add up the digits of the value", "find the digit sum of the value"),
        _rarely("int(d) for d in str(abs(n))", "str(abs(n))", "TypeError"),
    ),
    Primitive(
        "halve", _I, _I, "n = n // 2",
        ("halve the value, rounding down", "divide the value by 2, rounding down"),
        _often("//", "/", _WRONG),
    ),
    Primitive(
        "halvings", _I, _I, "c = 0\nwhile n > 0:\n    n //= 2\n    c += 1\nn = c",
        ("count the halvings until the value is 0", "find how often the value can be halved before it is 0"),
        (Bug("    n //= 2\n", "", "timeout", 0.4),),
    ),
    Primitive(
        "digits", _I, _N, "xs = [int(d) for d in str(abs(n))]",
        ("list the digits of the value", "split the value into its digits"),
        _rarely("[int(d) for d in str(abs(n))]", "list(n)", "TypeError"),
    ),
    Primitive(
        "binary", _I, _T, "s = bin(abs(n))[2:]",
        ("write the value in binary without its sign", "convert its absolute value to binary"),
        _often("bin(abs(n))[2:]", "bin(abs(n))", _WRONG),
    ),
)

_TEXT = (
    Primitive(
        "upper", _T, _T, "s = s.upper()",
        ("convert the text to upper case", "make all letters capital"),
        _rarely("s.upper()", "s.toUpperCase()", "AttributeError"),
    ),
    Primitive(
        "backwards", _T, _T, "s = s[::-1]",
        ("reverse the text", "write the text backwards"),
        _often("s[::-1]", "s.reverse()", "AttributeError"),
    ),
    Primitive(
        "no-vowels", _T, _T, "s = ''.join(c for c in s if c not in 'aeiou')",
        ("remove the vowels", "delete every vowel from the text"),
        _rarely("c not in 'aeiou'", "c in 'aeiou'", _WRONG),
    ),
    Primitive(
        "replace", _T, _T, "s = s.replace('{k}', '*')",
        ("replace each '{k}' with '*'", "write '*' for every '{k}'"),
        _often("s = s.replace", "s.replace", _WRONG), _LETTERS,
    ),
    Primitive(
        "first-characters", _T, _T, "s = s[:{k}]",
        ("keep the first {k} characters", "cut the text after {k} characters"),
        _rarely("[:{k}]", "[{k}:]", _WRONG), tuple("345678"),
    ),
    Primitive(
        "title", _T, _T, "s = s.title()",
        ("capitalise each word of the text", "start every word of the text with a capital"),
        _rarely("title", "capitalize", _WRONG),
    ),
    Primitive(
        "twice", _T, _T, "s = s * 2",
        ("repeat the text twice", "write the text two times in a row"),
        _rarely("s * 2", "s ** 2", "TypeError"),
    ),
    Primitive(
        "sort-characters", _T, _T, "s = ''.join(sorted(s))",
        ("sort the characters", "put the characters in order"),
        _often("''.join(sorted(s))", "s.sort()", "AttributeError"),
    ),
    Primitive(
        "length", _T, _I, "n = len(s)",
        ("find the length of the text", "count the characters"),
        _rarely("len(s)", "s.length()", "AttributeError"),
    ),
    Primitive(
        "vowels", _T, _I, "n = sum(c in 'aeiou' for c in s)",
        ("count the vowels", "find how many vowels there are"),
        _often("sum(c in 'aeiou' for c in s)", "s.count('aeiou')", _WRONG),
    ),
    Primitive(
        "count-letter", _T, _I, "n = s.count('{k}')",
        ("count how often '{k}' occurs", "find how many times '{k}' is in the text"),
        _rarely("s.count('{k}')", "s.count({k})", "NameError"), _LETTERS,
    ),
    Primitive(
        "alphabet", _T, _I, "n = len(set(s))",
        ("count the distinct characters", "find how many different characters there are"),
        _rarely("len(set(s))", "set(len(s))", "TypeError"),
    ),
    Primitive(
        "split", _T, _W, "ws = s.split()",
        ("split the text into words", "take the words of the text"),
        _rarely("s.split()", "s.split", "TypeError"),
    ),
)

_WORDS = (
    Primitive(
        "sort-words", _W, _W, "ws = sorted(ws)",
        ("sort the words alphabetically", "put the words in alphabetical order"),
        _rarely("sorted(ws)", "ws.sort()", "TypeError"),
    ),
    Primitive(
        "lengths", _W, _N, "xs = [len(w) for w in ws]",
        ("take the length of each word", "replace every word with its length"),
        _often("[len(w) for w in ws]", "len(ws)", "TypeError"),
    ),
    Primitive(
        "upper-words", _W, _W, "ws = [w.upper() for w in ws]",
        ("convert each word to upper case", "write every word in capitals"),
        _rarely("[w.upper() for w in ws]", "ws.upper()", "AttributeError"),
    ),
    Primitive(
        "reverse-each", _W, _W, "ws = [w[::-1] for w in ws]",
        ("reverse each word", "write every word backwards"),
        _often("[w[::-1] for w in ws]", "ws[::-1]", _WRONG),
    ),
    Primitive(
        "reverse-words", _W, _W, "ws = ws[::-1]",
        ("reverse the order of the words", "put the last word first and so on"),
        _rarely("ws[::-1]", "ws.reverse()", "TypeError"),
    ),
    Primitive(
        "longer", _W, _W, "ws = [w for w in ws if len(w) > {k}]",
        ("keep the words longer than {k} letters", "remove the words of at most {k} letters"),
        _often("len(w) > {k}", "w > {k}", "TypeError"), tuple("345"),
    ),
    Primitive(
        "distinct-words", _W, _W, "ws = list(dict.fromkeys(ws))",
        ("remove repeated words, keeping first occurrences", "keep only the first occurrence of each word"),
        _rarely("dict.fromkeys(ws)", "ws", _WRONG),
    ),
    Primitive(
        "by-length", _W, _W, "ws = sorted(ws, key=len)",
        ("sort the words by length", "put the words in order of their length"),
        _often("key=len", "key=length", "NameError"),
    ),
    Primitive(
        "join", _W, _T, "s = '-'.join(ws)",
        ("join the words with '-'", "write the words in a row with '-' between them"),
        _often("'-'.join(ws)", "ws.join('-')", "AttributeError"),
    ),
    Primitive(
        "longest", _W, _T, "s = max(ws, key=len)",
        ("find the longest word", "take the first word of greatest length"),
        _often("max(ws, key=len)", "max(ws)", _WRONG),
    ),
    Primitive(
        "acronym", _W, _T, "s = ''.join(w[0] for w in ws)",
        ("take the first letter of each word", "make an acronym of the words"),
        _rarely("for w in ws)", "for w in ws", "SyntaxError"),
    ),
    Primitive(
        "most-common", _W, _T, "from collections import Counter\ns = Counter(ws).most_common(1)[0][0]",
        ("find the most common word", "take the word that occurs most often"),
        _often("from collections import Counter\n", "", "NameError"),
    ),
    Primitive(
        "count-words", _W, _I, "n = len(ws)",
        ("count the words", "find how many words there are"),
        _rarely("len(ws)", "ws.count()", "TypeError"),
    ),
)

SHORT = Tier(
    name="short",
    primitives=_NUMBERS_TO_NUMBERS + _NUMBERS_TO_NUMBER + _NUMBER + _TEXT + _WORDS,
    readers={
        _N: Edge(
            "xs = list(map(int, input().split()))",
            (Bug("list(map(int, input().split()))", "input().split()", "TypeError", 0.15),),
        ),
        _I: Edge("n = int(input())", (Bug("int(input())", "input()", "TypeError", DOMINANT),)),
        _T: Edge("s = input()", (Bug("input()", "int(input())", "ValueError", 0.1),)),
        _W: Edge("ws = input().split()", (Bug("input().split()", "input()", _WRONG, 0.15),)),
    },
    printers={
        _N: Edge("print(*xs)", (Bug("print(*xs)", "print(xs)", _WRONG, 0.3),)),
        _I: Edge("print(n)", (Bug("print(n)", "print n", "SyntaxError", 0.05),)),
        _T: Edge("print(s)", (Bug("print(s)", "print(s", "SyntaxError", 0.05),)),
        _W: Edge("print(*ws)", (Bug("print(*ws)", "print(ws)", _WRONG, 0.4),)),
    },
    headers={
        _N: Edge("def {name}(xs):", (Bug(":", "", "SyntaxError", 0.04),)),
        _I: Edge("def {name}(n):", (Bug(":", "", "SyntaxError", 0.04),)),
        _T: Edge("def {name}(s):", (Bug(":", "", "SyntaxError", 0.04),)),
        _W: Edge("def {name}(ws):", (Bug(":", "", "SyntaxError", 0.04),)),
    },
    returns={
        _N: Edge("return xs", (Bug("return xs", "return *xs", "SyntaxError", 0.04),)),
        _I: Edge("return n", (Bug("return n", "print(n)", _WRONG, 0.2),)),
        _T: Edge("return s", (Bug("return s", "print(s)", _WRONG, 0.3),)),
        _W: Edge("return ws", (Bug("return ws", "return w", "NameError", 0.1),)),
    },
    steps=(1, 2, 2, 2, 3, 3, 3),
    train_count=1536,
    held_out_count=256,
)
