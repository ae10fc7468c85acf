"""Primitives of the `short` tier that start from text or words. docs/minicode.md is written from this table."""

from __future__ import annotations

from training.minicode.primitives import Kind, Primitive, often, rarely

_LETTERS = tuple("aeirst")
_N, _I, _T, _W = Kind.NUMBERS, Kind.NUMBER, Kind.TEXT, Kind.WORDS
_WRONG = "wrong answer"


# fmt: off
TEXT = (
    Primitive(
        "upper", _T, _T, "s = s.upper()",
        ("convert the text to upper case", "make all letters capital"),
        rarely("s.upper()", "s.toUpperCase()", "AttributeError"),
    ),
    Primitive(
        "backwards", _T, _T, "s = s[::-1]",
        ("reverse the text", "write the text backwards"),
        often("s[::-1]", "s.reverse()", "AttributeError"),
    ),
    Primitive(
        "no-vowels", _T, _T, "s = ''.join(c for c in s if c not in 'aeiou')",
        ("remove the vowels", "delete every vowel from the text"),
        rarely("c not in 'aeiou'", "c in 'aeiou'", _WRONG),
    ),
    Primitive(
        "replace", _T, _T, "s = s.replace('{k}', '*')",
        ("replace each '{k}' with '*'", "write '*' for every '{k}'"),
        often("s = s.replace", "s.replace", _WRONG), _LETTERS,
    ),
    Primitive(
        "first-characters", _T, _T, "s = s[:{k}]",
        ("keep the first {k} characters", "cut the text after {k} characters"),
        rarely("[:{k}]", "[{k}:]", _WRONG), tuple("345678"),
    ),
    Primitive(
        "title", _T, _T, "s = s.title()",
        ("capitalise each word of the text", "start every word of the text with a capital"),
        rarely("title", "capitalize", _WRONG),
    ),
    Primitive(
        "twice", _T, _T, "s = s * 2",
        ("repeat the text twice", "write the text two times in a row"),
        rarely("s * 2", "s ** 2", "TypeError"),
    ),
    Primitive(
        "sort-characters", _T, _T, "s = ''.join(sorted(s))",
        ("sort the characters", "put the characters in order"),
        often("''.join(sorted(s))", "s.sort()", "AttributeError"),
    ),
    Primitive(
        "length", _T, _I, "n = len(s)",
        ("find the length of the text", "count the characters"),
        rarely("len(s)", "s.length()", "AttributeError"),
    ),
    Primitive(
        "vowels", _T, _I, "n = sum(c in 'aeiou' for c in s)",
        ("count the vowels", "find how many vowels there are"),
        often("sum(c in 'aeiou' for c in s)", "s.count('aeiou')", _WRONG),
    ),
    Primitive(
        "count-letter", _T, _I, "n = s.count('{k}')",
        ("count how often '{k}' occurs", "find how many times '{k}' is in the text"),
        rarely("s.count('{k}')", "s.count({k})", "NameError"), _LETTERS,
    ),
    Primitive(
        "alphabet", _T, _I, "n = len(set(s))",
        ("count the distinct characters", "find how many different characters there are"),
        rarely("len(set(s))", "set(len(s))", "TypeError"),
    ),
    Primitive(
        "split", _T, _W, "ws = s.split()",
        ("split the text into words", "take the words of the text"),
        rarely("s.split()", "s.split", _WRONG),
    ),
)

WORDS = (
    Primitive(
        "sort-words", _W, _W, "ws = sorted(ws)",
        ("sort the words alphabetically", "put the words in alphabetical order"),
        rarely("sorted(ws)", "ws.sort()", "TypeError"),
    ),
    Primitive(
        "lengths", _W, _N, "xs = [len(w) for w in ws]",
        ("take the length of each word", "replace every word with its length"),
        often("[len(w) for w in ws]", "len(ws)", "TypeError"),
    ),
    Primitive(
        "upper-words", _W, _W, "ws = [w.upper() for w in ws]",
        ("convert each word to upper case", "write every word in capitals"),
        rarely("[w.upper() for w in ws]", "ws.upper()", "AttributeError"),
    ),
    Primitive(
        "reverse-each", _W, _W, "ws = [w[::-1] for w in ws]",
        ("reverse each word", "write every word backwards"),
        often("[w[::-1] for w in ws]", "ws[::-1]", _WRONG),
    ),
    Primitive(
        "reverse-words", _W, _W, "ws = ws[::-1]",
        ("reverse the order of the words", "put the last word first and so on"),
        rarely("ws[::-1]", "ws.reverse()", "TypeError"),
    ),
    Primitive(
        "longer", _W, _W, "ws = [w for w in ws if len(w) > {k}]",
        ("keep the words longer than {k} letters", "remove the words of at most {k} letters"),
        often("len(w) > {k}", "w > {k}", "TypeError"), tuple("345"),
    ),
    Primitive(
        "distinct-words", _W, _W, "ws = list(dict.fromkeys(ws))",
        ("remove repeated words, keeping first occurrences", "keep only the first occurrence of each word"),
        rarely("dict.fromkeys(ws)", "ws", _WRONG),
    ),
    Primitive(
        "by-length", _W, _W, "ws = sorted(ws, key=len)",
        ("sort the words by length", "put the words in order of their length"),
        often("key=len", "key=length", "NameError"),
    ),
    Primitive(
        "join", _W, _T, "s = '-'.join(ws)",
        ("join the words with '-'", "write the words in a row with '-' between them"),
        often("'-'.join(ws)", "ws.join('-')", "AttributeError"),
    ),
    Primitive(
        "longest", _W, _T, "s = max(ws, key=len)",
        ("find the longest word", "take the first word of greatest length"),
        often("max(ws, key=len)", "max(ws)", _WRONG),
    ),
    Primitive(
        "acronym", _W, _T, "s = ''.join(w[0] for w in ws)",
        ("take the first letter of each word", "make an acronym of the words"),
        rarely("for w in ws)", "for w in ws", "SyntaxError"),
    ),
    Primitive(
        "most-common", _W, _T, "from collections import Counter\ns = Counter(ws).most_common(1)[0][0]",
        ("find the most common word", "take the word that occurs most often"),
        often("from collections import Counter\n", "", "NameError"),
    ),
    Primitive(
        "count-words", _W, _I, "n = len(ws)",
        ("count the words", "find how many words there are"),
        rarely("len(ws)", "ws.count()", "TypeError"),
    ),
)
