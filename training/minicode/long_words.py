"""Primitives of the `long` tier that start from text, words or scores. docs/minicode.md is written from this table."""

from __future__ import annotations

from training.minicode.primitives import DOMINANT, FREQUENT, Bug, Kind, Primitive

_DIGITS = tuple("3456789")
_N, _I, _T, _W, _S = Kind.NUMBERS, Kind.NUMBER, Kind.TEXT, Kind.WORDS, Kind.SCORES
_WRONG = "wrong answer"


# fmt: off
TEXT = (
    Primitive(
        "letter-counts", _T, _S,
        "scores = {}\nfor letter in text:\n    if letter.isalpha():\n"
        "        scores[letter] = scores.get(letter, 0) + 1",
        ("count how often each letter occurs", "score every letter by its number of occurrences"),
        (Bug("scores[letter] = scores.get(letter, 0) + 1", "scores[letter] += 1", "KeyError", DOMINANT),
         Bug("scores = {}", "scores = []", "AttributeError")),
    ),
    Primitive(
        "shift", _T, _T,
        "shifted = ''\nfor letter in text:\n    if letter.isalpha():\n"
        "        place = (ord(letter) - ord('a') + {k}) % 26\n"
        "        letter = chr(place + ord('a'))\n    shifted += letter\ntext = shifted",
        ("shift each letter by {k} places in the alphabet", "encode the text with a shift of {k}"),
        (Bug("chr(place + ord('a'))", "place + ord('a')", "TypeError", DOMINANT),
         Bug("shifted = ''", "shifted = 0", "TypeError")),
        _DIGITS,
    ),
    Primitive(
        "pack", _T, _T,
        "packed = ''\ncount = 0\nfor i, letter in enumerate(text):\n    count += 1\n"
        "    if i + 1 == len(text) or text[i + 1] != letter:\n        packed += letter + str(count)\n"
        "        count = 0\n"
        "text = packed",
        ("replace each run of a character with it and its length", "compress the text with run lengths"),
        (Bug("i + 1 == len(text) or ", "", "IndexError", FREQUENT), Bug("str(count)", "count", "TypeError")),
    ),
    Primitive(
        "split", _T, _W,
        "words = []\nfor word in text.split():\n    words.append(word.lower())",
        ("split the text into words in lower case", "take the words of the text in lower case"),
        (Bug("words.append", "words.push", "AttributeError"), Bug("text.split()", "split(text)", "NameError")),
    ),
    Primitive(
        "mask", _T, _T,
        "masked = ''\nfor letter in text:\n    if letter in 'aeiou':\n        masked += '*'\n    else:\n"
        "        masked += letter\ntext = masked",
        ("replace the vowels with stars", "write '*' for every vowel"),
        (Bug("    else:", "    else", "SyntaxError", FREQUENT), Bug("masked = ''", "masked = []", _WRONG)),
    ),
    Primitive(
        "vowels", _T, _I,
        "result = 0\nfor letter in text:\n    if letter in 'aeiou':\n        result += 1",
        ("count the vowels", "find how many vowels there are"),
        (Bug("result += 1", "result =+ 1", _WRONG, DOMINANT), Bug("in text:", "in test:", "NameError")),
    ),
    Primitive(
        "mismatches", _T, _I,
        "result = 0\nfor i in range(len(text)):\n    if text[i] != text[-1 - i]:\n        result += 1",
        ("count the places where the text differs from its reverse", "find how far the text is from a palindrome"),
        (Bug("text[-1 - i]", "text[len(text) - i]", "IndexError"), Bug("range(len(text))", "range(text)", "TypeError")),
    ),
)

WORDS = (
    Primitive(
        "lengths", _W, _N,
        "values = []\nfor word in words:\n    values.append(len(word))",
        ("take the length of each word", "replace every word with its length"),
        (Bug("len(word)", "word.length", "AttributeError", FREQUENT), Bug("values = []\n", "", "NameError")),
    ),
    Primitive(
        "word-counts", _W, _S,
        "scores = {}\nfor word in words:\n    if word not in scores:\n        scores[word] = 0\n    scores[word] += 1",
        ("count how often each word occurs", "score every word by its number of occurrences"),
        (Bug("    if word not in scores:\n        scores[word] = 0\n", "", "KeyError"),
         Bug("scores[word] += 1", "scores[words] += 1", "TypeError")),
    ),
    Primitive(
        "initial-totals", _W, _S,
        "scores = {}\nfor word in words:\n    first = word[0]\n    scores[first] = scores.get(first, 0) + len(word)",
        ("add up the word lengths for each first letter", "score every first letter by the letters in its words"),
        (Bug("scores.get(first, 0)", "scores[first]", "KeyError"),
         Bug("first = word[0]", "first = words[0]", _WRONG, FREQUENT)),
    ),
    Primitive(
        "shout-longest", _W, _W,
        "size = max(len(word) for word in words)\nchanged = []\nfor word in words:\n    if len(word) == size:\n"
        "        word = word.upper()\n    changed.append(word)\nwords = changed",
        ("write the longest words in capitals", "put every word of greatest length in upper case"),
        (Bug("word = word.upper()", "word.upper()", _WRONG, DOMINANT), Bug("== size", "= size", "SyntaxError")),
    ),
    Primitive(
        "longer", _W, _W,
        "kept = []\nfor word in words:\n    if len(word) > {k}:\n        kept.append(word)\nwords = kept",
        ("keep the words longer than {k} letters", "remove the words of at most {k} letters"),
        (Bug("len(word) >", "word >", "TypeError"), Bug("words = kept", "words = keep", "NameError")),
        tuple("345"),
    ),
    Primitive(
        "by-length", _W, _W,
        "def rank(word):\n    return len(word), word\nwords = sorted(words, key=rank)",
        ("sort the words by length and then alphabetically", "put shorter words first and equal lengths in order"),
        (Bug("key=rank", "rank", "TypeError", DOMINANT), Bug("return len(word), word", "return len(word)", _WRONG)),
    ),
    Primitive(
        "flip-odd", _W, _W,
        "changed = []\nfor i, word in enumerate(words):\n    if i % 2 == 1:\n        word = word[::-1]\n"
        "    changed.append(word)\nwords = changed",
        ("reverse every second word", "write each word at an odd index backwards"),
        (Bug("word[::-1]", "word.reverse()", "AttributeError"), Bug("enumerate(words)", "words", "ValueError")),
    ),
    Primitive(
        "join", _W, _T,
        "text = ''\nfor word in words:\n    if text:\n        text += '-'\n    text += word",
        ("join the words with '-'", "write the words in a row with '-' between them"),
        (Bug("text += word", "text.append(word)", "AttributeError", DOMINANT),
         Bug("if text:", "if text", "SyntaxError")),
    ),
    Primitive(
        "acronym", _W, _T,
        "text = ''\nfor word in words:\n    text += word[0].upper()",
        ("make an acronym of the words", "take the first letter of each word as a capital"),
        (Bug("word[0].upper()", "word[0].upper", "TypeError"), Bug("text = ''\n", "", "NameError")),
    ),
)

SCORES = (
    Primitive(
        "ranking", _S, _W,
        "ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))\nwords = []\n"
        "for name, score in ranked:\n    words.append(name)",
        ("rank the names from highest to lowest score", "list the names by falling score and then alphabetically"),
        (Bug("(-item[1], item[0])", "-item[1], item[0]", "SyntaxError"),
         Bug("name, score in ranked", "name in ranked", _WRONG, FREQUENT)),
    ),
    Primitive(
        "top-score", _S, _I,
        "result = 0\nfor name in scores:\n    if scores[name] > result:\n        result = scores[name]",
        ("find the highest score", "take the best score"),
        (Bug("if scores[name] >", "if name >", "TypeError", DOMINANT),
         Bug("result = scores[name]", "result = name", "TypeError")),
    ),
    Primitive(
        "score-list", _S, _N,
        "values = []\nfor name in sorted(scores):\n    values.append(scores[name])",
        ("list the scores in order of the names", "take the scores sorted by name"),
        (Bug("sorted(scores)", "scores.sort()", "AttributeError"),
         Bug("scores[name]", "scores.name", "AttributeError")),
    ),
    Primitive(
        "bonus", _S, _S,
        "raised = {}\nfor name, score in scores.items():\n    raised[name] = score + {k}\nscores = raised",
        ("add {k} to each score", "raise every score by {k}"),
        (Bug("scores.items()", "scores", "ValueError", FREQUENT), Bug("score + {k}", "name + {k}", "TypeError")),
        _DIGITS,
    ),
    Primitive(
        "qualify", _S, _S,
        "kept = {}\nfor name, score in scores.items():\n    if score > {k}:\n        kept[name] = score\nscores = kept",
        ("keep the scores above {k}", "remove the scores that are at most {k}"),
        (Bug("kept[name] = score", "kept.append(score)", "AttributeError"), Bug("kept = {}\n", "", "NameError")),
        tuple("123"),
    ),
    Primitive(
        "winner", _S, _T,
        "best = max(scores.values())\nwinners = sorted(name for name in scores if scores[name] == best)\n"
        "text = winners[0]",
        ("find the name with the best score", "take the first name with the highest score"),
        (Bug("scores.values()", "scores", "IndexError"), Bug("== best)", "== best", "SyntaxError")),
    ),
    Primitive(
        "total", _S, _I,
        "result = 0\nfor name, score in scores.items():\n    result += score",
        ("find the sum of the scores", "add up all scores"),
        (Bug("for name, score in scores.items()", "for score in scores", "TypeError", DOMINANT),
         Bug("result = 0\n", "", "NameError")),
    ),
)
