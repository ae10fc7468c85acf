"""Primitives of the `long` tier that start from integers. docs/minicode.md is written from this table."""

from __future__ import annotations

from training.minicode.primitives import DOMINANT, FREQUENT, Bug, Kind, Primitive

_DIGITS = tuple("3456789")
_N, _I = Kind.NUMBERS, Kind.NUMBER
_WRONG = "wrong answer"


# fmt: off
NUMBERS = (
    Primitive(
        "keep-even", _N, _N,
        "kept = []\nfor value in values:\n    if value % 2 == 0:\n        kept.append(value)\nvalues = kept",
        ("keep the even numbers", "remove the odd numbers"),
        (Bug("kept.append", "kept.add", "AttributeError", DOMINANT), Bug("== 0", "= 0", "SyntaxError")),
    ),
    Primitive(
        "keep-greater", _N, _N,
        "large = []\nfor value in values:\n    if value > {k}:\n        large.append(value)\nvalues = large",
        ("keep the numbers greater than {k}", "remove the numbers that are at most {k}"),
        (Bug("if value >", "if values >", "TypeError"), Bug("large.append(value)", "large += value", "TypeError")),
        _DIGITS,
    ),
    Primitive(
        "digit-sums", _N, _N,
        "def digit_sum(number):\n    total = 0\n    while number > 0:\n        total += number % 10\n"
        "        number //= 10\n    return total\nvalues = [digit_sum(abs(value)) for value in values]",
        ("replace each number with its digit sum", "add up the digits of every number"),
        (Bug("    total = 0\n", "", "UnboundLocalError", DOMINANT), Bug("        number //= 10\n", "", "timeout")),
    ),
    Primitive(
        "peaks", _N, _N,
        "best = values[0]\npeaks = []\nfor value in values:\n    best = max(best, value)\n"
        "    peaks.append(best)\nvalues = peaks",
        ("replace each number with the largest so far", "take the running maximum"),
        (Bug("max(best, value)", "max(best)", "TypeError", FREQUENT),
         Bug("peaks.append(best)", "peaks.append(value)", _WRONG)),
    ),
    Primitive(
        "differences", _N, _N,
        "steps = []\nfor i in range(1, len(values)):\n    steps.append(values[i] - values[i - 1])\nvalues = steps",
        ("take the differences of neighbours", "replace the list with each step from one number to the next"),
        (Bug("range(1, len(values))", "range(1, len(values) + 1)", "IndexError", DOMINANT),
         Bug("[i - 1])", "[i - 1]", "SyntaxError")),
    ),
    Primitive(
        "distinct", _N, _N,
        "seen = set()\nfresh = []\nfor value in values:\n    if value not in seen:\n        seen.add(value)\n"
        "        fresh.append(value)\nvalues = fresh",
        ("remove repeated numbers", "keep only the first occurrence of each number"),
        (Bug("seen = set()", "seen = {}", "AttributeError", FREQUENT),
         Bug("fresh.append", "fresh.add", "AttributeError")),
    ),
    Primitive(
        "by-last-digit", _N, _N,
        "def last_digit(number):\n    return abs(number) % 10\nvalues = sorted(values, key=last_digit)",
        ("sort the numbers by their last digit", "put the numbers in order of their last digit"),
        (Bug("key=last_digit", "key=last_digit()", "TypeError"), Bug("return ", "", "TypeError")),
    ),
    Primitive(
        "pair-sums", _N, _N,
        "sums = []\nfor i in range(0, len(values) - 1, 2):\n    sums.append(values[i] + values[i + 1])\nvalues = sums",
        ("add up the numbers in pairs", "replace every two numbers with their sum"),
        (Bug("len(values) - 1", "len(values)", "IndexError"), Bug("sums = []\n", "", "NameError")),
    ),
    Primitive(
        "rotate", _N, _N,
        "shift = {k} % len(values)\nvalues = values[shift:] + values[:shift]",
        ("rotate the list left by {k}", "move the first number to the end {k} times"),
        (Bug("values[:shift]", "values[shift]", "TypeError", FREQUENT),
         Bug("len(values)", "values.length", "AttributeError")),
        _DIGITS,
    ),
    Primitive(
        "from-minimum", _N, _N,
        "low = min(values)\nhigher = []\nfor value in values:\n    higher.append(value - low)\nvalues = higher",
        ("subtract the smallest number from each", "lower every number by the minimum"),
        (Bug("min(values)", "values.min()", "AttributeError"), Bug("value - low", "values - low", "TypeError")),
    ),
    Primitive(
        "small-divisors", _N, _N,
        "def small_divisors(number):\n    found = 0\n    for d in range(1, 10):\n        if number % d == 0:\n"
        "            found += 1\n    return found\nvalues = [small_divisors(value) for value in values]",
        ("count for each number its divisors from 1 to 9", "replace every number with how many of 1 to 9 divide it"),
        (Bug("range(1, 10)", "range(10)", "ZeroDivisionError", DOMINANT),
         Bug("    found = 0\n", "", "UnboundLocalError")),
    ),
    Primitive(
        "alternate", _N, _N,
        "sign = 1\nsigned = []\nfor value in values:\n    signed.append(sign * value)\n    sign = -sign\n"
        "values = signed",
        ("flip the sign of every second number", "negate each number at an odd index"),
        (Bug("    sign = -sign\n", "", _WRONG), Bug("signed = []", "signed = {}", "AttributeError")),
    ),
    Primitive(
        "clamp", _N, _N,
        "low = 0\nhigh = {k}\nclamped = []\nfor value in values:\n    clamped.append(min(max(value, low), high))\n"
        "values = clamped",
        ("clamp each number between 0 and {k}", "limit every number to the range from 0 to {k}"),
        (Bug("high))", "high)", "SyntaxError", DOMINANT), Bug("max(value, low)", "max(values, low)", "TypeError")),
        _DIGITS,
    ),
    Primitive(
        "running-sums", _N, _N,
        "total = 0\nsums = []\nfor value in values:\n    total += value\n    sums.append(total)\nvalues = sums",
        ("replace each number with the sum so far", "take the running sums"),
        (Bug("total = 0\n", "", "NameError"), Bug("total += value", "total += values", "TypeError")),
    ),
    Primitive(
        "tally", _N, _N,
        "counts = {}\nfor value in values:\n    counts[value] = counts.get(value, 0) + 1\n"
        "values = [counts[value] for value in sorted(counts)]",
        ("count each distinct number from smallest to largest", "list how often every number occurs in sorted order"),
        (Bug("counts[value] = counts.get(value, 0) + 1", "counts[value] += 1", "KeyError", DOMINANT),),
    ),
    Primitive(
        "primes", _N, _N,
        "def is_prime(number):\n    d = 2\n    while d * d <= number:\n        if number % d == 0:\n"
        "            return False\n        d += 1\n    return number > 1\n"
        "values = [value for value in values if is_prime(value)]",
        ("keep the prime numbers", "remove the numbers that are not prime"),
        (Bug("        d += 1\n", "", "timeout", 0.1), Bug("number > 1", "True", _WRONG)),
    ),
    Primitive(
        "collapse", _N, _N,
        "runs = [values[0]]\nfor value in values[1:]:\n    if value % 2 != runs[-1] % 2:\n        runs.append(value)\n"
        "values = runs",
        ("keep a number only if its parity differs from the last kept one", "collapse runs of equal parity"),
        (Bug("runs = [values[0]]", "runs = []", "IndexError", FREQUENT), Bug("[1:]:", "[1:]", "SyntaxError")),
    ),
    Primitive(
        "sum-positive", _N, _I,
        "result = 0\nfor value in values:\n    if value > 0:\n        result += value",
        ("find the sum of the positive numbers", "add up the numbers above 0"),
        (Bug("> 0:", "> 0", "SyntaxError", FREQUENT), Bug("result = 0\n", "", "NameError")),
    ),
    Primitive(
        "largest", _N, _I,
        "result = values[0]\nfor value in values:\n    if value > result:\n        result = value",
        ("find the largest number", "take the maximum"),
        (Bug("value > result", "value < result", _WRONG), Bug("values[0]", "values(0)", "TypeError")),
    ),
    Primitive(
        "longest-rise", _N, _I,
        "result = 1\nlength = 1\nfor i in range(1, len(values)):\n    if values[i] > values[i - 1]:\n"
        "        length += 1\n        result = max(result, length)\n    else:\n        length = 1",
        ("find the length of the longest rising run", "count the numbers in the longest stretch that keeps rising"),
        (Bug("        length = 1", "        length = 0", _WRONG, DOMINANT),
         Bug("    else:", "    else", "SyntaxError")),
    ),
    Primitive(
        "weighted-sum", _N, _I,
        "result = 0\nfor i, value in enumerate(values):\n    result += (i + 1) * value",
        ("find the sum of each number times its position", "add up the numbers weighted by position"),
        (Bug("enumerate(values)", "values", "TypeError", DOMINANT), Bug("(i + 1) * value", "i * value", _WRONG)),
    ),
    Primitive(
        "closest", _N, _I,
        "ordered = sorted(values)\nresult = ordered[1] - ordered[0]\nfor i in range(2, len(ordered)):\n"
        "    result = min(result, ordered[i] - ordered[i - 1])",
        ("find the smallest difference between two numbers", "find how close the two closest numbers are"),
        (Bug("sorted(values)", "values.sort()", "TypeError"), Bug("len(ordered)", "len(order)", "NameError")),
    ),
    Primitive(
        "above-mean", _N, _I,
        "mean = sum(values) / len(values)\nresult = 0\nfor value in values:\n    if value > mean:\n        result += 1",
        ("count the numbers above the mean", "find how many numbers exceed the average"),
        (Bug("len(values)", "values.size", "AttributeError"), Bug("result += 1", "result =+ 1", _WRONG)),
    ),
    Primitive(
        "checksum", _N, _I,
        "result = 7\nfor value in values:\n    result = (result * 3 + value) % 101",
        ("fold the numbers into a checksum", "start at 7 and for each number triple, add it and reduce modulo 101"),
        (Bug("(result * 3 + value) % 101", "result * 3 + value % 101", _WRONG, FREQUENT),
         Bug("% 101", "% '101'", "TypeError")),
    ),
    Primitive(
        "median", _N, _I,
        "ordered = sorted(values)\nmiddle = len(ordered) // 2\nresult = ordered[middle]",
        ("find the median", "take the middle number in sorted order"),
        (Bug("//", "/", "TypeError", DOMINANT), Bug("ordered[middle]", "ordered[midle]", "NameError")),
    ),
    Primitive(
        "runner-up", _N, _I,
        "distinct = sorted(set(values))\nif len(distinct) > 1:\n    result = distinct[-2]\nelse:\n"
        "    result = distinct[0]",
        ("find the second largest distinct number", "take the runner-up among the distinct numbers"),
        (Bug("sorted(set(values))", "set(values)", "TypeError"), Bug("distinct[-2]", "distinct[2]", _WRONG)),
    ),
)

NUMBER = (
    Primitive(
        "reverse-digits", _I, _I,
        "sign = -1 if result < 0 else 1\nresult = sign * int(str(abs(result))[::-1])",
        ("reverse the digits of the value", "read the value's digits backwards"),
        (Bug("str(abs(result))", "abs(result)", "TypeError"), Bug("[::-1])", "[::-1]", "SyntaxError")),
    ),
    Primitive(
        "common-divisor", _I, _I,
        "other = {k}\nresult = abs(result)\nwhile other > 0:\n    result, other = other, result % other",
        ("find the greatest common divisor of the value and {k}", "reduce the value to what it shares with {k}"),
        (Bug("result, other = other, result % other", "result = other\n    other = result % other", _WRONG, FREQUENT),
         Bug("abs(result)", "result.abs()", "AttributeError")),
        ("4", "6", "8", "9"),
    ),
    Primitive(
        "halvings", _I, _I,
        "steps = 0\nresult = abs(result)\nwhile result > 0:\n    result //= 2\n    steps += 1\nresult = steps",
        ("count the halvings until the value is 0", "find how often the value can be halved before it is 0"),
        (Bug("    result //= 2\n", "", "timeout", 0.12), Bug("steps = 0\n", "", "NameError")),
    ),
    Primitive(
        "power", _I, _I,
        "base = result\nresult = 1\nfor _ in range({k}):\n    result = result * base % 97",
        ("raise the value to the power of {k} modulo 97", "multiply {k} copies of the value modulo 97"),
        (Bug("range({k})", "{k}", "TypeError", FREQUENT), Bug("base = result\n", "", "NameError")),
        _DIGITS,
    ),
    Primitive(
        "digital-root", _I, _I,
        "result = abs(result)\nwhile result > 9:\n    result = sum(int(digit) for digit in str(result))",
        ("add up the value's digits until one is left", "find the digital root of the value"),
        (Bug("in str(result))", "in result)", "TypeError"), Bug("> 9:", "> 9", "SyntaxError")),
    ),
    Primitive(
        "digits", _I, _N,
        "values = []\nfor digit in str(abs(result)):\n    values.append(int(digit))",
        ("list the digits of the value", "split the value into its digits"),
        (Bug("values.append(int(digit))", "values.append(digit)", _WRONG),
         Bug("str(abs(result))", "abs(result)", "TypeError")),
    ),
    Primitive(
        "halves", _I, _N,
        "values = []\nresult = abs(result)\nwhile result > 0:\n    values.append(result)\n    result //= 2",
        ("list the value and its halves down to 1", "write down the value and halve it while it is above 0"),
        (Bug("result //= 2", "result /= 2", _WRONG), Bug("values.append", "values.push", "AttributeError", FREQUENT)),
    ),
)
